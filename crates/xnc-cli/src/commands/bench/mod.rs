//! `xnc bench`: everything that a table does, beside what plain words would cost, in one process.

mod cases;
mod cold;
mod measure;
mod products;
mod tune;
mod verified;
mod words;

use std::path::{Path, PathBuf};

use anyhow::{Result, bail, ensure};
use serde_json::{Value, json};
use xnc::{
    Codec, CompressOptions, Model, Progress, RestoreOptions, Selection, Table, TensorInfo, model_files,
};

use super::counted::tables_of;
use super::{not_found, with_bars};
use crate::args;
use crate::say;
use crate::signals;
use cases::Numbers;
use products::Product;
use verified::Verified;
use words::Words;

/// More threads cannot be started everywhere; none of them would have work.
const MOST_THREADS: usize = 1024;

pub fn run(args: &args::Bench) -> Result<()> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = if args.threads == 0 { cores } else { args.threads.min(MOST_THREADS) };
    // What is measured runs on the pool at hand; what prepares it brings its own.
    rayon::ThreadPoolBuilder::new().num_threads(threads).build_global()?;
    if let (true, Some(tensor)) = (args.probe, &args.tensor) {
        return tune::probe(&Model::open(&args.input)?.table(tensor)?, threads);
    }
    let folder = tempfile::tempdir()?;
    signals::remove_too(folder.path());
    let files = Files::prepare(args, cores, folder.path())?;
    if args.tune {
        return tune::run(&files.coded, &files.tensor, threads, args.json);
    }
    if args.cold {
        return cold::run(args, &files);
    }
    let plain = Words::of(&files, folder.path())?;
    let coded = Model::open(&files.coded)?.table(&files.tensor)?;
    ensure!(coded.codec().is_some(), "tensor `{}` stays plain: it does not shrink by 1 %", files.tensor);
    let numbers = cases::run(&files, &plain, &coded, threads, args.seconds)?;
    if args.json {
        return say::print_json(&json(&files, &coded, threads, &numbers));
    }
    say::print(&text(&files, &coded, threads, &numbers))
}

/// The same table in two files.
struct Files {
    plain: PathBuf,
    coded: PathBuf,
    tensor: String,
}

impl Files {
    /// Writes into `folder` whichever of the two is not there yet.
    fn prepare(args: &args::Bench, threads: usize, folder: &Path) -> Result<Files> {
        let (input, info, compressed) = find(args)?;
        let tensor = info.name;
        let extension = input.extension().unwrap_or_default();
        let mut plain = args.against.clone().unwrap_or_else(|| input.clone());
        if compressed && args.against.is_none() {
            plain = folder.join("plain").with_extension(extension);
            let mut options = RestoreOptions::default();
            options.threads = threads;
            with_bars(|hear| {
                let mut options = options.clone();
                options.progress = Progress::from(&hear);
                xnc::restore(&input, &plain, &options)
            })?;
        }
        if compressed && args.codec.is_none_or(|codec| info.codec == Some(codec)) {
            return Ok(Files { plain, coded: input, tensor });
        }
        let coded = folder.join("coded").with_extension(extension);
        let mut options = CompressOptions::default();
        options.codec = args.codec.unwrap_or_default();
        options.selection = Selection::Named(vec![tensor.clone()]);
        options.threads = threads;
        let report = with_bars(|hear| {
            let mut options = options.clone();
            options.progress = Progress::from(&hear);
            xnc::compress(&plain, &coded, &options)
        })?;
        ensure!(report.output_bytes.is_some(), "{}", report.nothing.unwrap_or_default());
        Ok(Files { plain, coded, tensor })
    }
}

/// The table that was named, or the largest, with the file that holds it; whether the file is compressed.
/// Of a compressed file's tables, those that are compressed.
fn find(args: &args::Bench) -> Result<(PathBuf, TensorInfo, bool)> {
    let mut best: Option<(PathBuf, TensorInfo, bool)> = None;
    let mut names = Vec::new();
    for path in model_files(&args.input)? {
        let model = Model::open(&path)?;
        let compressed = model.is_compressed();
        let found = match &args.tensor {
            Some(name) => model.tensor(name),
            None => {
                let fits = |info: &TensorInfo| !compressed || info.codec.is_some();
                tables_of(&model).into_iter().filter(fits).max_by_key(|info| info.source_bytes)
            }
        };
        let larger = |info: &TensorInfo| {
            best.as_ref().is_none_or(|(_, best, _)| best.source_bytes < info.source_bytes)
        };
        if let Some(info) = found.filter(larger) {
            // Says why not, where it is no table.
            model.table(&info.name)?;
            best = Some((path, info, compressed));
        } else {
            names.extend(model.tables().into_iter().map(str::to_owned));
        }
    }
    match (best, &args.tensor) {
        (Some(best), _) => Ok(best),
        (None, Some(name)) => Err(not_found(name, names).into()),
        (None, None) => bail!("{}: holds no 16-bit table", args.input.display()),
    }
}

fn verified_json(times: &Verified) -> Value {
    json!({
        "open_ms": times.open_ms,
        "first_touch_ns": times.first_touch_ns,
        "first_read_ms": times.first_read_ms,
    })
}

fn json(files: &Files, coded: &Table, threads: usize, n: &Numbers) -> Value {
    let product =
        |threads, bf16, vectors| n.product(threads, bf16, vectors).map_or(Value::Null, Product::json);
    json!({
        "tensor": files.tensor,
        "dtype": coded.dtype(),
        "shape": [coded.rows(), coded.dim()],
        "codec": coded.codec().map(Codec::name),
        "threads": threads,
        "rounds": n.rounds,
        "ratio": n.ratio,
        "bits_per_weight": 16.0 / n.ratio,
        "read_gb_s": n.read_gb_s,
        "read_gb_s_one_thread": n.read_gb_s_one,
        "encode_gb_s": n.encode_gb_s,
        "decode": {
            "gb_s": n.decode_gb_s,
            "memcpy_gb_s": n.memcpy_gb_s,
            "ratio_to_memcpy": n.decode_gb_s / n.memcpy_gb_s,
            "all_threads_gb_s": n.decode_all_gb_s,
            "all_threads_memcpy_gb_s": n.memcpy_all_gb_s,
            "backend": coded.backend().to_string(),
        },
        "gather": {
            "rows": cases::GATHER,
            "ns_per_row": n.gather_ns,
            "copy_ns_per_row": n.copy_ns,
            "ratio_to_copy": n.gather_ns / n.copy_ns,
            "f32_ns_per_row": n.gather_f32_ns,
            "first_touch_ns": n.verified[0].first_touch_ns,
        },
        "verify": {
            "on_touch": verified_json(&n.verified[0]),
            "on_open": verified_json(&n.verified[1]),
            "never": verified_json(&n.verified[2]),
        },
        "product": product(threads, false, 1),
        "product_bf16": product(threads, true, 1),
        "product_one_thread": product(1, false, 1),
        "product_bf16_one_thread": product(1, true, 1),
        "product_batch_8": product(threads, false, 8),
        "product_bf16_batch_8": product(threads, true, 8),
    })
}

fn text(files: &Files, coded: &Table, threads: usize, n: &Numbers) -> String {
    let mut lines = vec![
        format!(
            "{} ({} x {}, {}), codec {}",
            say::escaped(&files.tensor),
            coded.rows(),
            coded.dim(),
            coded.dtype(),
            coded.codec().map_or("-", Codec::name)
        ),
        format!("ratio    {:.4}x, {:.3} bits a weight, everything counted", n.ratio, 16.0 / n.ratio),
        format!("encode   {:.2} GB/s on one thread", n.encode_gb_s),
        format!(
            "decode   {:.2} GB/s on one thread, memcpy {:.2}; {:.2} on {threads}, memcpy {:.2}; {}",
            n.decode_gb_s,
            n.memcpy_gb_s,
            n.decode_all_gb_s,
            n.memcpy_all_gb_s,
            coded.backend().to_string(),
        ),
        format!(
            "gather   {:.0} ns a row, {:.0} as floats; copying a plain row {:.0}",
            n.gather_ns, n.gather_f32_ns, n.copy_ns
        ),
        format!("read     {:.1} GB/s on {threads} threads, {:.1} on one", n.read_gb_s, n.read_gb_s_one),
    ];
    for (way, times) in ["on first touch", "all on open", "never"].iter().zip(&n.verified) {
        lines.push(format!(
            "verify   {way}: open {:.2} ms, first row of a chunk {:.0} ns, open and read all once {:.1} ms",
            times.open_ms, times.first_touch_ns, times.first_read_ms
        ));
    }
    lines.extend(n.products.iter().map(Product::text));
    lines.push(format!(
        "medians of {} rounds in random order, caches emptied before each but lookups; \
         GB = 10^9 bytes of source words",
        n.rounds
    ));
    lines.join("\n")
}
