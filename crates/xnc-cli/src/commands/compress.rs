use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use xnc::{CompressOptions, CompressReport, Effort, TensorReport};
use xnc_page::number::{bytes, percent};

use super::{print, print_json, table, with_bars};
use crate::args::{self, selection};
use crate::units::{peak_rss_bytes, shape};

pub fn run(args: &args::Compress) -> Result<()> {
    let start = Instant::now();
    let output = match &args.output {
        Some(output) => output.clone(),
        None => default_output(&args.input)?,
    };
    let report = with_bars(|progress| {
        let options = CompressOptions {
            codec: args.codec.into(),
            effort: Effort::new(args.writing.effort),
            selection: selection(&args.tensors),
            threads: args.writing.threads,
            force: args.writing.force,
            progress,
        };
        xnc::compress(&args.input, &output, &options)
    })?;
    let seconds = start.elapsed().as_secs_f64();
    if args.writing.json {
        if let Some(reason) = &report.nothing {
            eprintln!("nothing to compress: {reason}");
        }
        return print_json(&json(&report, &output, seconds));
    }
    print(&text(&report, &args.input, &output, seconds))
}

/// `STEM.xnc.EXT` beside the input, or `FOLDER.xnc`.
fn default_output(input: &Path) -> Result<PathBuf> {
    if input.is_dir() {
        let input = input.canonicalize()?;
        let mut name = input.file_name().context("the folder has no name; name a target with -o")?.to_owned();
        name.push(".xnc");
        return Ok(input.with_file_name(name));
    }
    let stem = input.file_stem().context("the input has no file name; name a target with -o")?;
    let mut name = stem.to_owned();
    name.push(".xnc");
    if let Some(extension) = input.extension() {
        name.push(".");
        name.push(extension);
    }
    Ok(input.with_file_name(name))
}

/// What `compress` and `transcode` tell with `--json`.
pub fn json(report: &CompressReport, output: &Path, seconds: f64) -> Value {
    json!({
        "source_bytes": report.source_bytes,
        "output_bytes": report.output_bytes,
        "output": report.output_bytes.map(|_| output.to_string_lossy()),
        "seconds": seconds,
        "peak_rss_bytes": peak_rss_bytes(),
        "tensors": report.tensors.iter().map(tensor_json).collect::<Vec<_>>(),
    })
}

fn tensor_json(tensor: &TensorReport) -> Value {
    json!({
        "name": tensor.name,
        "dtype": tensor.dtype.name(),
        "shape": tensor.shape,
        "codec": tensor.codec.map(|codec| codec.name()),
        "same_as": tensor.same_as,
        "source_bytes": tensor.source_bytes,
        "stored_bytes": tensor.stored_bytes,
        "ratio": ratio(tensor.source_bytes, tensor.stored_bytes),
        "bits_per_weight": bits_per_weight(tensor),
    })
}

fn ratio(source: u64, stored: u64) -> Option<f64> {
    (stored > 0).then(|| source as f64 / stored as f64)
}

fn bits_per_weight(tensor: &TensorReport) -> Option<f64> {
    (tensor.source_bytes > 0).then(|| 16.0 * tensor.stored_bytes as f64 / tensor.source_bytes as f64)
}

/// A line a table, and an empty one.
pub fn tensors(report: &CompressReport) -> String {
    let rows = report.tensors.iter().map(|tensor| {
        let codec = match (&tensor.same_as, tensor.codec) {
            (Some(original), _) => format!("same as {original}"),
            (None, Some(codec)) => codec.name().to_owned(),
            (None, None) => "plain (does not shrink by 1 %)".to_owned(),
        };
        vec![
            tensor.name.clone(),
            tensor.dtype.to_string(),
            shape(&tensor.shape),
            codec,
            bytes(tensor.source_bytes),
            bytes(tensor.stored_bytes),
            ratio(tensor.source_bytes, tensor.stored_bytes)
                .map_or("-".into(), |ratio| format!("{ratio:.3}x")),
            bits_per_weight(tensor).map_or("-".into(), |bits| format!("{bits:.3}")),
        ]
    });
    let header = ["tensor", "type", "shape", "codec", "source", "stored", "ratio", "bits/weight"];
    if report.tensors.is_empty() { String::new() } else { table(&header, 4, rows) + "\n\n" }
}

fn text(report: &CompressReport, input: &Path, output: &Path, seconds: f64) -> String {
    let last = match (report.output_bytes, &report.nothing) {
        (Some(size), _) => format!(
            "{}: {} -> {}, {} saved, in {seconds:.2} s\nrestored in memory and compared: every byte of {} comes back",
            output.display(),
            bytes(report.source_bytes),
            bytes(size),
            percent(1.0 - size as f64 / report.source_bytes as f64),
            input.display(),
        ),
        (None, reason) => format!(
            "{}: nothing to compress: {}; nothing was written",
            input.display(),
            reason.as_deref().unwrap_or("no table")
        ),
    };
    tensors(report) + &last
}
