//! `xnc bench --cold`: rows read from disk, beside plain rows read in the same way, and plain rows of a mapped file.

mod cases;
mod ids;
mod subjects;

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use xnc::{Codec, Model};

use super::Files;
use crate::{args, say};
use cases::{Case, Found};
use subjects::Subjects;

/// Reads in flight when the disk itself is measured: more give no more.
const DEPTH: usize = 128;

/// Bytes below which a table is soon in the page cache as a whole.
const SMALL: usize = 1 << 30;

/// What the disk gives by itself: reads of 4 KiB anywhere a second, and gigabytes a second in order.
struct Device {
    reads_per_s: f64,
    gb_s: f64,
}

pub fn run(args: &args::Bench, files: &Files) -> Result<()> {
    let mut subjects = Subjects::open(files, args.cache << 20)?;
    ensure!(
        subjects.coded_codec().is_some(),
        "tensor `{}` stays plain: it does not shrink by 1 %",
        files.tensor
    );
    if subjects.plain_bytes() < SMALL {
        say::warn(&["the table is so small that the page cache holds it after its first reads".to_owned()]);
    }
    let budget = Duration::from_secs(args.seconds);
    let device = device(&files.plain, budget / 10)?;
    let found = cases::run(&mut subjects, budget)?;
    let warm = cases::warm(&subjects, budget / 10)?;
    if args.json {
        return say::print_json(&json(files, &subjects, &device, &found, warm));
    }
    say::print(&text(files, &subjects, &device, &found, warm))
}

fn device(path: &Path, time: Duration) -> Result<Device> {
    let mut random = fastrand::Rng::new();
    let reads_per_s = xnc_store::probe(path, 4096, DEPTH, time, &mut |blocks| random.u64(..blocks))?;
    let (block, mut next) = (1 << 20, 0);
    let in_order = &mut |_| {
        next += 1;
        next
    };
    let gb_s = xnc_store::probe(path, block, 16, time, in_order)? * block as f64 / 1e9;
    Ok(Device { reads_per_s, gb_s })
}

fn json(
    files: &Files,
    subjects: &Subjects,
    device: &Device,
    found: &[(Case, Found)],
    warm: [f64; 2],
) -> Value {
    let cold = found.iter().map(|(case, found)| {
        json!({
            "distribution": case.ids.name(),
            "ids": case.count,
            "depth": case.depth,
            "direct": case.direct,
            "rows_per_s": found.coded.rows_per_s,
            "plain_rows_per_s": found.plain.rows_per_s,
            "mapped_rows_per_s": found.mapped.map(|found| found.rows_per_s),
            "pages_per_row": found.coded.bytes_per_row / 4096.0,
            "bytes_per_row": found.coded.bytes_per_row,
            "plain_bytes_per_row": found.plain.bytes_per_row,
            "p50_us": found.coded.p50_us,
            "p99_us": found.coded.p99_us,
            "plain_p50_us": found.plain.p50_us,
            "plain_p99_us": found.plain.p99_us,
            "rss_bytes": found.coded.rss_bytes,
        })
    });
    json!({
        "tensor": files.tensor,
        "shape": [subjects.rows, subjects.dim],
        "codec": subjects.coded_codec().map(Codec::name),
        "cache_bytes": subjects.cache_bytes,
        "index_bytes": subjects.index_bytes(),
        "device": { "reads_per_s": device.reads_per_s, "gb_s": device.gb_s },
        "cold": cold.collect::<Vec<_>>(),
        "warm": { "ns_per_row": warm[0], "plain_mapped_ns_per_row": warm[1], "ratio": warm[0] / warm[1] },
    })
}

fn text(
    files: &Files,
    subjects: &Subjects,
    device: &Device,
    found: &[(Case, Found)],
    warm: [f64; 2],
) -> String {
    let rows = found.iter().map(|(case, found)| {
        let thousands = |rows: f64| format!("{:.1}", rows / 1e3);
        vec![
            case.ids.name().to_owned(),
            if case.direct { "by-passed" } else { "dropped" }.to_owned(),
            case.count.to_string(),
            case.depth.to_string(),
            thousands(found.coded.rows_per_s),
            thousands(found.plain.rows_per_s),
            found.mapped.map_or_else(String::new, |found| thousands(found.rows_per_s)),
            format!("{:.0}", found.coded.bytes_per_row),
            format!("{:.0} / {:.0}", found.coded.p50_us, found.coded.p99_us),
        ]
    });
    let header = [
        "ids",
        "page cache",
        "a call",
        "depth",
        "1000 rows/s",
        "plain",
        "plain, mapped",
        "bytes a row",
        "us a call: p50 / p99",
    ];
    format!(
        "{} ({} x {}), codec {}; index {:.1} MB in memory\n\
         disk: {:.0} reads of 4 KiB a second, {:.2} GB/s in order\n\
         {}\n\
         rows that are in the cache: {:.0} ns; plain mapped ones that are in memory: {:.0} ns",
        say::escaped(&files.tensor),
        subjects.rows,
        subjects.dim,
        subjects.coded_codec().map_or("-", Codec::name),
        subjects.index_bytes() as f64 / 1e6,
        device.reads_per_s,
        device.gb_s,
        say::table(&header, 2, rows),
        warm[0],
        warm[1],
    )
}

/// The extents of a table.
fn extents(path: &Path, tensor: &str) -> Result<(usize, usize)> {
    let table = Model::open(path)?.table(tensor)?;
    Ok((table.rows(), table.dim()))
}
