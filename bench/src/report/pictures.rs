//! Pictures beside the page, for Markdown, which shows no charts.

use xnc_page::number::{bytes, seconds};
use xnc_page::picture::{Dot, Dots, Point, Row, Scatter};
use xnc_page::{Accent, Axis};

use super::models::ways;
use super::peers::{accent, name};
use crate::study::Results;
use crate::study::models::{BODY_BITS, Models, shapes};
use crate::study::peers::Peers;

/// Names of files and what is in them, of what was measured.
pub fn pictures(results: &Results) -> Vec<(&'static str, String)> {
    let mut all = Vec::new();
    if let Some(peers) = &results.peers {
        let text = lookups(&peers.found, &peers.machine.told(), &peers.machine.date).to_svg();
        all.push(("ratio-against-lookup.svg", text));
    }
    if let Some(models) = &results.models {
        all.push(("model-size.svg", sizes(&models.found).to_svg()));
    }
    all
}

fn lookups(found: &Peers, machine: &str, date: &str) -> Scatter {
    let points = found.rows.iter().filter_map(|row| {
        let numbers = row.numbers.as_ref()?;
        let at = (1e-6 * numbers.row_us.median, numbers.ratio);
        Some(Point { label: name(row), accent: accent(row), at })
    });
    let mut points: Vec<Point> = points.collect();
    // Ours first, then the smallest: who comes first gets the place beside its dot.
    points.sort_by(|a, b| {
        let theirs = |point: &Point| point.accent == Accent::Peer;
        theirs(a).cmp(&theirs(b)).then(b.at.1.total_cmp(&a.at.1))
    });
    Scatter {
        title: "Compression ratio against the time of one row".into(),
        note: format!("{} ({}), one thread; medians on {machine}, {date}", found.table, found.shape),
        x: Axis::logarithmic("one random row; less is better"),
        y: Axis { label: "ratio; more is better".into(), logarithmic: false, from_zero: false },
        tick: Some(tick),
        points,
    }
}

/// Seconds without zeros that say nothing.
fn tick(value: f64) -> String {
    let text = seconds(value);
    text.replace(".00 ", " ").replace(".0 ", " ")
}

fn sizes(found: &Models) -> Dots {
    let ways = ways(found);
    // The paper's average has no file behind it.
    let ways = ways.get(1..).unwrap_or_default();
    let plain = Dot { name: "plain 16 bits".into(), accent: Accent::None, open: false };
    let kinds = ways.iter().map(|(name, accent, _)| Dot {
        name: name.clone(),
        accent: *accent,
        open: *accent == Accent::Plain,
    });
    let rows = shapes().into_iter().map(|shape| {
        let share = |bits: f64| 100.0 * (1.0 - shape.saving(BODY_BITS, bits));
        let end = bytes(shape.bytes(BODY_BITS, 16.0) as u64);
        let values = std::iter::once(100.0).chain(ways.iter().map(|(.., bits)| share(*bits)));
        Row { name: shape.name.clone(), end, values: values.collect() }
    });
    Dots {
        title: "Size of a 4-bit model, by what becomes of its 16-bit table".into(),
        note: format!(
            "computed: public shapes, {BODY_BITS} bits a weight elsewhere, ratios of our tables; open dots give up bits"
        ),
        x: Axis {
            label: "% of the size with a plain table, which stands at the right".into(),
            logarithmic: false,
            from_zero: false,
        },
        kinds: std::iter::once(plain).chain(kinds).collect(),
        rows: rows.collect(),
    }
}
