//! What a file holds: as text, as JSON, as a page.

mod page;
mod predict;

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;

use anyhow::Result;
use serde_json::{Value, json};
use xnc::container::{Container, INDEX_SUFFIX, META_SUFFIX};
use xnc::model::folder::model_files;
use xnc::model::role;
use xnc::{Analysis, Dtype, Error, Table, Target, Verify};
use xnc_page::number::{bytes, percent};

use super::{print, print_json, table, with_bars};
use crate::args;
use crate::units::{shape, tensors};

/// A table of the file and what it takes there.
struct Inspected {
    name: String,
    table: Table,
    analysis: Analysis,
    source_bytes: u64,
    stored_bytes: u64,
}

pub fn run(args: &args::Inspect) -> Result<()> {
    let mut files = Vec::new();
    for path in model_files(&args.input)? {
        files.push(inspect(path)?);
    }
    if let Some(target) = &args.html {
        let mut file = Target::create(target, &args.input, args.force)?;
        let page = page::page(&args.input, &files)?.to_html();
        file.file().write_all(page.as_bytes()).map_err(|cause| Error::Io { path: target.clone(), cause })?;
        file.commit()?;
        return print(&format!("wrote {}", target.display()));
    }
    if args.json {
        let shown: Vec<Value> = files.iter().map(json).collect();
        // A lone file is one object, as users of one file expect; a folder is a list of them.
        return print_json(&if args.input.is_dir() { json!({"files": shown}) } else { shown[0].clone() });
    }
    print(&files.iter().map(text).collect::<Vec<_>>().join("\n\n"))
}

/// A file and its tables, the largest first.
struct InspectedFile {
    path: PathBuf,
    file: Container,
    tables: Vec<Inspected>,
}

fn inspect(path: PathBuf) -> Result<InspectedFile> {
    let file = Container::open(&path)?;
    let mut tables = Vec::new();
    for name in file.table_names() {
        let table = Table::from_container(&file, name, Verify::OnTouch)?;
        let analysis = with_bars(|progress| xnc::analyze(&table, 0, &progress))?;
        let source_bytes = 2 * (table.rows() * table.dim()) as u64;
        let stored_bytes = stored_bytes(&file, name);
        tables.push(Inspected { name: name.to_owned(), table, analysis, source_bytes, stored_bytes });
    }
    tables.sort_by_key(|one| std::cmp::Reverse(one.source_bytes));
    Ok(InspectedFile { path, file, tables })
}

/// Bytes that a table takes in the file with its companions.
fn stored_bytes(file: &Container, name: &str) -> u64 {
    let companions = [name.to_owned(), format!("{name}{INDEX_SUFFIX}"), format!("{name}{META_SUFFIX}")];
    companions.iter().filter_map(|name| file.layout().tensor(name)).map(|tensor| tensor.bytes()).sum()
}

impl Inspected {
    fn codec(&self) -> &'static str {
        self.table.codec().map_or("plain", |codec| codec.name())
    }

    fn bits_per_weight(&self) -> f64 {
        16.0 * self.stored_bytes as f64 / self.source_bytes.max(1) as f64
    }
}

fn json(InspectedFile { path, file, tables }: &InspectedFile) -> Value {
    let share = |bytes: u64| bytes as f64 / file.file_bytes() as f64;
    json!({
        "file": path.to_string_lossy(),
        "format": file.layout().format().name(),
        "file_bytes": file.file_bytes(),
        "compressed": file.evidence().is_some(),
        "source_bytes": file.record().ok().map(|record| record.size),
        "source_sha256": file.record().ok().map(|record| record.sha256.clone()),
        "tensor_count": file.layout().tensors().len(),
        "tensors": tables.iter().map(|one| json!({
            "name": one.name,
            "dtype": one.table.dtype().name(),
            "shape": [one.table.rows(), one.table.dim()],
            "codec": one.table.codec().map(|codec| codec.name()),
            "source_bytes": one.source_bytes,
            "stored_bytes": one.stored_bytes,
            "share_of_file": share(one.stored_bytes),
            "bits_per_weight": one.bits_per_weight(),
            "order0_bits_per_weight": one.analysis.order0_bits_per_weight(),
            "exponents": one.analysis.exponents(one.table.dtype()),
        })).collect::<Vec<_>>(),
    })
}

fn text(InspectedFile { path, file, tables }: &InspectedFile) -> String {
    let mut out = format!(
        "{}: {}, {}, {}",
        path.display(),
        file.layout().format().name(),
        bytes(file.file_bytes()),
        tensors(file.layout().tensors().len()),
    );
    if let Ok(record) = file.record() {
        let _ = write!(out, "\ncompressed from {}, SHA-256 {}", bytes(record.size), record.sha256);
    }
    if tables.is_empty() {
        let quantised =
            role::quantised(file.layout()).map(|tensor| format!("{} is {}", tensor.name, tensor.dtype));
        let quantised: Vec<String> = quantised.collect();
        return out
            + "\nholds no 16-bit table"
            + &if quantised.is_empty() { String::new() } else { format!(": {}", quantised.join(", ")) };
    }
    let rows = tables.iter().map(|one| {
        vec![
            one.name.clone(),
            one.table.dtype().to_string(),
            shape(&[one.table.rows() as u64, one.table.dim() as u64]),
            one.codec().to_owned(),
            bytes(one.stored_bytes),
            percent(one.stored_bytes as f64 / file.file_bytes() as f64),
            format!("{:.3}", one.bits_per_weight()),
            format!("{:.3}", one.analysis.order0_bits_per_weight()),
        ]
    });
    let header = ["tensor", "type", "shape", "codec", "bytes", "of file", "bits/weight", "order-0 bits"];
    let _ = write!(out, "\n\n{}", table(&header, 4, rows));
    // A model with every layer in 16 bits has hundreds of tables; the largest few say what there is to say.
    for one in tables.iter().take(3).filter(|one| one.source_bytes > 0) {
        let _ = write!(out, "\n\n{}: exponents\n{}", one.name, histogram(one));
    }
    out
}

const BAR: usize = 50;

/// Shares of words by exponent, as bars.
fn histogram(one: &Inspected) -> String {
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
fn classes(one: &Inspected) -> Vec<(String, f64)> {
    let dtype = one.table.dtype();
    let counts = one.analysis.exponents(dtype);
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
    if exponent == 0 { "0, tiny".into() } else { format!("2^{}", exponent as i32 - dtype.bias()) }
}
