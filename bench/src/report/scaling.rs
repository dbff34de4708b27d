//! Section: scaling.

use xnc::Codec;
use xnc_page::number::{bytes, seconds, three};
use xnc_page::{Accent, Axis, Block, Chart, Lines, Section, Series, Table};

use super::or_dash;
use crate::study::scaling::{Scaling, Size};

pub fn section(found: &Scaling) -> Section {
    let mut section = Section::new("Scaling");
    section.text(
        "Time and memory against the size of a table, the number of threads, and the number of \
        rows asked for at once; into memory that was written before.",
    );
    let lines = |title: &str, note: &str, y: Axis, value: &dyn Fn(&Size) -> Option<f64>| {
        let series = Codec::ALL.iter().map(|codec| {
            let sizes = found.sizes.iter().filter(|size| size.codec == codec.name());
            let points = sizes.filter_map(|size| Some((size.bytes as f64 * 1e-6, value(size)?)));
            Series {
                name: codec.name().into(),
                accent: Accent::of(codec.name()),
                dashed: false,
                points: points.collect(),
            }
        });
        let x = Axis::logarithmic("table, MB");
        Chart::Lines(Lines { title: title.into(), note: note.into(), x, y, series: series.collect() })
    };
    let lookups = || {
        let names = std::iter::once("plain").chain(Codec::ALL.iter().map(|codec| codec.name()));
        let series = names.map(|name| {
            let rows = found.lookups.iter().filter(|lookup| lookup.codec == name);
            let points = rows.map(|lookup| (lookup.asked as f64, lookup.rows_per_second.median)).collect();
            Series { name: name.into(), accent: Accent::of(name), dashed: name == "plain", points }
        });
        series.collect()
    };
    section.push(Block::Charts(vec![
        lines("Encoding", "all threads", Axis::logarithmic("ms"), &|size| {
            Some(1e3 * size.encode_seconds.median)
        }),
        lines("Decoding", "one thread", Axis::logarithmic("ms"), &|size| {
            Some(1e3 * size.decode_seconds.median)
        }),
        lines("Peak memory of `xnc compress`", "largest resident size", Axis::logarithmic("MB"), &|size| {
            size.compress_peak_bytes.map(|bytes| bytes as f64 * 1e-6)
        }),
        Chart::Lines(Lines {
            title: "Rows a second".into(),
            note: "random rows in one call, one thread, checksums compared before".into(),
            x: Axis::logarithmic("rows asked for in one call"),
            y: Axis::logarithmic("rows/s"),
            series: lookups(),
        }),
    ]));
    let header =
        ["codec", "table", "rows", "size", "encode, all threads", "decode, one thread", "peak of `compress`"];
    let mut table = Table::new(
        "Against the size of the table: the beginning of one table, and another whole.",
        2,
        &header,
    );
    for size in &found.sizes {
        table.row(
            Accent::of(&size.codec),
            vec![
                format!("`{}`", size.codec),
                size.table.clone(),
                size.rows.to_string(),
                bytes(size.bytes),
                seconds(size.encode_seconds.median),
                seconds(size.decode_seconds.median),
                or_dash(size.compress_peak_bytes, bytes),
            ],
        );
    }
    section.push(Block::Table(table));
    let mut table = Table::new(
        "Against the number of threads.",
        1,
        &["codec", "threads", "encode, GB/s", "quartiles", "decode, GB/s", "quartiles"],
    );
    for one in &found.threads {
        let cells = [
            one.threads.to_string(),
            three(one.encode_gb_s.median),
            one.encode_gb_s.shown(three),
            three(one.decode_gb_s.median),
            one.decode_gb_s.shown(three),
        ];
        table.row(Accent::of(&one.codec), std::iter::once(format!("`{}`", one.codec)).chain(cells).collect());
    }
    section.push(Block::Table(table));
    let asked: Vec<usize> =
        found.lookups.iter().filter(|one| one.codec == "plain").map(|one| one.asked).collect();
    let header: Vec<String> =
        std::iter::once("table".to_owned()).chain(asked.iter().map(|n| format!("{n} rows"))).collect();
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    let mut table = Table::new("Time a row, by the number of random rows asked for in one call.", 1, &header);
    for name in std::iter::once("plain").chain(Codec::ALL.iter().map(|codec| codec.name())) {
        let times = asked.iter().map(|asked| {
            let one = found.lookups.iter().find(|one| one.codec == name && one.asked == *asked);
            or_dash(one, |one| seconds(1.0 / one.rows_per_second.median))
        });
        table.row(Accent::of(name), std::iter::once(format!("`{name}`")).chain(times).collect());
    }
    section.push(Block::Table(table));
    section
}
