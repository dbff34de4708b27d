use anyhow::Result;
use serde_json::{Value, json};
use xnc_page::number::percent;

use super::counted::{self, Counted};
use crate::args;
use crate::say::{self, Listing};
use crate::units::{shape, tables};

/// Tables of one file that are shown to people.
const SHOWN: usize = 100;

pub fn run(args: &args::Analyze) -> Result<()> {
    let most = if args.json { usize::MAX } else { SHOWN };
    let files = counted::count(&args.input, args.threads, most)?;
    let left_out: usize = files.iter().map(|file| file.left_out.0).sum();
    let counted: Vec<Counted> = files.into_iter().flat_map(|file| file.tables).collect();
    if args.json {
        return say::print_json(&Listing { head: json!({}), list: "tensors", items: &counted, item: json });
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
    if left_out > 0 {
        text += &format!("\n\nand {} that are no larger; --json counts all", tables(left_out));
    }
    say::print(&text)
}

/// The paper's ratio: 16 bits a word against its own.
fn xnc_ratio(one: &Counted) -> Option<f64> {
    (one.xnc.bits > 0).then(|| 16.0 * one.words as f64 / one.xnc.bits as f64)
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
            "ratio": xnc_ratio(one),
            "words_9": xnc.words_9,
            "words_12": xnc.words_12,
            "words_16": xnc.words_16,
            "metadata_bits": xnc.metadata_bits,
        },
        "order0_bits_per_weight": one.order0_bits_per_weight,
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
        xnc_ratio(one).map_or("-".into(), |ratio| format!("{ratio:.3}x")),
        share(xnc.words_9),
        share(xnc.words_12),
        share(xnc.words_16),
        format!("{:.3}", one.order0_bits_per_weight),
    ]
}
