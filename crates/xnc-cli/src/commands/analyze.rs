use anyhow::Result;
use serde_json::{Value, json};
use xnc::container::Container;
use xnc::model::folder::model_files;
use xnc::{Analysis, Table, Verify};
use xnc_page::number::percent;

use super::{print, print_json, table, with_bars};
use crate::args;
use crate::units::shape;

pub fn run(args: &args::Analyze) -> Result<()> {
    let mut tables = Vec::new();
    for path in model_files(&args.input)? {
        let file = Container::open(&path)?;
        for name in file.table_names() {
            let table = Table::from_container(&file, name, Verify::OnTouch)?;
            let analysis = with_bars(|progress| xnc::analyze(&table, args.threads, &progress))?;
            tables.push((name.to_owned(), table, analysis));
        }
    }
    if args.json {
        return print_json(&json!({
            "tensors": tables.iter().map(|(name, table, analysis)| json(name, table, analysis)).collect::<Vec<_>>(),
        }));
    }
    if tables.is_empty() {
        return print(&format!("{}: holds no 16-bit table", args.input.display()));
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
    print(&table(&header, 3, tables.iter().map(|(name, table, analysis)| row(name, table, analysis))))
}

fn extent(table: &Table) -> Vec<u64> {
    vec![table.rows() as u64, table.dim() as u64]
}

fn share(part: u64, analysis: &Analysis) -> f64 {
    if analysis.words == 0 { 0.0 } else { part as f64 / analysis.words as f64 }
}

fn json(name: &str, table: &Table, analysis: &Analysis) -> Value {
    let patterns = &analysis.patterns;
    let xnc = &analysis.xnc;
    json!({
        "name": name,
        "dtype": table.dtype().name(),
        "shape": extent(table),
        "words": analysis.words,
        "patterns": {
            "all_zero": share(patterns.all_zero, analysis),
            "narrow": share(patterns.narrow, analysis),
            "other": share(patterns.other, analysis),
            "bits_2_14_15_16_zero": share(patterns.bits_2_14_15_16_zero, analysis),
        },
        "xnc": {
            "bits": xnc.bits(),
            "ratio": analysis.xnc_ratio(),
            "words_9": xnc.words_9,
            "words_12": xnc.words_12,
            "words_16": xnc.words_16,
            "metadata_bits": xnc.metadata_bits,
        },
        "order0_bits_per_weight": analysis.order0_bits_per_weight(),
    })
}

fn row(name: &str, table: &Table, analysis: &Analysis) -> Vec<String> {
    let (patterns, xnc) = (&analysis.patterns, &analysis.xnc);
    let share = |part| percent(share(part, analysis));
    vec![
        name.to_owned(),
        table.dtype().to_string(),
        shape(&extent(table)),
        share(patterns.all_zero),
        share(patterns.narrow),
        share(patterns.other),
        share(patterns.bits_2_14_15_16_zero),
        analysis.xnc_ratio().map_or("-".into(), |ratio| format!("{ratio:.3}x")),
        share(xnc.words_9),
        share(xnc.words_12),
        share(xnc.words_16),
        format!("{:.3}", analysis.order0_bits_per_weight()),
    ]
}
