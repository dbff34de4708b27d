//! Section: each claim beside what was found.

use xnc_page::number::{percent, ratio};
use xnc_page::{Accent, Block, Section, Table};

use super::lines::is_bound;
use super::models::average;
use crate::study::Results;
use crate::study::models::{PUBLISHED_RATIO, PUBLISHED_SAVING};

pub fn section(results: &Results) -> Section {
    let mut section = Section::new("Claims");
    let mut table = Table::new(
        "The paper's claims, then ours. What was counted, computed or simulated is not called measured.",
        4,
        &["claim", "claimed", "found", "how and where"],
    );
    let mut claim = |accent, what: &str, claimed: String, found: Option<String>, place: &str| {
        table.row(
            accent,
            vec![what.into(), claimed, found.unwrap_or("not measured yet".into()), place.into()],
        );
    };
    paper(results, &mut claim);
    ours(results, &mut claim);
    section.push(Block::Table(table));
    section
}

/// From here on a peer takes about as little as `fast`.
const SMALL: f64 = 1.35;

/// Whose, what, claimed, found, where.
type Claim<'a> = dyn FnMut(Accent, &str, String, Option<String>, &str) + 'a;

/// Smallest and largest of some values.
fn range(values: impl Iterator<Item = f64>, show: fn(f64) -> String) -> Option<String> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let (low, high) = (show(*values.first()?), show(*values.last()?));
    Some(if low == high { low } else { format!("{low} to {high}") })
}

fn paper(results: &Results, claim: &mut Claim<'_>) {
    let ratios = results.ratios.as_ref().map(|taken| &taken.found);
    let lines = results.lines.as_ref().map(|taken| &taken.found);
    let patterns = results.patterns.as_ref().map(|taken| &taken.found);
    let models = results.models.as_ref().map(|taken| &taken.found);
    let casts = patterns.and_then(|found| {
        range(found.rows.iter().filter(|row| row.cast).map(|row| row.four_bits_zero), percent)
    });
    claim(
        Accent::Xnc,
        "Bits 2, 14, 15 and 16 are zero in nearly all words of an embedding table",
        "99.79 to 99.98 %".into(),
        casts,
        "counted: [patterns](#patterns-of-words)",
    );
    let native = patterns.and_then(|found| range(found.origins.iter().map(|one| one.noise), percent));
    let native = native.map(|share| format!("of the cast to FP16: {share} without it"));
    claim(
        Accent::Xnc,
        "... which is a property of embeddings",
        "implied".into(),
        native,
        "counted: [patterns](#where-the-zeros-come-from)",
    );
    let count = ratios.and_then(|found| {
        range(found.bounds.iter().filter(|one| one.dtype == "F16").map(|one| one.published), ratio)
    });
    claim(
        Accent::Xnc,
        "Embedding layers shrink, on average, by",
        format!("{PUBLISHED_RATIO}x"),
        count,
        "computed by the paper's count, without an index: [tables](#size-of-a-table)",
    );
    let best = lines.and_then(|found| {
        let survey = found.surveys.iter().find(|survey| survey.dtype == "F16")?;
        let of = |name: &str| survey.schemes.iter().find(|one| one.name == name).map(|one| one.ratio);
        let others = survey.schemes.iter().filter(|one| one.name != "XNC" && !is_bound(&one.name));
        let best = others.max_by(|a, b| a.ratio.total_cmp(&b.ratio))?;
        let xnc = of("XNC")?;
        let verdict = if xnc > best.ratio { "yes" } else { "no" };
        Some(format!(
            "{verdict}: XNC {}, {} {} on {}",
            ratio(xnc),
            best.name,
            ratio(best.ratio),
            survey.table
        ))
    });
    claim(
        Accent::Xnc,
        "Highest ratio of the lossless methods compared",
        "yes".into(),
        best,
        "computed: [line compressors](#hardware-line-compressors)",
    );
    let saved = models.and_then(|found| {
        range([4.0, 4.85].into_iter().filter_map(|body| average(found, "xnc", body)), percent)
    });
    claim(
        Accent::Xnc,
        "4-bit models lose, on average",
        percent(PUBLISHED_SAVING),
        saved,
        "computed: [models](#whole-models), by what the rest takes",
    );
    let changed = patterns.and_then(|found| {
        range(found.origins.iter().map(|one| one.changed), |share| format!("{:.4} %", 100.0 * share))
    });
    let changed = changed.map(|share| {
        format!("not by the cast alone: it changes {share} of BF16 words; here exceptions bring them back")
    });
    claim(
        Accent::Xnc,
        "Outputs do not change",
        "yes".into(),
        changed,
        "counted: [patterns](#where-the-zeros-come-from)",
    );
    claim(
        Accent::Xnc,
        "Four cycles to compress a block, three to decompress it",
        "4 and 3".into(),
        Some("asserted in simulation by `cargo xtask rtl`, on no chip".into()),
        "rtl/README.md",
    );
}

fn ours(results: &Results, claim: &mut Claim<'_>) {
    let ratios = results.ratios.as_ref().map(|taken| &taken.found);
    let peers = results.peers.as_ref().map(|taken| &taken.found);
    let of = |codec: &'static str, dtype: &'static str| {
        let found = ratios?;
        let tables = found.bounds.iter().filter(move |one| one.dtype == dtype);
        range(tables.filter_map(|one| found.ratio(&one.table, dtype, codec)), ratio)
    };
    claim(
        Accent::Xnc,
        "`xnc` files, everything counted, stay close to the paper's count",
        "-".into(),
        of("xnc", "F16"),
        "measured, files: [tables](#size-of-a-table)",
    );
    claim(
        Accent::Fast,
        "`fast` shrinks tables in memory by",
        "-".into(),
        of("fast", "BF16"),
        "measured, files: [tables](#size-of-a-table)",
    );
    let entropy = ratios.and_then(|found| {
        range(found.bounds.iter().filter(|one| one.dtype == "BF16").map(|one| one.order0), ratio)
    });
    let dense = of("dense", "BF16")
        .zip(entropy)
        .map(|(dense, entropy)| format!("{dense}; the entropy allows {entropy}"));
    claim(
        Accent::Dense,
        "`dense` passes the order-0 entropy",
        "yes".into(),
        dense,
        "measured, files: [tables](#size-of-a-table)",
    );
    let rows = peers.and_then(|found| {
        let numbers = |row: &crate::peers::Measured| row.numbers.as_ref().map(|n| (n.row_us.median, n.ratio));
        let fast = numbers(found.rows.iter().find(|row| row.key == "fast")?)?;
        let others = found.rows.iter().filter(|row| row.peer != "xnc" && row.peer != "plain");
        let others: Vec<_> =
            others.filter_map(|row| Some((super::peers::name(row), numbers(row)?))).collect();
        let show =
            |(us, times): (f64, f64)| format!("{} at {}", xnc_page::number::seconds(1e-6 * us), ratio(times));
        let quickest = |least: f64| {
            let some = others.iter().filter(|(_, numbers)| numbers.1 >= least);
            let (name, numbers) = some.min_by(|a, b| a.1.0.total_cmp(&b.1.0))?;
            Some(format!("{name}, {}", show(*numbers)))
        };
        Some(format!(
            "{}; the quickest peer: {}; of those that reach {}: {}",
            show(fast),
            quickest(1.0)?,
            ratio(SMALL),
            quickest(SMALL).unwrap_or("none".into())
        ))
    });
    claim(
        Accent::Fast,
        "A row is read from `fast` in under a microsecond",
        "yes".into(),
        rows,
        "measured: [peers](#software-peers)",
    );
}
