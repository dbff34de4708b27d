//! Section: software peers.

use xnc_page::number::{ratio, seconds, three};
use xnc_page::{Accent, Bar, Bars, Block, Chart, Section, Table};

use super::or_dash;
use crate::peers::{Measured, Numbers};
use crate::study::peers::Peers;

/// `large` comes with what has to be said when it is older than the rest.
pub fn section(found: &Peers, large: Option<(&Peers, Option<String>)>) -> Section {
    let mut section = Section::new("Software peers");
    section.text(format!(
        "Everything that compresses such words without loss and that this machine can run, on {} ({}). \
         Each setting has two processes of its own on one processor: one encodes, the other opens the \
         file, decodes it, compares every word, and reads random rows the quickest way the peer offers: \
         its own, the pieces that hold the row (settings `rows`, `4k` and `64k`: a piece a row, of 4 KiB, \
         of 64 KiB), or else everything. Memory is what encoding or decoding adds, result included, in \
         units of the table.",
        found.table, found.shape
    ));
    section.text(
        "Nobody's time has page faults in it: everything is decoded into memory that was written before, \
         freed memory stays with the process, and a run that does not count comes first (but where encoding \
         takes more than 4 s: there it is one run, and counts). Libraries that cannot decode into memory \
         that is given say so in their setting; they find what they freed before. Calls from Python cost \
         their peers about a microsecond a row. zstd and LZ4 get signs and mantissas set apart from \
         exponents, which is worth more to them than any level.",
    );
    section.push(Block::Table(table(found)));
    section.push(Block::Table(quartiles(found)));
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
        (
            "Decoding",
            "one thread, more is better",
            bars(&|n| n.decode_gb_s.median, &|n| speed(n.decode_gb_s.median)),
        ),
    ];
    let charts = charts.map(|(title, note, bars)| {
        Chart::Bars(Bars { title: title.into(), note: note.into(), bars, marks: vec![] })
    });
    section.push(Block::Charts(charts.into()));
    if !found.dfloat11.is_empty() {
        let sizes: Vec<String> =
            found.dfloat11.iter().map(|(table, size)| format!("{table} {}", ratio(*size))).collect();
        section.text(format!(
            "**DFloat11** decodes on CUDA only, so it is not measured. Its size, computed bit by bit for the \
             layout that package 0.5.0 stores: {}. It decodes a whole table for one row.",
            sizes.join(", ")
        ));
    }
    if let Some((large, older)) = large.filter(|(large, _)| !large.rows.is_empty()) {
        section.heading(format!("The quick settings on {} ({})", large.table, large.shape));
        section.blocks.extend(older.map(Block::Text));
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
                three(1000.0 * n.encode_gb_s.median),
                three(n.decode_gb_s.median),
                seconds(1e-6 * n.row_us.median),
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

fn quartiles(found: &Peers) -> Table {
    let caption = "How far repetitions lie apart: first and third quartile, and the number of runs. A run of row \
        lookups is 256 random rows where one takes less than 100 µs.";
    let mut out = Table::new(caption, 1, &["peer", "encode, MB/s", "decode, GB/s", "one row"]);
    for row in &found.rows {
        let Some(n) = &row.numbers else { continue };
        let cells = vec![
            name(row),
            n.encode_gb_s.times(1000.0).shown(three),
            n.decode_gb_s.shown(three),
            n.row_us.times(1e-6).shown(seconds),
        ];
        out.row(accent(row), cells);
    }
    out
}

/// What a reader calls it.
pub fn name(row: &Measured) -> String {
    match (row.peer.as_str(), row.key.as_str()) {
        ("plain", _) => "copy".into(),
        ("xnc", codec) => codec.into(),
        (peer, "default") => peer.into(),
        (peer, key) => format!("{peer}, {key}"),
    }
}

/// Its colour.
pub fn accent(row: &Measured) -> Accent {
    match row.peer.as_str() {
        "plain" => Accent::Plain,
        "xnc" => Accent::of(&row.key),
        _ => Accent::Peer,
    }
}
