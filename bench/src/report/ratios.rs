//! Section: sizes of tables.

use xnc::Codec;
use xnc_page::number::{bytes, ratio, seconds};
use xnc_page::{Accent, Bar, Bars, Block, Chart, Mark, Section, Table};

use super::or_dash;
use crate::study::ratios::Ratios;

pub fn section(found: &Ratios) -> Section {
    let mut section = Section::new("Size of a table");
    section.text(
        "What `xnc compress --codec C --json` reports as `ratio`: source bytes against everything that \
         the table adds to the file, index and record included. Beside it the paper's count, which has no \
         index, and the order-0 entropy of the words, which coders that treat words one by one cannot \
         pass.",
    );
    let mut header = vec!["table", "type", "paper's count"];
    header.extend(Codec::ALL.iter().map(|codec| codec.name()));
    header.push("order-0 entropy");
    let mut table = Table::new(
        "Ratios. `dense` codes an FP16 cast as the BF16 words it comes from, so it is measured on those only.",
        2,
        &header,
    );
    for bound in &found.bounds {
        let of = |codec: &Codec| or_dash(found.ratio(&bound.table, &bound.dtype, codec.name()), ratio);
        let name = format!("{}, {} x {}", bound.table, bound.shape[0], bound.shape[1]);
        let mut cells = vec![name, bound.dtype.clone(), ratio(bound.published)];
        cells.extend(Codec::ALL.iter().map(of));
        cells.push(ratio(bound.order0));
        table.row(Accent::None, cells);
    }
    section.push(Block::Table(table));
    let charts = found.bounds.iter().filter(|bound| bound.dtype == "BF16").map(|bound| {
        // The paper's scheme where the paper has it, on FP16.
        let dtype = |codec: &str| if codec == "xnc" { "F16" } else { "BF16" };
        let bars = Codec::ALL.iter().filter_map(|codec| {
            let name = codec.name();
            let value = found.ratio(&bound.table, dtype(name), name)?;
            Some(Bar { label: name.into(), value, shown: ratio(value), accent: Accent::of(name) })
        });
        let mut bars: Vec<Bar> = bars.collect();
        bars.sort_by(|a, b| b.value.total_cmp(&a.value));
        let mark = Mark { label: format!("order-0 entropy {}", ratio(bound.order0)), value: bound.order0 };
        Chart::Bars(Bars {
            title: bound.table.clone(),
            note: "ratio, everything counted; `xnc` on the FP16 cast".into(),
            bars,
            marks: vec![mark],
        })
    });
    section.push(Block::Charts(charts.collect()));
    section.text(
        "The tables of SmolLM2 and Gemma are **rebuilt, not published BF16 checkpoints**: their \
        Q8_0 tables with the quantiser undone by dither, which puts back the entropy that it removed \
        (docs/tables.md). The values of all-MiniLM-L6-v2 are its published ones, rounded from F32.",
    );
    section.heading("Time and memory of `xnc compress`");
    let header = ["table", "codec", "ratio", "time, all threads", "peak memory"];
    let mut table = Table::new(
        "The whole command: reading, encoding, writing, restoring in memory and comparing with the source. Once \
         each; sections on peers and scaling repeat.",
        2,
        &header,
    );
    for row in found.rows.iter().filter(|row| row.dtype == "BF16") {
        let effort = row.effort.map_or(String::new(), |effort| format!(", effort {effort}"));
        table.row(
            Accent::of(&row.codec),
            vec![
                row.table.clone(),
                format!("`{}`{effort}", row.codec),
                or_dash(row.ratio, ratio),
                seconds(row.seconds),
                or_dash(row.peak_bytes, bytes),
            ],
        );
    }
    section.push(Block::Table(table));
    section
}
