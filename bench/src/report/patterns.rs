//! Section: patterns of words.

use xnc_page::number::{percent, ratio};
use xnc_page::{Accent, Block, Section, Table};

use crate::patterns::PUBLISHED;
use crate::study::patterns::Patterns;

pub fn section(found: &Patterns) -> Section {
    let mut section = Section::new("Patterns of words");
    section.text(
        "The paper's first table: what the 16-bit words of an embedding table look like as FP16. Hardware \
         compressors live on zeros and narrow values; there are hardly any. What there is instead: four \
         bits that are nearly always zero.",
    );
    let header = [
        "table",
        "as FP16",
        "bits 2, 14, 15, 16 zero, as published for the family",
        "here",
        "all zero",
        "narrow",
        "other",
        "paper's count",
    ];
    let mut table = Table::new(
        "Shares of words. A narrow word has an upper byte of all zeros or all ones and is not zero; the \
         paper does not publish its definition.",
        3,
        &header,
    );
    for row in &found.rows {
        let names: Vec<String> =
            row.published.iter().map(|(model, share)| format!("{model} {}", percent(*share))).collect();
        table.row(
            Accent::None,
            vec![
                format!("{}, {} x {}", row.table, row.shape[0], row.shape[1]),
                if row.cast { "cast from BF16" } else { "rounded at once" }.into(),
                if names.is_empty() { "-".into() } else { names.join(", ") },
                percent(row.four_bits_zero),
                percent(row.all_zero),
                percent(row.narrow),
                percent(row.other),
                ratio(row.xnc_ratio),
            ],
        );
    }
    section.push(Block::Table(table));
    let (low, high) = PUBLISHED.iter().fold((1.0_f64, 0.0_f64), |(low, high), one| {
        (low.min(one.bits_2_14_15_16_zero), high.max(one.bits_2_14_15_16_zero))
    });
    section.text(format!(
        "Published, over twelve models: all zero about 0, narrow 0.25 to 0.26 %, other 99.7 %, the four \
         bits {} to {}. Far fewer words are narrow here, so the paper may mean something else by it, or \
         published tables differ from rebuilt ones.",
        percent(low),
        percent(high)
    ));
    section.heading("Where the zeros come from");
    section.text(
        "Not from embeddings. BF16 has 7 mantissa bits, FP16 has 10: casting appends three zeros to every \
         normal number. The same values rounded to FP16 at once have them no more often than chance, one \
         in eight; normal noise that goes through BF16 has them nearly always.",
    );
    let header = [
        "table",
        "BF16 words",
        "cast to FP16",
        "noise, FP16 at once",
        "noise, BF16 then cast",
        "words the cast changes",
        "blocks with one",
    ];
    let mut table = Table::new(
        "Words with bits 14, 15 and 16 zero, and what the cast to FP16 loses for good.",
        1,
        &header,
    );
    for one in &found.origins {
        let shares = [one.bf16, one.cast, one.noise, one.noise_cast, one.changed, one.changed_blocks];
        let cells = std::iter::once(one.table.clone()).chain(shares.map(fine));
        table.row(Accent::None, cells.collect());
    }
    section.push(Block::Table(table));
    section.text(
        "The last columns are why `xnc` here keeps a list of exceptions: the paper's cast does \
        not bring back every BF16 word, and a lossless tool must.",
    );
    section
}

/// A percentage that may be far below one.
fn fine(share: f64) -> String {
    if share < 0.001 { format!("{:.4} %", 100.0 * share) } else { percent(share) }
}
