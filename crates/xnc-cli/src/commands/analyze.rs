use std::fmt::Write as _;
use std::path::Path;

use anyhow::Result;
use serde_json::{Value, json};
use xnc_page::number::{bytes, percent};

use super::counted::{self, Counted, CountedFile};
use super::with_bars;
use crate::Hear;
use crate::args;
use crate::say::{self, Listing};
use crate::units::{shape, tables};

/// Tables of one file that are shown to people.
const SHOWN: usize = 100;

/// What the command tells with `--json`.
pub fn report(args: &args::Analyze, hear: Hear<'_>) -> Result<Value> {
    let (audit, counted) = split(args, counted::count(&args.input, args.threads, usize::MAX, hear)?);
    Ok(serde_json::to_value(listing(audit.as_ref(), &counted))?)
}

/// What a compressed input is as a whole, and its tables.
fn split(args: &args::Analyze, files: Vec<CountedFile>) -> (Option<Audit>, Vec<Counted>) {
    let audit = files.iter().any(|file| file.is_compressed).then(|| Audit::new(&args.input, &files));
    (audit, files.into_iter().flat_map(|file| file.tables).collect())
}

fn listing<'a>(audit: Option<&Audit>, counted: &'a [Counted]) -> Listing<'a, Counted> {
    let head = audit.map_or_else(|| json!({}), Audit::json);
    Listing { head, list: "tensors", items: counted, item: json }
}

pub fn run(args: &args::Analyze) -> Result<()> {
    let most = if args.json { usize::MAX } else { SHOWN };
    let files = with_bars(|hear| counted::count(&args.input, args.threads, most, hear))?;
    let left_out: usize = files.iter().map(|file| file.left_out.0).sum();
    let (audit, counted) = split(args, files);
    if args.json {
        return say::print_json(&listing(audit.as_ref(), &counted));
    }
    if counted.is_empty() {
        return say::print(&format!("{}: holds no 16-bit table", say::path(&args.input)));
    }
    let header = [
        "tensor",
        "type",
        "shape",
        "zero",
        "narrow",
        "other",
        "2,14,15,16 zero",
        "xnc ratio",
        "9 bit",
        "12 bit",
        "16 bit",
        "order-0 bits",
    ];
    let mut text = say::table(&header, 3, counted.iter().map(row));
    if let Some(audit) = audit {
        text += &format!("\n\n{}", audit.text(&counted));
    }
    if left_out > 0 {
        text += &format!("\n\nand {} that are no larger; --json counts all", tables(left_out));
    }
    say::print(&text)
}

/// What whoever doubts a compressed file or folder wants to know of it as a whole.
struct Audit {
    /// The sizes of the compressed files, and of what they were made of.
    file_bytes: u64,
    source_bytes: u64,
    /// Restores all of it with the other decoder.
    repeat: String,
}

impl Audit {
    fn new(input: &Path, files: &[CountedFile]) -> Audit {
        let compressed = || files.iter().filter(|file| file.is_compressed);
        let source = |file: &CountedFile| file.source.as_ref().map_or(0, |(size, _)| *size);
        Audit {
            file_bytes: compressed().map(|file| file.file_bytes).sum(),
            source_bytes: compressed().map(source).sum(),
            repeat: format!("python3 spec/decode.py restore {} OUT", say::quoted(input)),
        }
    }

    fn json(&self) -> Value {
        json!({"file_bytes": self.file_bytes, "source_bytes": self.source_bytes, "repeat": self.repeat})
    }

    fn text(&self, counted: &[Counted]) -> String {
        let header = [
            "tensor",
            "codec",
            "payload",
            "index",
            "model",
            "metadata",
            "all",
            "bits/weight",
            "ratio",
            "order-0",
            "ratio to it",
        ];
        let rows = counted.iter().filter(|one| one.codec.is_some()).map(|one| {
            let stored = &one.stored;
            vec![
                one.name.clone(),
                one.same_as.as_ref().map_or(one.kept().into(), |other| format!("same as {other}")),
                stored.payload.to_string(),
                stored.index.to_string(),
                stored.model.to_string(),
                stored.metadata.to_string(),
                one.stored_bytes.to_string(),
                format!("{:.3}", one.bits_per_weight()),
                times(ratio(one.source_bytes as f64, one)),
                format!("{:.0}", one.order0_bytes()),
                times(ratio(one.order0_bytes(), one)),
            ]
        });
        let mut text = format!("Bytes of the compressed tables:\n{}", say::table(&header, 2, rows));
        let _ = write!(
            text,
            "\n\nAll in all {} from {}. To restore it without this program, by spec/ of its repository:\n  {}",
            bytes(self.file_bytes),
            bytes(self.source_bytes),
            self.repeat
        );
        text
    }
}

/// So many bytes against all that a table takes.
fn ratio(bytes: f64, one: &Counted) -> Option<f64> {
    (one.stored_bytes > 0 && one.words > 0).then(|| bytes / one.stored_bytes as f64)
}

fn times(ratio: Option<f64>) -> String {
    ratio.map_or("-".into(), |ratio| format!("{ratio:.3}x"))
}

fn share(part: u64, one: &Counted) -> f64 {
    part as f64 / one.words.max(1) as f64
}

fn json(one: &Counted) -> Value {
    let (patterns, xnc) = (&one.patterns, &one.xnc);
    json!({
        "name": one.name,
        "dtype": one.dtype,
        "shape": one.shape,
        "words": one.words,
        "patterns": {
            "all_zero": share(patterns.all_zero, one),
            "narrow": share(patterns.narrow, one),
            "other": share(patterns.other, one),
            "bits_2_14_15_16_zero": share(patterns.bits_2_14_15_16_zero, one),
        },
        "xnc": {
            "bits": xnc.bits,
            "ratio": one.xnc_ratio,
            "words_9": xnc.words_9,
            "words_12": xnc.words_12,
            "words_16": xnc.words_16,
            "metadata_bits": xnc.metadata_bits,
        },
        "order0_bits_per_weight": one.order0_bits_per_weight,
        "stored": one.codec.map(|_| stored(one)),
    })
}

/// What a compressed table takes.
fn stored(one: &Counted) -> Value {
    json!({
        "codec": one.kept(),
        "same_as": one.same_as,
        "payload_bytes": one.stored.payload,
        "index_bytes": one.stored.index,
        "model_bytes": one.stored.model,
        "metadata_bytes": one.stored.metadata,
        "bytes": one.stored_bytes,
        "bits_per_weight": one.bits_per_weight(),
        "source_bytes": one.source_bytes,
        "ratio": ratio(one.source_bytes as f64, one),
        "order0_bytes": one.order0_bytes(),
        "ratio_to_order0": ratio(one.order0_bytes(), one),
    })
}

fn row(one: &Counted) -> Vec<String> {
    let (patterns, xnc) = (&one.patterns, &one.xnc);
    let share = |part| percent(share(part, one));
    vec![
        one.name.clone(),
        one.dtype.clone(),
        shape(&one.shape),
        share(patterns.all_zero),
        share(patterns.narrow),
        share(patterns.other),
        share(patterns.bits_2_14_15_16_zero),
        times(one.xnc_ratio),
        share(xnc.words_9),
        share(xnc.words_12),
        share(xnc.words_16),
        format!("{:.3}", one.order0_bits_per_weight),
    ]
}
