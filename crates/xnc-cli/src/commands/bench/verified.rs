//! What each way of comparing checksums costs.

use std::hint::black_box;
use std::time::Instant;

use anyhow::{Context, Result};
use xnc::{Model, OpenOptions, Verify};

use super::Files;
use super::measure::median;

/// Times of one way; the file is in the machine's cache, the table newly opened for each.
pub struct Verified {
    pub open_ms: f64,
    /// A row of a chunk that no one has read.
    pub first_touch_ns: f64,
    /// Opening and then reading the whole table once.
    pub first_read_ms: f64,
}

/// On touch, on open, never.
pub fn all(files: &Files) -> Result<[Verified; 3]> {
    Ok([one(files, Verify::OnTouch)?, one(files, Verify::OnOpen)?, one(files, Verify::Never)?])
}

fn one(files: &Files, verify: Verify) -> Result<Verified> {
    let mut options = OpenOptions::default();
    options.verify = verify;
    let open = || Model::open(&files.coded)?.table_with(&files.tensor, &options);
    let times = (0..5).map(|_| {
        let start = Instant::now();
        black_box(open()?);
        xnc::Result::Ok(start.elapsed().as_secs_f64() * 1e3)
    });
    let open_ms = median(times.collect::<xnc::Result<_>>()?).context("a time")?;

    let table = open()?;
    let mut row = vec![0; table.dim()];
    // Chunks hold 64 KiB; rows further apart are in different ones.
    let apart = (1 << 15) / table.dim() + 1;
    let mut ids: Vec<usize> = (0..table.rows()).step_by(apart).collect();
    fastrand::Rng::with_seed(3).shuffle(&mut ids);
    let times = ids.iter().take(500).map(|&id| {
        let start = Instant::now();
        table.row(id, &mut row)?;
        xnc::Result::Ok(start.elapsed().as_secs_f64() * 1e9)
    });
    let first_touch_ns = median(times.collect::<xnc::Result<_>>()?).context("a row")?;

    let mut words = vec![1; table.rows() * table.dim()];
    let times = (0..3).map(|_| {
        let start = Instant::now();
        open()?.read(0, &mut words)?;
        xnc::Result::Ok(start.elapsed().as_secs_f64() * 1e3)
    });
    let first_read_ms = median(times.collect::<xnc::Result<_>>()?).context("a time")?;
    Ok(Verified { open_ms, first_touch_ns, first_read_ms })
}
