//! Section: software peers.

use xnc_page::number::{ratio, seconds, three};
use xnc_page::{Accent, Bar, Bars, Block, Chart, Section, Table};

use super::or_dash;
use crate::peers::{Measured, Numbers};
use crate::study::peers::Peers;

pub fn section(found: &Peers, large: Option<&Peers>) -> Section {
    let mut section = Section::new("Software peers");
    section.text(format!(
        "Everything that compresses such words without loss and that this machine can run, on {} ({}). \
         Each setting has two processes of its own on one processor: one encodes, the other opens the \
         file, decodes it, compares every word, and reads random rows the quickest way the peer offers, \
         which for most is decoding everything. Memory is what encoding or decoding adds, result \
         included, in units of the table.",
        found.table, found.shape
    ));
    section.push(Block::Table(table(found)));
    let bars = |value: &dyn Fn(&Numbers) -> f64, shown: &dyn Fn(&Numbers) -> String| {
        let all = found.rows.iter().filter_map(|row| {
            let numbers = row.numbers.as_ref()?;
            Some(Bar { label: name(row), value: value(numbers), shown: shown(numbers), accent: accent(row) })
        });
        let mut all: Vec<Bar> = all.collect();
        all.sort_by(|a, b| b.value.total_cmp(&a.value));
        all
    };
    let speed = |value: f64| format!("{} GB/s", three(value));
    let charts = [
        ("Ratio", "more is better", bars(&|n| n.ratio, &|n| ratio(n.ratio))),
        ("Decoding", "one thread, more is better", bars(&|n| n.decode_gb_s, &|n| speed(n.decode_gb_s))),
    ];
    let charts = charts.map(|(title, note, bars)| {
        Chart::Bars(Bars { title: title.into(), note: note.into(), bars, marks: vec![] })
    });
    section.push(Block::Charts(charts.into()));
    if !found.dfloat11.is_empty() {
        let sizes: Vec<String> =
            found.dfloat11.iter().map(|(table, size)| format!("{table} {}", ratio(*size))).collect();
        section.text(format!(
            "**DFloat11** decodes on CUDA only. Its layout, computed bit by bit as package 0.5.0 stores \
             it: {}. It decodes a whole table for one row.",
            sizes.join(", ")
        ));
    }
    if let Some(large) = large.filter(|large| !large.rows.is_empty()) {
        section.heading(format!("The quick settings on {} ({})", large.table, large.shape));
        section.push(Block::Table(table(large)));
    }
    section
}

fn table(found: &Peers) -> Table {
    let header = [
        "peer",
        "setting",
        "version",
        "ratio",
        "encode, MB/s",
        "decode, GB/s",
        "one row",
        "memory, encode",
        "memory, decode",
    ];
    let mut out = Table::new(format!("On {}, one processor each.", found.table), 3, &header);
    for row in &found.rows {
        let mut cells = vec![name(row)];
        match (&row.numbers, &row.unavailable) {
            (Some(n), _) => cells.extend([
                n.means.clone(),
                n.version.clone(),
                ratio(n.ratio),
                three(1000.0 * n.encode_gb_s),
                three(n.decode_gb_s),
                seconds(1e-6 * n.row_us),
                or_dash(n.encode_memory, |x| format!("{x:.2}")),
                or_dash(n.decode_memory, |x| format!("{x:.2}")),
            ]),
            (None, reason) => {
                let reason = reason.as_deref().unwrap_or("no reason given");
                cells.push(format!("not available: {reason}"));
                cells.resize(header.len(), "-".into());
            }
        }
        out.row(accent(row), cells);
    }
    out
}

fn name(row: &Measured) -> String {
    match (row.peer.as_str(), row.key.as_str()) {
        ("plain", _) => "copy".into(),
        ("xnc", codec) => codec.into(),
        (peer, "default") => peer.into(),
        (peer, key) => format!("{peer}, {key}"),
    }
}

fn accent(row: &Measured) -> Accent {
    match row.peer.as_str() {
        "plain" => Accent::Plain,
        "xnc" => Accent::of(&row.key),
        _ => Accent::Peer,
    }
}
