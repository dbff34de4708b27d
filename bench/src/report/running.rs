//! Section: running from compressed tables.

use xnc_page::number::{seconds, three};
use xnc_page::{Accent, Block, Section, Table};

use crate::study::running::Running;

pub fn section(found: &Running) -> Section {
    let mut section = Section::new("Running from a compressed table");
    section.text(
        "What `xnc bench` measures, in random order, beside plain words in \
        memory. All but lookups begin with caches that hold nothing of the table, as an output head does \
        after a model's layers. Each figure is the median over at most three such processes (`dense`: one), \
        each of which gives medians itself.",
    );
    let header = [
        "table",
        "codec",
        "encode, GB/s",
        "decode, GB/s",
        "against memcpy",
        "one of 512 rows",
        "against a copy",
    ];
    let mut table = Table::new(
        "One thread. Against memcpy: its speed over that of a copy, more is better. Against a copy: time \
         over that of copying plain rows, less is better.",
        2,
        &header,
    );
    for row in &found.rows {
        table.row(
            Accent::of(&row.codec),
            vec![
                format!("{}, {}", row.table, row.dtype),
                format!("`{}`", row.codec),
                three(row.encode_gb_s.median),
                three(row.decode_gb_s.median),
                three(row.ratio_to_memcpy.median),
                seconds(1e-9 * row.gather_ns.median),
                three(row.ratio_to_copy.median),
            ],
        );
    }
    section.push(Block::Table(table));
    let header = [
        "table",
        "codec",
        "activations",
        "threads",
        "compressed",
        "plain",
        "plain reads, GB/s",
        "of reading alone",
        "times as fast",
        "its quartiles",
    ];
    let mut table = Table::new(
        "The table times a vector: from compressed rows, and from plain rows by the fastest of \
         several loops. Results are the same to the last bit. Below 1 the compressed product is the \
         slower one: there the core has more bandwidth than it can unpack (docs/notes/fast.md, section 6, \
         where also stands what AVX2 gets).",
        3,
        &header,
    );
    for one in &found.products {
        table.row(
            Accent::of(&one.codec),
            vec![
                one.table.clone(),
                format!("`{}`", one.codec),
                one.activations.clone(),
                one.threads.to_string(),
                seconds(1e-3 * one.ms.median),
                seconds(1e-3 * one.plain_ms.median),
                three(one.plain_gb_s.median),
                format!("{:.2}", one.plain_to_read.median),
                format!("{:.2}", one.speedup.median),
                one.speedup.shown(|times| format!("{times:.2}")),
            ],
        );
    }
    section.push(Block::Table(table));
    section
}
