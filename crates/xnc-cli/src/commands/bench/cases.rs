//! The cases of a bench run, and the numbers that come out.

use std::cell::RefCell;
use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use xnc::{Codec, Dtype, EncodeOptions, Table};

use super::Files;
use super::measure::{Cases, median};
use super::verified::{self, Verified};
use super::words::{self, Words};

/// Rows looked up at a time.
pub const GATHER: usize = 512;

/// Lookups timed as one, so that a timer's own cost is lost in it.
const GATHERS: usize = 4;

/// Vectors of the batch.
const BATCH: usize = 8;

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
    pub batch: Option<Product>,
}

pub struct Product {
    pub activation: &'static str,
    pub threads: usize,
    pub vectors: usize,
    pub ms: f64,
    pub plain_ms: f64,
    pub plain_variant: String,
    pub plain_gb_s: f64,
    pub plain_to_read: f64,
    pub backend: String,
    pub variants: Vec<(String, serde_json::Value)>,
}

impl Numbers {
    pub fn product(&self, threads: usize, activation: &str) -> Option<&Product> {
        self.products.iter().find(|product| product.threads == threads && product.activation == activation)
    }
}

/// Measures everything in this process.
pub fn run(files: &Files, plain: &Table, coded: &Table, threads: usize, seconds: u64) -> Result<Numbers> {
    let (rows, dim, dtype) = (coded.rows(), coded.dim(), coded.dtype());
    ensure!(rows > 0 && dim > 0, "tensor `{}` is empty", files.tensor);
    let bytes = 2 * rows * dim;
    let source = Words::of(plain)?;
    let plain = source.variants(coded)?;
    let target = RefCell::new(vec![1_u16; rows * dim]);
    coded.read(0, &mut target.borrow_mut())?;
    ensure!(target.borrow()[..] == *source.words(), "the compressed table differs from its source");

    let mut random = fastrand::Rng::with_seed(2);
    let x: Vec<Vec<f32>> = (0..BATCH).map(|_| (0..dim).map(|_| 2.0 * random.f32() - 1.0).collect()).collect();
    let x_bf16: Vec<u16> = x[0].iter().map(|x| (x.to_bits() >> 16) as u16).collect();
    let flat = x.concat();
    let ids: Vec<Vec<usize>> =
        (0..64).map(|_| (0..GATHER).map(|_| random.usize(..rows.max(1))).collect()).collect();
    let turn = RefCell::new(0);
    let next_ids = || {
        *turn.borrow_mut() += 1;
        &ids[*turn.borrow() % ids.len()]
    };
    let out = RefCell::new(vec![1.0_f32; BATCH * rows]);
    let (some, some_f32) =
        (RefCell::new(vec![1_u16; GATHER * dim]), RefCell::new(vec![1.0_f32; GATHER * dim]));

    let share = rows.div_ceil(threads) * dim;
    let mut cases = Cases::default();
    let (bytes_, words) = (source.as_ref(), source.words());
    cases.add("read", || _ = black_box(words::read(bytes_, threads)));
    cases.add("read one", || _ = black_box(words::read(bytes_, 1)));
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
    for (name, table) in [("gather", coded), ("copy", &plain[0].1)] {
        cases.add_warm(name, || {
            for _ in 0..GATHERS {
                table.gather(next_ids(), &mut some.borrow_mut()).expect("checked above");
            }
        });
    }
    cases.add_warm("gather f32", || {
        for _ in 0..GATHERS {
            coded.gather_f32(next_ids(), &mut some_f32.borrow_mut()).expect("checked above");
        }
    });
    // The plain rows as a caller would copy them: no call a row, no checks.
    cases.add_warm("copy plainly", || {
        for _ in 0..GATHERS {
            let mut some = some.borrow_mut();
            for (&id, out) in next_ids().iter().zip(some.chunks_exact_mut(dim)) {
                out.copy_from_slice(&words[id * dim..][..dim]);
            }
        }
    });
    // Products are what `fast` is for; the others would first have to decode every row.
    let mut counts = if coded.codec() == Some(Codec::Fast) { vec![threads, 1] } else { Vec::new() };
    counts.dedup();
    // Compressed and plain go the same way: the same pool, the same pieces.
    for &n in &counts {
        let (x, x_bf16, out) = (&x[0], &x_bf16, &out);
        let names = |what: &str| -> Vec<(String, &Table)> {
            let plain = plain.iter().map(|(name, table)| (format!("plain {what} {n} {name}"), table));
            std::iter::once((format!("{what} {n}"), coded)).chain(plain).collect()
        };
        for (name, table) in names("f32") {
            cases.add(name, move || {
                table.product(x, n, &mut out.borrow_mut()[..rows]).expect("checked above");
            });
        }
        for (name, table) in if dtype == Dtype::Bf16 { names("bf16") } else { Vec::new() } {
            cases.add(name, move || {
                table.product_bf16(x_bf16, n, &mut out.borrow_mut()[..rows]).expect("checked above");
            });
        }
    }
    if !counts.is_empty() {
        for (name, table) in [("batch", coded), ("plain batch no prefetch", &plain[0].1)] {
            let (flat, out) = (&flat, &out);
            cases.add(name, move || {
                table.product(flat, threads, &mut out.borrow_mut()).expect("checked above");
            });
        }
    }
    let rounds = cases.run(Duration::from_secs(seconds));

    let gb_s =
        |name: &str| -> Result<f64> { Ok(bytes as f64 * 1e-9 / cases.median(name).context("a case")?) };
    let row_ns = |name: &str| -> Result<f64> {
        Ok(cases.median(name).context("a case")? * 1e9 / (GATHERS * GATHER) as f64)
    };
    let product =
        |activation: &'static str, n: usize, vectors: usize, name: &str, prefix: &str| -> Option<Product> {
            let variants = cases.all(prefix);
            let (plain_variant, plain) = variants.first()?.clone();
            let read = cases.median(if n == 1 { "read one" } else { "read" })?;
            Some(Product {
                activation,
                threads: n,
                vectors,
                ms: cases.median(name)? * 1e3,
                plain_ms: plain * 1e3,
                plain_variant,
                plain_gb_s: bytes as f64 * 1e-9 / plain,
                plain_to_read: read / plain,
                backend: coded.backend().to_string(),
                variants: variants.into_iter().map(|(name, s)| (name, (s * 1e3).into())).collect(),
            })
        };
    let products = counts
        .iter()
        .flat_map(|&n| {
            ["f32", "bf16"].map(|a| product(a, n, 1, &format!("{a} {n}"), &format!("plain {a} {n} ")))
        })
        .flatten()
        .collect();
    Ok(Numbers {
        rounds,
        ratio: bytes as f64 / coded.stored_bytes() as f64,
        read_gb_s: gb_s("read")?,
        read_gb_s_one: gb_s("read one")?,
        encode_gb_s: encode(coded, words)?,
        decode_gb_s: gb_s("decode")?,
        memcpy_gb_s: gb_s("memcpy")?,
        decode_all_gb_s: gb_s("decode all")?,
        memcpy_all_gb_s: gb_s("memcpy all")?,
        gather_ns: row_ns("gather")?,
        gather_f32_ns: row_ns("gather f32")?,
        copy_ns: row_ns("copy")?.min(row_ns("copy plainly")?),
        verified: verified::all(files)?,
        products,
        batch: product("f32", threads, BATCH, "batch", "plain batch "),
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
