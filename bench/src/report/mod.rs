//! The study as one page: a section a file, in the order of the sections of [`crate::study`].

mod claims;
mod limits;
mod lines;
mod models;
mod patterns;
mod peers;
mod ratios;
mod running;
mod scaling;

use xnc_page::number::{percent, ratio};
use xnc_page::{Accent, Fact, Page, Section};

use crate::study::machine::Machine;
use crate::study::{Results, Taken};

/// All that was measured so far, as a page.
pub fn page(results: &Results) -> Page {
    let mut page = Page {
        title: "XNC, measured".into(),
        lead: "Every claim of the XNC paper and of this project's README in one place, each with a number \
            and the way to get it again: `cargo xtask study`. What does not work is at the end, as \
            plainly as the rest."
            .into(),
        ..Page::default()
    };
    if results.sample {
        page.lead = "A reduced run on the committed sample, which shows that the study's code works. \
            **Its numbers say nothing else.**"
            .into();
    }
    page.facts = facts(results);
    page.sections.push(claims::section(results));
    let mut add = |section: Option<Section>| page.sections.extend(section);
    add(show(&results.patterns, patterns::section));
    add(show(&results.ratios, ratios::section));
    add(show(&results.lines, lines::section));
    let large = results.large.as_ref().map(|taken| &taken.found);
    add(show(&results.peers, |found| peers::section(found, large)));
    add(show(&results.models, models::section));
    add(show(&results.running, running::section));
    add(show(&results.scaling, scaling::section));
    add(show(&results.limits, limits::section));
    page.colophon = colophon(results);
    page
}

fn show<T>(taken: &Option<Taken<T>>, section: impl FnOnce(&T) -> Section) -> Option<Section> {
    taken.as_ref().map(|taken| section(&taken.found))
}

/// The numbers a reader came for.
fn facts(results: &Results) -> Vec<Fact> {
    let mut facts = Vec::new();
    let mut add = |accent, value: Option<String>, label: String| {
        facts.extend(value.map(|value| Fact { value, label, accent }));
    };
    if let Some(ratios) = results.ratios.as_ref().map(|taken| &taken.found) {
        let Some(main) = ratios.bounds.first() else { return facts };
        let of = |dtype, codec| ratios.ratio(&main.table, dtype, codec).map(ratio);
        let on = &main.table;
        add(Accent::Fast, of("BF16", "fast"), format!("`fast`, the default, on {on}"));
        add(
            Accent::Dense,
            of("BF16", "dense"),
            format!("`dense`, for disk and download; order-0 entropy allows {}", ratio(main.order0)),
        );
        add(Accent::Xnc, of("F16", "xnc"), "`xnc`, the published scheme, on the FP16 cast".into());
    }
    if let Some(models) = results.models.as_ref().map(|taken| &taken.found) {
        let saved = models::average(models, "fast", crate::study::models::BODY_BITS);
        add(
            Accent::Fast,
            saved.map(percent),
            "off the paper's twelve 4-bit models with `fast`, on average".into(),
        );
    }
    if let Some(peers) = results.peers.as_ref().map(|taken| &taken.found) {
        let fast = peers.rows.iter().find(|row| row.peer == "xnc" && row.key == "fast");
        let fast = fast.and_then(|row| row.numbers.as_ref());
        add(
            Accent::Fast,
            fast.map(|n| xnc_page::number::seconds(1e-6 * n.row_us)),
            "for one random row from a compressed table".into(),
        );
        add(
            Accent::Fast,
            fast.map(|n| format!("{} GB/s", xnc_page::number::three(n.decode_gb_s))),
            "decoded by one thread".into(),
        );
    }
    facts
}

/// Machines, dates and versions; sections measured in one go share a line.
fn colophon(results: &Results) -> Vec<String> {
    let taken = [
        ("patterns", about(&results.patterns)),
        ("ratios", about(&results.ratios)),
        ("lines", about(&results.lines)),
        ("peers", about(&results.peers)),
        ("large", about(&results.large)),
        ("models", about(&results.models)),
        ("running", about(&results.running)),
        ("scaling", about(&results.scaling)),
        ("limits", about(&results.limits)),
    ];
    let mut groups: Vec<(&Machine, Vec<&str>, f64)> = Vec::new();
    for (name, (machine, seconds)) in taken.into_iter().filter_map(|(name, about)| Some((name, about?))) {
        match groups.iter_mut().find(|(known, ..)| *known == machine) {
            Some((_, names, total)) => {
                names.push(name);
                *total += seconds;
            }
            None => groups.push((machine, vec![name], seconds)),
        }
    }
    let lines = groups.iter().map(|(machine, names, seconds)| {
        format!(
            "**{}**: {}, {} processors ({}; backend {}), {} memory, {}; {}, {}, commit {}; measured {} in {:.0} s.",
            names.join(", "),
            machine.processor,
            machine.processors,
            machine.instructions.join(", "),
            machine.backend,
            machine.memory_gb.map_or("unknown".into(), |gb| format!("{gb:.0} GB")),
            machine.system,
            machine.rustc,
            format_args!("xnc {}", machine.xnc),
            machine.commit,
            machine.date,
            seconds,
        )
    });
    let mut lines: Vec<String> = lines.collect();
    lines.push(
        "GB = 10^9 bytes of source words. Times are medians. Bits of a word are counted from the \
        most significant as 1. Everything here was rendered from `results.json`, which stands beside this \
        page."
            .into(),
    );
    lines
}

fn about<T>(taken: &Option<Taken<T>>) -> Option<(&Machine, f64)> {
    taken.as_ref().map(|taken| (&taken.machine, taken.seconds))
}

/// A dash for what there is not.
fn or_dash<T>(value: Option<T>, show: impl FnOnce(T) -> String) -> String {
    value.map_or("-".into(), show)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    /// `XNC_BLESS=1` writes the pages anew, after a change to what they say about the same numbers.
    #[test]
    fn docs_are_what_their_results_give() {
        let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
        let results = fs::read(docs.join("results.json")).expect("results");
        let page = page(&serde_json::from_slice(&results).expect("sound results"));
        for (name, text) in [("results.md", page.to_markdown()), ("results.html", page.to_html())] {
            if std::env::var_os("XNC_BLESS").is_some() {
                fs::write(docs.join(name), &text).expect("a page");
            }
            assert!(
                fs::read_to_string(docs.join(name)).expect("a page") == text,
                "docs/{name} was not made from results.json"
            );
        }
    }
}
