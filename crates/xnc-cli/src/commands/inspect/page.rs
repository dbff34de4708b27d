//! `xnc inspect IN --html FILE`: what a file holds, as one self-contained page.

use std::path::Path;

use anyhow::Result;
use xnc::{Codec, Model};
use xnc_page::number::{bytes, percent, ratio};
use xnc_page::{Accent, Bar, Bars, Block, Chart, Fact, Histogram, Mark, Page, Section, Table};

use super::predict::{self, Prediction};
use super::{Counted, CountedFile, DRAWN, classes};
use crate::say::escaped;
use crate::units::{shape, tables as count};

/// The page of a file or of all files of a folder.
pub fn page(input: &Path, files: &[CountedFile]) -> Result<Page> {
    let name = input.file_name().unwrap_or(input.as_os_str()).to_string_lossy();
    let mut page = Page { title: escaped(&name).into_owned(), ..Page::default() };
    let total: u64 = files.iter().map(|one| one.file_bytes).sum();
    let mut tables: Vec<(&Path, &Counted)> =
        files.iter().flat_map(|file| file.tables.iter().map(|one| (file.path.as_path(), one))).collect();
    tables.sort_by_key(|(_, one)| std::cmp::Reverse(one.source_bytes));
    let stored = tables.iter().map(|(_, one)| one.stored_bytes).sum::<u64>()
        + files.iter().map(|file| file.left_out.1).sum::<u64>();
    page.facts.push(fact(Accent::None, bytes(total), "on disk"));
    if tables.is_empty() {
        page.lead = "Holds no 16-bit table, so there is nothing for XNC to do.".into();
        page.sections.extend(other_tables(files));
    } else {
        page.facts.push(fact(
            Accent::None,
            percent(stored as f64 / total.max(1) as f64),
            "of it in 16-bit tables",
        ));
        page.sections.push(overview(files, total));
    }
    let drawn = tables.iter().take(DRAWN).filter(|(_, one)| one.source_bytes > 0);
    for (number, (path, one)) in drawn.enumerate() {
        let predictions = predict::all(&Model::open(path)?.table(&one.name)?)?;
        if number == 0 {
            page.lead = answer(one, &predictions, total);
            page.facts.extend(predictions.iter().map(|least| {
                let label = format!("{}, on the largest table", label(least));
                fact(
                    Accent::of(least.codec.name()),
                    ratio(one.source_bytes as f64 / least.bytes as f64),
                    &label,
                )
            }));
        }
        page.sections.push(table(one, &predictions));
    }
    page.colophon.push(format!(
        "Made by `xnc inspect --html`, version {}. Sizes under a codec were found by encoding the table here and now; \
         the record that a file keeps about it, less than 1 kB, is not counted. `dense` was encoded at effort 1, \
         which finds no similar rows; its default effort is smaller.",
        env!("CARGO_PKG_VERSION")
    ));
    Ok(page)
}

fn fact(accent: Accent, value: String, label: &str) -> Fact {
    Fact { value, label: label.into(), accent }
}

fn label(one: &Prediction) -> String {
    match one.effort {
        Some(effort) => format!("`{}`, effort {effort}", one.codec.name()),
        None => format!("`{}`", one.codec.name()),
    }
}

/// What the reader wants to know first.
fn answer(one: &Counted, predictions: &[Prediction], total: u64) -> String {
    if let Some(codec) = one.codec {
        return format!(
            "Compressed: `{}` is kept by codec `{}` at {:.3} bits a weight.",
            escaped(&one.name),
            codec.name(),
            one.bits_per_weight()
        );
    }
    let saved = |codec: Codec| {
        let after =
            predictions.iter().find(|one| one.codec == codec).map_or(one.source_bytes, |one| one.bytes);
        one.source_bytes.saturating_sub(after)
    };
    let share = |codec| percent(saved(codec) as f64 / total.max(1) as f64);
    // As the library decides it.
    if saved(Codec::Fast) * 100 < one.source_bytes {
        return format!("`{}` would stay plain under `fast`: it does not shrink by 1 %.", escaped(&one.name));
    }
    format!(
        "Compressing `{}` without loss takes {} off the file with `fast`, which rows are read from directly, \
         and {} or more with `dense`, for disk and download.",
        escaped(&one.name),
        share(Codec::Fast),
        share(Codec::Dense)
    )
}

fn other_tables(files: &[CountedFile]) -> Option<Section> {
    let tables = files.iter().flat_map(|file| &file.other_tables);
    let points: Vec<String> = tables.map(|(name, dtype)| format!("`{}` is {dtype}", escaped(name))).collect();
    let mut section = Section::new("Tables that are not 16-bit");
    section.push(Block::List(points.clone()));
    (!points.is_empty()).then_some(section)
}

fn overview(files: &[CountedFile], total: u64) -> Section {
    let mut section = Section::new("Tables");
    let header = ["tensor", "type", "shape", "codec", "bytes", "of all", "bits/weight", "order-0 bits"];
    let caption = "Two-dimensional 16-bit tensors, companions counted. \
        Order-0 is the entropy of the words, one by one.";
    let mut all = Table::new(caption, 4, &header);
    for one in files.iter().flat_map(|one| &one.tables) {
        all.row(
            one.codec.map_or(Accent::None, |codec| Accent::of(codec.name())),
            vec![
                format!("`{}`", escaped(&one.name)),
                one.dtype.clone(),
                shape(&one.shape),
                one.kept().to_owned(),
                bytes(one.stored_bytes),
                percent(one.stored_bytes as f64 / total.max(1) as f64),
                format!("{:.3}", one.bits_per_weight()),
                format!("{:.3}", one.order0_bits_per_weight),
            ],
        );
    }
    section.push(Block::Table(all));
    let left_out: usize = files.iter().map(|file| file.left_out.0).sum();
    if left_out > 0 {
        section.push(Block::Text(format!("And {} that are no larger.", count(left_out))));
    }
    section
}

fn table(one: &Counted, predictions: &[Prediction]) -> Section {
    let mut section = Section::new(escaped(&one.name).into_owned());
    let times = |bytes: u64| one.source_bytes as f64 / bytes.max(1) as f64;
    let order0 = 16.0 / one.order0_bits_per_weight.max(f64::MIN_POSITIVE);
    let mut sizes = Table::new("Size under each codec.", 1, &["codec", "bytes", "ratio", "bits/weight"]);
    let mut row = |accent, name: String, bytes_: u64| {
        let bits = 16.0 / times(bytes_);
        sizes.row(accent, vec![name, bytes(bytes_), ratio(times(bytes_)), format!("{bits:.3}")]);
    };
    row(Accent::Plain, "plain".into(), one.source_bytes);
    for least in predictions {
        row(Accent::of(least.codec.name()), label(least), least.bytes);
    }
    section.push(Block::Table(sizes));
    let bars = predictions.iter().map(|least| Bar {
        label: label(least).replace('`', ""),
        value: times(least.bytes),
        shown: ratio(times(least.bytes)),
        accent: Accent::of(least.codec.name()),
    });
    let marks = if order0.is_finite() && order0 < 100.0 {
        vec![Mark { label: format!("order-0 entropy {}", ratio(order0)), value: order0 }]
    } else {
        Vec::new()
    };
    let ratios = Bars {
        title: "Ratio".into(),
        note: "plain bytes against coded ones".into(),
        bars: bars.collect(),
        marks,
    };
    let exponents = Histogram {
        title: "Exponents".into(),
        note: "share of words by the power of two that their magnitude begins at".into(),
        classes: classes(one),
        accent: Accent::Plain,
    };
    section.push(Block::Charts(vec![Chart::Bars(ratios), Chart::Histogram(exponents)]));
    let words = one.words.max(1) as f64;
    let share = |n: u64| percent(n as f64 / words);
    let patterns = &one.patterns;
    let mut shares = Table::new(
        "Words as FP16, by the paper's patterns: narrow ones have an upper byte of all zeros or all ones \
         and are not zero.",
        1,
        &["pattern", "share"],
    );
    for (name, n) in [
        ("all zero", patterns.all_zero),
        ("narrow", patterns.narrow),
        ("other", patterns.other),
        ("bits 2, 14, 15, 16 zero, which `xnc` lives on", patterns.bits_2_14_15_16_zero),
    ] {
        shares.row(Accent::None, vec![name.into(), share(n)]);
    }
    section.push(Block::Table(shares));
    section
}
