//! `xnc bench`: everything that a table does, beside what plain words would cost, in one process.

mod cases;
mod measure;
mod verified;
mod words;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use xnc::container::Container;
use xnc::{Backend, Codec, CompressOptions, Effort, Progress, RestoreOptions, Selection, Table, Verify};

use super::{print, print_json, with_bars};
use crate::args;
use cases::{Numbers, Product};
use verified::Verified;

/// More threads cannot be started everywhere; none of them would have work.
const MOST_THREADS: usize = 1024;

pub fn run(args: &args::Bench) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let codec = args.codec.map(Codec::from);
    let files = Files::prepare(&args.input, args.tensor.as_deref(), codec, folder.path())?;
    let threads = match args.threads {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        n => n.min(MOST_THREADS),
    };
    let plain = Table::open(&files.plain, &files.tensor, Verify::Never)?;
    let coded = Table::open(&files.coded, &files.tensor, Verify::OnTouch)?;
    ensure!(coded.codec().is_some(), "tensor `{}` stays plain: it does not shrink by 1 %", files.tensor);
    let numbers = cases::run(&files, &plain, &coded, threads, args.seconds)?;
    if args.json {
        return print_json(&json(&files, &coded, threads, &numbers));
    }
    print(&text(&files, &coded, threads, &numbers))
}

/// The same table in two files.
struct Files {
    plain: PathBuf,
    coded: PathBuf,
    tensor: String,
}

impl Files {
    /// Writes into `folder` whichever of the two is not there yet.
    fn prepare(input: &Path, tensor: Option<&str>, codec: Option<Codec>, folder: &Path) -> Result<Files> {
        let file = Container::open(input)?;
        let compressed = file.evidence().is_some();
        let tensor = match tensor {
            Some(name) => name.to_owned(),
            None => largest(&file, compressed)?,
        };
        let stored_as =
            if compressed { Table::from_container(&file, &tensor, Verify::Never)?.codec() } else { None };
        drop(file);
        let extension = input.extension().unwrap_or_default();
        let mut plain = input.to_owned();
        if compressed {
            plain = folder.join("plain").with_extension(extension);
            with_bars(|progress| {
                xnc::restore(input, &plain, &RestoreOptions { force: false, threads: 0, progress })
            })?;
        }
        if compressed && codec.is_none_or(|codec| stored_as == Some(codec)) {
            return Ok(Files { plain, coded: input.to_owned(), tensor });
        }
        let coded = folder.join("coded").with_extension(extension);
        let report = with_bars(|progress: Progress<'_>| {
            let options = CompressOptions {
                codec: codec.unwrap_or(Codec::Fast),
                effort: Effort::default(),
                selection: Selection::Named(vec![tensor.clone()]),
                threads: 0,
                force: false,
                progress,
            };
            xnc::compress(&plain, &coded, &options)
        })?;
        ensure!(report.output_bytes.is_some(), "{}", report.nothing.unwrap_or_default());
        Ok(Files { plain, coded, tensor })
    }

    /// Bytes that the table adds to the compressed file: payload, index, record.
    fn stored_bytes(&self) -> Result<u64> {
        let file = Container::open(&self.coded)?;
        let parts = ["", xnc::container::INDEX_SUFFIX, xnc::container::META_SUFFIX];
        let bytes =
            |suffix| file.layout().tensor(&format!("{}{suffix}", self.tensor)).map_or(0, |t| t.bytes());
        Ok(parts.into_iter().map(bytes).sum())
    }
}

/// The table that most bytes are in.
fn largest(file: &Container, compressed: bool) -> Result<String> {
    let names = file.table_names();
    let coded = names.iter().filter(|name| !compressed || file.metas().contains_key(**name));
    let words =
        |name: &str| Table::from_container(file, name, Verify::Never).map_or(0, |t| t.rows() * t.dim());
    coded
        .max_by_key(|name| words(name))
        .map(|name| (*name).to_owned())
        .context("the file holds no 16-bit table")
}

fn product_json(product: Option<&Product>) -> Value {
    let Some(product) = product else { return Value::Null };
    json!({
        "activation": product.activation,
        "threads": product.threads,
        "ms": product.ms,
        "plain_ms": product.plain_ms,
        "speedup": product.plain_ms / product.ms,
        "backend": product.backend,
        "plain_variant": product.plain_variant,
        "plain_gb_s": product.plain_gb_s,
        "plain_ms_by_variant": product.variants.iter().cloned().collect::<serde_json::Map<_, _>>(),
    })
}

fn verified_json(times: &Verified) -> Value {
    json!({
        "open_ms": times.open_ms,
        "first_touch_ns": times.first_touch_ns,
        "first_read_ms": times.first_read_ms,
    })
}

fn json(files: &Files, coded: &Table, threads: usize, n: &Numbers) -> Value {
    json!({
        "tensor": files.tensor,
        "dtype": coded.dtype().name(),
        "shape": [coded.rows(), coded.dim()],
        "codec": coded.codec().map(Codec::name),
        "threads": threads,
        "rounds": n.rounds,
        "ratio": n.ratio,
        "bits_per_weight": 16.0 / n.ratio,
        "read_gb_s": n.read_gb_s,
        "read_gb_s_one_thread": n.read_gb_s_one,
        "encode_gb_s": n.encode_gb_s,
        "decode": { "gb_s": n.decode_gb_s, "memcpy_gb_s": n.memcpy_gb_s, "ratio_to_memcpy": n.decode_gb_s / n.memcpy_gb_s,
            "all_threads_gb_s": n.decode_all_gb_s, "all_threads_memcpy_gb_s": n.memcpy_all_gb_s, "backend": Backend::best().name() },
        "gather": {
            "rows": cases::GATHER,
            "ns_per_row": n.gather_ns,
            "copy_ns_per_row": n.copy_ns,
            "ratio_to_copy": n.gather_ns / n.copy_ns,
            "f32_ns_per_row": n.gather_f32_ns,
            "first_touch_ns": n.verified[0].first_touch_ns,
        },
        "verify": { "on_touch": verified_json(&n.verified[0]), "on_open": verified_json(&n.verified[1]), "never": verified_json(&n.verified[2]) },
        "product": product_json(n.products.first()),
        "product_bf16": product_json(n.product(threads, "bf16")),
        "product_one_thread": product_json(n.product(1, "f32")),
        "product_bf16_one_thread": product_json(n.product(1, "bf16")),
        "product_batch_8": product_json(n.batch.as_ref()),
    })
}

fn text(files: &Files, coded: &Table, threads: usize, n: &Numbers) -> String {
    let mut lines = vec![
        format!(
            "{} ({} x {}, {}), codec {}",
            files.tensor,
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
            Backend::best().name(),
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
    for product in n.products.iter().chain(&n.batch) {
        lines.push(format!(
            "product  {} activations{}, {} thread(s): {:.2} ms; plain {:.2} ms ({}, {:.1} GB/s); {:.2} times as fast, {}",
            product.activation,
            if product.vectors > 1 { format!(" x {}", product.vectors) } else { String::new() },
            product.threads,
            product.ms,
            product.plain_ms,
            product.plain_variant,
            product.plain_gb_s,
            product.plain_ms / product.ms,
            product.backend,
        ));
    }
    lines.push(format!("medians of {} rounds in random order, caches emptied before each but lookups; GB = 10^9 bytes of source words", n.rounds));
    lines.join("\n")
}
