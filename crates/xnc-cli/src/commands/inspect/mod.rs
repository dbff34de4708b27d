//! What a file holds: as text, as JSON, as a page.

mod page;
mod predict;

use std::fmt::Write as _;

use anyhow::Result;
use serde::ser::{Serialize, Serializer};
use serde_json::{Value, json};
use xnc::{Codec, Dtype};
use xnc_page::number::{bytes, percent};

use super::counted::{self, Counted, CountedFile};
use super::with_bars;
use crate::Hear;
use crate::args;
use crate::say::{self, Listing};
use crate::units::{shape, tables, tensors};

/// Tables of one file that are shown to people: the largest. A model with every layer in 16 bits has
/// hundreds, one of experts thousands.
const SHOWN: usize = 50;

/// Tables whose exponents are drawn.
const DRAWN: usize = 3;

/// What the command tells with `--json`.
pub fn report(args: &args::Inspect, hear: Hear<'_>) -> Result<Value> {
    let files = work(args, usize::MAX, hear)?;
    Ok(serde_json::to_value(All { files: &files, is_folder: args.input.is_dir() })?)
}

fn work(args: &args::Inspect, most: usize, hear: Hear<'_>) -> Result<Vec<CountedFile>> {
    let mut files = counted::count(&args.input, 0, most, hear)?;
    for file in &mut files {
        file.tables.sort_by_key(|one| std::cmp::Reverse(one.source_bytes));
    }
    Ok(files)
}

pub fn run(args: &args::Inspect) -> Result<()> {
    let most = if args.json { usize::MAX } else { SHOWN };
    let files = with_bars(|hear| work(args, most, hear))?;
    if let Some(target) = &args.html {
        let page = page::page(&args.input, &files)?.to_html();
        xnc::internals::write_file(target, page.as_bytes(), &args.input, args.force)?;
        return say::print(&format!("wrote {}", say::path(target)));
    }
    if args.json {
        return say::print_json(&All { files: &files, is_folder: args.input.is_dir() });
    }
    say::print(&files.iter().map(text).collect::<Vec<_>>().join("\n\n"))
}

/// A lone file is one object, as users of one file expect; a folder is a list of them.
struct All<'a> {
    files: &'a [CountedFile],
    is_folder: bool,
}

impl Serialize for All<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        match self.files {
            [file] if !self.is_folder => Described(file).serialize(serializer),
            files => {
                let files: Vec<_> = files.iter().map(Described).collect();
                std::collections::BTreeMap::from([("files", files)]).serialize(serializer)
            }
        }
    }
}

/// A file as JSON.
struct Described<'a>(&'a CountedFile);

impl Serialize for Described<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let file = self.0;
        let head = json!({
            "file": file.path.to_string_lossy(),
            "format": file.format.to_string(),
            "file_bytes": file.file_bytes,
            "compressed": file.is_compressed,
            "source_bytes": file.source.as_ref().map(|(size, _)| size),
            "source_sha256": file.source.as_ref().map(|(_, sha256)| sha256),
            "tensor_count": file.tensor_count,
        });
        let items: Vec<(&Counted, u64)> = file.tables.iter().map(|one| (one, file.file_bytes)).collect();
        Listing { head, list: "tensors", items: &items, item: json }.serialize(serializer)
    }
}

fn json((one, file_bytes): &(&Counted, u64)) -> Value {
    json!({
        "name": one.name,
        "dtype": one.dtype,
        "shape": one.shape,
        "codec": one.codec.map(Codec::name),
        "source_bytes": one.source_bytes,
        "stored_bytes": one.stored_bytes,
        "share_of_file": one.stored_bytes as f64 / *file_bytes as f64,
        "bits_per_weight": one.bits_per_weight(),
        "order0_bits_per_weight": one.order0_bits_per_weight,
        "exponents": one.exponents(),
    })
}

fn text(file: &CountedFile) -> String {
    let mut out = format!(
        "{}: {}, {}, {}",
        say::path(&file.path),
        file.format,
        bytes(file.file_bytes),
        tensors(file.tensor_count),
    );
    if let Some((size, sha256)) = &file.source {
        let _ = write!(out, "\ncompressed from {}, SHA-256 {sha256}", bytes(*size));
    }
    if file.tables.is_empty() {
        let others: Vec<String> = file
            .other_tables
            .iter()
            .map(|(name, dtype)| format!("{} is {dtype}", say::escaped(name)))
            .collect();
        let others = if others.is_empty() { String::new() } else { format!(": {}", others.join(", ")) };
        return out + "\nholds no 16-bit table" + &others;
    }
    let rows = file.tables.iter().map(|one| {
        vec![
            one.name.clone(),
            one.dtype.clone(),
            shape(&one.shape),
            one.kept().to_owned(),
            bytes(one.stored_bytes),
            percent(one.stored_bytes as f64 / file.file_bytes as f64),
            format!("{:.3}", one.bits_per_weight()),
            format!("{:.3}", one.order0_bits_per_weight),
        ]
    });
    let header = ["tensor", "type", "shape", "codec", "bytes", "of file", "bits/weight", "order-0 bits"];
    let _ = write!(out, "\n\n{}", say::table(&header, 4, rows));
    if let (more @ 1.., size) = file.left_out {
        let _ = write!(out, "\n\nand {} that are no larger, {}; --json tells all", tables(more), bytes(size));
    }
    for one in file.tables.iter().take(DRAWN).filter(|one| one.source_bytes > 0) {
        let _ = write!(out, "\n\n{}: exponents\n{}", say::escaped(&one.name), histogram(one));
    }
    out
}

const BAR: usize = 50;

/// Shares of words by exponent, as bars.
fn histogram(one: &Counted) -> String {
    let classes = classes(one);
    let most = classes.iter().map(|(_, share)| *share).fold(f64::MIN_POSITIVE, f64::max);
    let line = |(label, share): &(String, f64)| {
        let eighths = (share / most * (8 * BAR) as f64).round() as usize;
        let part = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"][eighths % 8];
        format!("{label:>8} {:>8} {}{part}\n", percent(*share), "█".repeat(eighths / 8))
    };
    classes.iter().map(line).collect()
}

/// Shares of words by exponent, 0 to 1; rare exponents at both ends are summed.
fn classes(one: &Counted) -> Vec<(String, f64)> {
    let dtype = one.words_dtype;
    let counts = one.exponents();
    let total: u64 = counts.iter().sum();
    let share = |n: u64| n as f64 / total.max(1) as f64;
    let shown = |n: &u64| share(*n) >= 0.0005;
    let Some(low) = counts.iter().position(shown) else { return Vec::new() };
    let high = counts.iter().rposition(shown).unwrap_or(low);
    let below: u64 = counts[..low].iter().sum();
    let above: u64 = counts[high + 1..].iter().sum();
    let middle = (low..=high).map(|exponent| (exponent_label(dtype, exponent), counts[exponent]));
    let all = std::iter::once(("below".to_owned(), below)).chain(middle).chain([("above".to_owned(), above)]);
    all.filter(|(name, n)| *n > 0 || !matches!(name.as_str(), "below" | "above"))
        .map(|(name, n)| (name, share(n)))
        .collect()
}

fn exponent_label(dtype: Dtype, exponent: usize) -> String {
    let bias = if dtype == Dtype::Bf16 { 127 } else { 15 };
    if exponent == 0 { "0, tiny".into() } else { format!("2^{}", exponent as i32 - bias) }
}
