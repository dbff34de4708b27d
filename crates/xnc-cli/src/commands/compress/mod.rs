mod card;

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Result;
use serde_json::{Value, json};
use xnc::{Codec, CompressReport, Progress, Selection, TensorReport};
use xnc_page::number::bytes;

use super::with_bars;
use crate::Hear;
use crate::args::{self, selection};
use crate::exit::Failure;
use crate::say;
use crate::units::{change, peak_rss_bytes, shape};

/// What was done.
struct Done {
    report: CompressReport,
    output: PathBuf,
    card: Option<PathBuf>,
}

/// What the command tells with `--json`.
pub fn report(args: &args::Compress, hear: Hear<'_>) -> Result<Value> {
    let start = Instant::now();
    Ok(work(args, hear)?.json(start.elapsed().as_secs_f64()))
}

fn work(args: &args::Compress, hear: Hear<'_>) -> Result<Done> {
    let output = match &args.output {
        Some(output) => output.clone(),
        None => default_output(&args.input)?,
    };
    let mut options = args.writing.options(args.codec)?;
    options.selection = selection(&args.tensors);
    options.progress = Progress::from(&hear);
    let card = args.card.then(|| card::place(&args.input, &output)).transpose()?;
    // A card without its target is another's; one beside its target is compared when it is known.
    let there = |path: &Path| path.symlink_metadata().is_ok();
    if let Some(path) = card.as_ref().filter(|path| !options.force && there(path) && !there(&output)) {
        return Err(xnc::Error::TargetExists { path: path.clone() }.into());
    }
    let mut report = xnc::compress(&args.input, &output, &options)?;
    if let Some(path) = card::earlier(&args.input, &output).filter(|_| options.force && card.is_none()) {
        let what = format!("{} may tell of what was replaced: --card writes it anew", say::path(&path));
        report.warnings.push(what);
    }
    let card = card.filter(|_| report.output_bytes.is_some());
    if let Some(path) = &card {
        let text = card::text(&args.input, &output, &report)?;
        if std::fs::read(path).ok().as_deref() != Some(text.as_bytes()) {
            xnc::internals::write_file(
                path,
                text.as_bytes(),
                &card::like(&args.input, &output),
                options.force,
            )?;
        }
    }
    Ok(Done { report, output, card })
}

impl Done {
    fn json(&self, seconds: f64) -> Value {
        let mut told = json(&self.report, &self.output, seconds);
        told["card"] = self.card.as_ref().map(|path| path.to_string_lossy()).into();
        told
    }
}

pub fn run(args: &args::Compress) -> Result<()> {
    let start = Instant::now();
    let done = with_bars(|hear| work(args, hear))?;
    let Done { report, output, card } = &done;
    let seconds = start.elapsed().as_secs_f64();
    say::warn(&report.warnings);
    if args.writing.json {
        if let Some(reason) = &report.nothing {
            say::tell(&format!("nothing to compress: {reason}"));
        }
        return say::print_json(&done.json(seconds));
    }
    let last = match (report.output_bytes, &report.nothing) {
        (Some(size), _) => format!(
            "{}: {} -> {}, {}, in {seconds:.2} s\nrestored in memory and compared: every byte of {} comes back",
            say::path(output),
            bytes(report.source_bytes),
            bytes(size),
            change(report.source_bytes, size),
            say::path(&args.input),
        ),
        (None, reason) => format!(
            "{}: nothing to compress: {}{}; nothing was written",
            say::path(&args.input),
            say::escaped(reason.as_deref().unwrap_or("no table")),
            // Only a search by role passes tensors over.
            match report.tensors.is_empty() && selection(&args.tensors) == Selection::Embeddings {
                true => "; name one with --tensors",
                false => "",
            }
        ),
    };
    let card =
        card.as_ref().map_or(String::new(), |card| format!("\nfor the model card: {}", say::path(card)));
    say::print(&(tensors(report) + &last + &card))
}

/// `STEM.xnc.EXT` beside the input, or `FOLDER.xnc`.
fn default_output(input: &Path) -> Result<PathBuf> {
    if input.is_dir() {
        let input = input.canonicalize().map_err(|cause| xnc::Error::Io { path: input.to_owned(), cause })?;
        let mut name = input.file_name().ok_or_else(|| no_name("folder"))?.to_owned();
        name.push(".xnc");
        return Ok(input.with_file_name(name));
    }
    let stem = input.file_stem().ok_or_else(|| no_name("input"))?;
    let mut name = stem.to_owned();
    name.push(".xnc");
    if let Some(extension) = input.extension() {
        name.push(".");
        name.push(extension);
    }
    Ok(input.with_file_name(name))
}

fn no_name(what: &str) -> Failure {
    Failure::Usage(format!("the {what} has no name that a target's could be made of; name a target with -o"))
}

/// What `compress` and `transcode` tell with `--json`.
pub fn json(report: &CompressReport, output: &Path, seconds: f64) -> Value {
    json!({
        "source_bytes": report.source_bytes,
        "output_bytes": report.output_bytes,
        "output": report.output_bytes.map(|_| output.to_string_lossy()),
        "seconds": seconds,
        "peak_rss_bytes": peak_rss_bytes(),
        "nothing": report.nothing,
        "warnings": report.warnings,
        "tensors": report.tensors.iter().map(tensor_json).collect::<Vec<_>>(),
    })
}

fn tensor_json(tensor: &TensorReport) -> Value {
    json!({
        "name": tensor.name,
        "dtype": tensor.dtype,
        "shape": tensor.shape,
        "codec": tensor.codec.map(Codec::name),
        "plain_because": tensor.plain_because,
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
    let words = tensor.shape.iter().product::<u64>();
    (words > 0).then(|| 8.0 * tensor.stored_bytes as f64 / words as f64)
}

/// Tensors that are shown to people.
const SHOWN: usize = 100;

/// A line a table, and an empty one.
pub fn tensors(report: &CompressReport) -> String {
    let rows = report.tensors.iter().map(|tensor| {
        let codec = match (&tensor.same_as, tensor.codec) {
            (Some(original), _) => format!("same as {original}"),
            (None, Some(codec)) => codec.name().to_owned(),
            (None, None) => match &tensor.plain_because {
                Some(reason) => format!("plain: {reason}"),
                None => "plain".to_owned(),
            },
        };
        vec![
            tensor.name.clone(),
            tensor.dtype.clone(),
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
    if report.tensors.is_empty() {
        return String::new();
    }
    let mut text = say::table(&header, 4, rows.take(SHOWN)) + "\n";
    if let Some(more) = report.tensors.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        text += &format!("and {more} more, which --json tells\n");
    }
    text + "\n"
}
