//! The cases of a bench run, and the numbers that come out.

use std::cell::RefCell;
use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use xnc::{EncodeOptions, Table};

use super::Files;
use super::measure::{Cases, median};
use super::products::{self, Inputs, Kind, Product};
use super::verified::{self, Verified};
use super::words::Words;

/// Rows looked up at a time.
pub const GATHER: usize = 512;

/// Lookups timed as one, so that a timer's own cost is lost in it.
const GATHERS: usize = 4;

pub struct Numbers {
    pub rounds: usize,
    pub ratio: f64,
    pub read_gb_s: f64,
    pub read_gb_s_one: f64,
    pub encode_gb_s: f64,
    pub decode_gb_s: f64,
    pub memcpy_gb_s: f64,
    pub decode_all_gb_s: f64,
    pub memcpy_all_gb_s: f64,
    pub gather_ns: f64,
    pub gather_f32_ns: f64,
    pub copy_ns: f64,
    /// On touch, on open, never.
    pub verified: [Verified; 3],
    /// F32 on all threads first.
    pub products: Vec<Product>,
}

impl Numbers {
    pub fn product(&self, threads: usize, bf16: bool, vectors: usize) -> Option<&Product> {
        self.products.iter().find(|product| product.kind == Kind { bf16, threads, vectors })
    }
}

/// Measures everything in this process.
pub fn run(files: &Files, source: &Words, coded: &Table, threads: usize, seconds: u64) -> Result<Numbers> {
    let (rows, dim) = (coded.rows(), coded.dim());
    ensure!(rows > 0 && dim > 0, "tensor `{}` is empty", files.tensor);
    let bytes = 2 * rows * dim;
    let (plain, readers) = (source.variants(coded)?, source.readers(coded)?);
    let kinds = Kind::all(coded, threads);
    let huge = if kinds.is_empty() { Vec::new() } else { source.huge(coded)? };
    let target = RefCell::new(vec![1_u16; rows * dim]);
    coded.read(0, &mut target.borrow_mut())?;
    ensure!(target.borrow()[..] == *source.words(), "the compressed table differs from its source");

    let mut random = fastrand::Rng::with_seed(2);
    let ids: Vec<Vec<usize>> =
        (0..64).map(|_| (0..GATHER).map(|_| random.usize(..rows.max(1))).collect()).collect();
    let turn = RefCell::new(0);
    let next_ids = || {
        *turn.borrow_mut() += 1;
        &ids[*turn.borrow() % ids.len()]
    };
    let inputs = Inputs::new(rows, dim);
    let (some, some_f32) =
        (RefCell::new(vec![1_u16; GATHER * dim]), RefCell::new(vec![1.0_f32; GATHER * dim]));

    let share = rows.div_ceil(threads) * dim;
    // Codecs without products take so long for a row that where memory lay makes no difference.
    let touch = |table: &Table| {
        if let Some(&kind) = kinds.first() {
            inputs.multiply(table, kind);
        }
    };
    let mut cases = Cases::default();
    let words = source.words();
    products::add_reads(&mut cases, &readers, threads, &inputs);
    cases.add("memcpy", || target.borrow_mut().copy_from_slice(black_box(words)));
    cases.add("decode", || coded.read(0, &mut target.borrow_mut()).expect("checked above"));
    cases.add("memcpy all", || {
        let mut target = target.borrow_mut();
        std::thread::scope(|scope| {
            for (out, words) in target.chunks_mut(share).zip(words.chunks(share)) {
                scope.spawn(|| out.copy_from_slice(black_box(words)));
            }
        });
    });
    cases.add("decode all", || {
        let mut target = target.borrow_mut();
        std::thread::scope(|scope| {
            for (part, out) in target.chunks_mut(share).enumerate() {
                scope.spawn(move || coded.read(part * share, out).expect("checked above"));
            }
        });
    });
    let plainly = &plain[0].1;
    for (name, table) in [("gather", coded), ("copy", plainly)] {
        let touch = move || touch(table);
        cases.add_few(name, touch, || {
            for _ in 0..GATHERS {
                table.gather(next_ids(), &mut some.borrow_mut()).expect("checked above");
            }
        });
    }
    cases.add_few(
        "gather f32",
        || touch(coded),
        || {
            for _ in 0..GATHERS {
                coded.gather_f32(next_ids(), &mut some_f32.borrow_mut()).expect("checked above");
            }
        },
    );
    // The plain rows as a caller would copy them: no call a row, no checks.
    cases.add_few(
        "copy plainly",
        || touch(plainly),
        || {
            for _ in 0..GATHERS {
                let mut some = some.borrow_mut();
                for (&id, out) in next_ids().iter().zip(some.chunks_exact_mut(dim)) {
                    out.copy_from_slice(&words[id * dim..][..dim]);
                }
            }
        },
    );
    products::add(&mut cases, &kinds, coded, [&plain, &huge], &inputs);
    let rounds = cases.run(bytes, Duration::from_secs(seconds));

    let speed =
        |seconds: Option<f64>| -> Result<f64> { Ok(bytes as f64 * 1e-9 / seconds.context("a case")?) };
    let gb_s = |name: &str| speed(cases.median(name));
    let row_ns = |name: &str| -> Result<f64> {
        Ok(cases.median(name).context("a case")? * 1e9 / (GATHERS * GATHER) as f64)
    };
    Ok(Numbers {
        rounds,
        ratio: bytes as f64 / coded.stored_bytes() as f64,
        read_gb_s: speed(products::read(&cases, threads))?,
        read_gb_s_one: speed(products::read(&cases, 1))?,
        encode_gb_s: encode(coded, words)?,
        decode_gb_s: gb_s("decode")?,
        memcpy_gb_s: gb_s("memcpy")?,
        decode_all_gb_s: gb_s("decode all")?,
        memcpy_all_gb_s: gb_s("memcpy all")?,
        gather_ns: row_ns("gather")?,
        gather_f32_ns: row_ns("gather f32")?,
        copy_ns: row_ns("copy")?.min(row_ns("copy plainly")?),
        verified: verified::all(files)?,
        products: kinds.iter().filter_map(|&kind| Product::of(&cases, kind, coded, bytes)).collect(),
    })
}

/// Encodes in memory on one thread.
fn encode(coded: &Table, words: &[u16]) -> Result<f64> {
    let mut options = EncodeOptions::default();
    (options.codec, options.threads) = (coded.codec().unwrap_or_default(), 1);
    // A codec that takes long is not measured better by taking longer.
    let begin = Instant::now();
    let times = (0..5).take_while(|&n| n == 0 || begin.elapsed() < Duration::from_secs(5));
    let seconds = times.map(|_| {
        let start = Instant::now();
        black_box(Table::encode(coded.dtype(), coded.rows(), coded.dim(), words, &options)?);
        xnc::Result::Ok(start.elapsed().as_secs_f64())
    });
    let seconds = median(seconds.collect::<xnc::Result<_>>()?).context("a run")?;
    Ok(2.0 * words.len() as f64 * 1e-9 / seconds)
}
