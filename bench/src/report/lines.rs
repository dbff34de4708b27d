//! Section: hardware line compressors.

use xnc_page::number::{percent, ratio};
use xnc_page::{Accent, Bar, Bars, Block, Chart, Section, Table};

use super::or_dash;
use crate::study::lines::{Lines, Scheme, Survey};

pub fn section(found: &Lines) -> Section {
    let mut section = Section::new("Hardware line compressors");
    section.text(
        "The comparison of the paper, as exact bit counts on 64-byte lines, each scheme tested on a \
         worked example (`bench/src/lines`). Tags, flags and trained tables are counted; nothing is \
         rounded up to segments or bursts, which flatters every scheme alike. Most of these papers were \
         out of reach: each file says what is from memory. **E2MC's 1024 entries are**, and whether it \
         beats XNC depends on their number, so three sizes are listed.",
    );
    for (dtype, caption) in
        [("F16", "FP16 words, as the paper has them."), ("BF16", "The same tables as BF16, as published.")]
    {
        let surveys: Vec<&Survey> = found.surveys.iter().filter(|survey| survey.dtype == dtype).collect();
        if let Some(first) = surveys.first() {
            section.push(Block::Table(ratios(caption, &surveys, first)));
        }
    }
    let charts = found.surveys.iter().filter(|survey| survey.dtype == "F16").map(|survey| {
        let mut bars: Vec<Bar> = survey.schemes.iter().map(bar).collect();
        bars.sort_by(|a, b| b.value.total_cmp(&a.value));
        Chart::Bars(Bars {
            title: format!("{}, FP16", survey.table),
            note: "ratio; below 1 the table grows".into(),
            bars,
            marks: vec![],
        })
    });
    section.push(Block::Charts(charts.collect()));
    if let Some(first) = found.surveys.first() {
        let mut table = Table::new(
            "Where each scheme is described, and what is counted.",
            3,
            &["scheme", "paper", "counted"],
        );
        for scheme in &first.schemes {
            table
                .row(accent(scheme), vec![scheme.name.clone(), scheme.paper.clone(), scheme.counted.clone()]);
        }
        section.push(Block::Table(table));
    }
    section
}

fn ratios(caption: &str, surveys: &[&Survey], first: &Survey) -> Table {
    let mut header = vec!["scheme".to_owned()];
    for survey in surveys {
        header.extend([survey.table.clone(), "lines that shrink".into()]);
    }
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    let mut table = Table::new(
        format!("{caption} Ratio, and the share of lines that take fewer than 512 bits."),
        1,
        &header,
    );
    for (number, scheme) in first.schemes.iter().enumerate() {
        let mut cells = vec![scheme.name.clone()];
        for survey in surveys {
            let one = survey.schemes.get(number);
            cells.push(or_dash(one, |one| ratio(one.ratio)));
            cells.push(or_dash(one.and_then(|one| one.smaller), percent));
        }
        table.row(accent(scheme), cells);
    }
    table
}

fn bar(scheme: &Scheme) -> Bar {
    Bar {
        label: scheme.name.clone(),
        value: scheme.ratio,
        shown: ratio(scheme.ratio),
        accent: accent(scheme),
    }
}

fn accent(scheme: &Scheme) -> Accent {
    match scheme.name.as_str() {
        "XNC" => Accent::Xnc,
        name if is_bound(name) => Accent::Bound,
        _ => Accent::Peer,
    }
}

/// What no circuit reaches: the entropy, and a code table with an entry for every word there is.
pub fn is_bound(name: &str) -> bool {
    name.contains("entropy") || name.ends_with("every word")
}
