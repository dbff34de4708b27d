//! The table of the README: what a reader weighs before anything else.

use xnc_page::number::{ratio, seconds, three};

use crate::study::Results;
use crate::study::models::QUANTISED;

/// Around the table.
const BEGIN: &str = "<!-- figures: written by `cargo xtask study` from docs/results.json -->\n";
const END: &str = "<!-- end of figures -->";

/// Peer and setting, name, and what runs from it.
const ROWS: [(&str, &str, &str, &str); 6] = [
    ("xnc", "fast", "`fast`", "yes"),
    ("xnc", "tight", "`tight`", "yes"),
    ("xnc", "dense", "`dense`", "once opened into `fast`"),
    ("zstd", "rows", "zstd, a row at a time", "no"),
    ("zstd", "best", "zstd, best", "no"),
    ("zipnn", "default", "ZipNN", "no"),
];

/// The README with its table anew; none where there is no table, or no peers were measured.
pub fn readme(text: &str, results: &Results) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}{}{END}{after}", table(results)?))
}

fn table(results: &Results) -> Option<String> {
    let taken = results.peers.as_ref()?;
    let found = &taken.found;
    let mut out = String::from(
        "| the table | smaller by | lossless | one row | all of it | models run from it |\n\
         |---|---|---|---|---|---|\n",
    );
    for (peer, key, name, runs) in ROWS {
        let row = found.rows.iter().find(|row| row.peer == peer && row.key == key);
        let Some(numbers) = row.and_then(|row| row.numbers.as_ref()) else { continue };
        out += &format!(
            "| {name} | {} | yes | {} | {} GB/s | {runs} |\n",
            ratio(numbers.ratio),
            seconds(1e-6 * numbers.row_us.median),
            three(numbers.decode_gb_s.median),
        );
    }
    for (name, bits) in QUANTISED {
        out += &format!("| {name} | {} | **no** | | | yes |\n", ratio(16.0 / bits));
    }
    out += &format!(
        "\nOne thread of {}.\n\
         {} ({}), a rebuilt table ([how](docs/tables.md)).\n\
         Sizes count everything; those of Q8_0 and Q6_K are computed.\n\
         [All tools](docs/results.md#software-peers).\n",
        taken.machine.told(),
        found.table,
        found.shape,
    );
    Some(out)
}
