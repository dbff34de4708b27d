//! Time and memory against table size and threads; rows per second against the number of rows asked for.

use std::time::Duration;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use xnc::{Codec, EncodeOptions, Table, Verify};

use super::Study;
use crate::clock::warm;
use crate::spread::Spread;
use crate::tables::{self, Random, TableFile, Words};

/// What was found.
#[derive(Serialize, Deserialize)]
pub struct Scaling {
    /// Tables of growing size.
    pub sizes: Vec<Size>,
    /// The main table with more threads.
    pub threads: Vec<Threads>,
    /// Lookups of growing size in the main table.
    pub lookups: Vec<Lookup>,
}

/// One table size under one codec.
#[derive(Serialize, Deserialize)]
pub struct Size {
    /// Codec.
    pub codec: String,
    /// Which table it is the beginning of.
    pub table: String,
    /// Its rows.
    pub rows: usize,
    /// Source bytes.
    pub bytes: u64,
    /// Encoding, on all threads.
    pub encode_seconds: Spread,
    /// Decoding, on one thread.
    pub decode_seconds: Spread,
    /// Largest resident size of `xnc compress`.
    pub compress_peak_bytes: Option<u64>,
}

/// The main table with some number of threads.
#[derive(Serialize, Deserialize)]
pub struct Threads {
    /// Codec.
    pub codec: String,
    /// Threads.
    pub threads: usize,
    /// 10^9 source bytes a second.
    pub encode_gb_s: Spread,
    /// 10^9 source bytes a second.
    pub decode_gb_s: Spread,
}

/// A lookup of some number of random rows, one thread.
#[derive(Serialize, Deserialize)]
pub struct Lookup {
    /// Codec, or `plain`.
    pub codec: String,
    /// Rows asked for in one call.
    pub asked: usize,
    /// Rows given a second.
    pub rows_per_second: Spread,
}

/// Measures all three.
pub fn measure(study: &Study) -> Result<Scaling> {
    let main = study.main();
    let parts: &[usize] = if study.sample { &[256] } else { &[768, 3072, 12288] };
    let parts = parts.iter().map(|rows| main.first(study.scratch(), *rows)).collect::<Result<Vec<_>>>()?;
    let largest = study.tables.iter().map(|pair| &pair.bf16).max_by_key(|table| table.bytes());
    let largest = largest.filter(|largest| largest.bytes() > main.bytes());
    let mut found = Scaling { sizes: Vec::new(), threads: Vec::new(), lookups: Vec::new() };
    found.lookups.extend(lookup("plain", &main.open_plain()?)?);
    for codec in Codec::ALL {
        for part in &parts {
            let coded = Coded::new(study, part, *codec)?;
            found.sizes.push(coded.size(encode(part, *codec, 0)?, coded.decode(1)?));
        }
        let coded = Coded::new(study, main, *codec)?;
        let gb = main.bytes() as f64 * 1e-9;
        let mut last = None;
        for n in threads() {
            let (encoding, decoding) = (encode(main, *codec, n)?, coded.decode(n)?);
            let (encode_gb_s, decode_gb_s) = (encoding.rate(gb), decoding.rate(gb));
            found.threads.push(Threads { codec: codec.name().into(), threads: n, encode_gb_s, decode_gb_s });
            last = Some(encoding);
        }
        found.sizes.push(coded.size(last.context("no threads")?, coded.decode(1)?));
        found.lookups.extend(lookup(codec.name(), &coded.table)?);
        // `dense` on the largest table is in section `ratios`: minutes, once.
        if let Some(table) = largest.filter(|_| *codec != Codec::Dense) {
            let coded = Coded::new(study, table, *codec)?;
            found.sizes.push(coded.size(encode(table, *codec, 0)?, coded.decode(1)?));
        }
    }
    Ok(found)
}

/// One thread, doubled up to all that the machine has.
fn threads() -> impl Iterator<Item = usize> {
    let all = std::thread::available_parallelism().map_or(1, usize::from);
    std::iter::successors(Some(1), move |n| (*n < all).then_some((n * 2).min(all)))
}

/// Time to spend on repetitions of one thing.
const TIME: Duration = Duration::from_millis(500);

/// What repetitions of `work` take, after one that does not count.
fn repeated<T>(work: impl FnMut() -> Result<T>) -> Result<Spread> {
    Spread::of(warm(TIME, work)?)
}

/// Seconds to encode into memory with `threads`, 0 for all.
fn encode(table: &TableFile, codec: Codec, threads: usize) -> Result<Spread> {
    let words = table.words()?;
    let mut options = EncodeOptions::default();
    options.codec = codec;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
    repeated(|| {
        let encode = || Table::encode(table.dtype, table.rows, table.dim, &words, &options);
        Ok(pool.install(encode)?)
    })
}

/// A compressed table, every page of it in memory.
struct Coded {
    table: Table,
    source: TableFile,
    codec: Codec,
    peak_bytes: Option<u64>,
    path: std::path::PathBuf,
}

impl Coded {
    fn new(study: &Study, table: &TableFile, codec: Codec) -> Result<Coded> {
        let path = study.scratch().join(format!("scaling.{}.safetensors", codec.name()));
        let (from, to) = (table.path.to_string_lossy(), path.to_string_lossy());
        let report = study.xnc(&["compress", &from, "-o", &to, "--force", "--codec", codec.name()])?;
        report["output_bytes"].as_u64().context("the table stays plain")?;
        Ok(Coded {
            table: tables::open(&path, &table.tensor, Verify::OnOpen)?,
            source: table.clone(),
            codec,
            peak_bytes: report["peak_rss_bytes"].as_u64(),
            path,
        })
    }

    fn size(&self, encode_seconds: Spread, decode_seconds: Spread) -> Size {
        Size {
            codec: self.codec.name().into(),
            table: self.source.label.clone(),
            rows: self.source.rows,
            bytes: self.source.bytes(),
            encode_seconds,
            decode_seconds,
            compress_peak_bytes: self.peak_bytes,
        }
    }

    fn decode(&self, threads: usize) -> Result<Spread> {
        let table = &self.table;
        let share = table.rows().div_ceil(threads) * table.dim();
        let mut out = Words::touched(table.rows() * table.dim());
        repeated(|| {
            std::thread::scope(|scope| {
                let work = |(part, out): (usize, &mut [u16])| table.read(part * share, out);
                let mut parts = out.chunks_mut(share).enumerate();
                let first = parts.next().context("a table without words")?;
                let others: Vec<_> = parts.map(|part| scope.spawn(move || work(part))).collect();
                work(first)?;
                others.into_iter().try_for_each(|other| other.join().expect("a reader panicked"))?;
                Ok(())
            })
        })
    }
}

impl Drop for Coded {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Row numbers: more than all repetitions take, so that rows are no warmer where fewer are asked for at once.
const LOOKED_UP: usize = 1 << 17;

fn lookup(codec: &str, table: &Table) -> Result<Vec<Lookup>> {
    let mut random = Random::new(5);
    let ids: Vec<usize> = (0..LOOKED_UP).map(|_| random.below(table.rows())).collect();
    let mut lookups = Vec::new();
    for asked in [1, 8, 64, 512, 4096] {
        let mut out = Words::touched(asked * table.dim());
        let mut calls = ids.chunks_exact(asked).cycle();
        // Several calls a repetition: one may be shorter than the clock can tell.
        let repetition = (4096 / asked).clamp(1, 256);
        let seconds = repeated(|| {
            Ok(calls.by_ref().take(repetition).try_for_each(|ids| table.gather(ids, &mut out))?)
        })?;
        let rows_per_second = seconds.rate((repetition * asked) as f64);
        lookups.push(Lookup { codec: codec.into(), asked, rows_per_second });
    }
    Ok(lookups)
}
