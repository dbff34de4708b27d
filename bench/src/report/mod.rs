//! The study as one page and a few pictures: a section a file, in the order of the sections of [`crate::study`].

mod claims;
mod head;
mod limits;
mod lines;
mod models;
mod patterns;
mod peers;
mod pictures;
mod ratios;
mod readme;
mod running;
mod scaling;

use xnc_page::number::{percent, ratio};
use xnc_page::{Accent, Block, Fact, Page, Section};

use crate::study::{Results, Taken};
use head::Head;

pub use pictures::pictures;
pub use readme::readme;

/// All that was measured so far, as a page. `sources` is the hash of what would be measured now.
pub fn page(results: &Results, sources: &str) -> Page {
    let head = Head::of(results);
    let mut page = Page {
        title: "XNC, measured".into(),
        lead: "Every claim of the XNC paper and of this project's README in one place, each with a number \
            and the way to get it again: `cargo xtask study`, or `cargo xtask study --check`, which \
            measures five of them anew. What does not work is at the end, as plainly as the rest."
            .into(),
        ..Page::default()
    };
    if results.sample {
        page.lead = "A reduced run on the committed sample, which shows that the study's code works. \
            **Its numbers say nothing else.**"
            .into();
    }
    page.notes = head.notes(sources);
    page.facts = facts(results);
    page.sections.push(claims::section(results));
    let mut add = |section: Option<Section>| page.sections.extend(section);
    add(show(&head, &results.patterns, patterns::section));
    add(show(&head, &results.ratios, ratios::section));
    add(show(&head, &results.lines, lines::section));
    let large = results.large.as_ref();
    add(show(&head, &results.peers, |found| {
        let older = large.and_then(|large| head.older(&large.machine));
        peers::section(found, large.map(|large| (&large.found, older)))
    }));
    add(show(&head, &results.models, models::section));
    add(show(&head, &results.running, running::section));
    add(show(&head, &results.scaling, scaling::section));
    add(show(&head, &results.limits, limits::section));
    page.colophon = head.colophon();
    page
}

/// A section, which begins with a warning where its figures are not of the machine and commit of the others.
fn show<T>(
    head: &Head<'_>,
    taken: &Option<Taken<T>>,
    section: impl FnOnce(&T) -> Section,
) -> Option<Section> {
    let taken = taken.as_ref()?;
    let mut section = section(&taken.found);
    if let Some(older) = head.older(&taken.machine) {
        section.blocks.insert(0, Block::Text(older));
    }
    Some(section)
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
            "off the paper's twelve 4-bit models with `fast`, on average, computed".into(),
        );
    }
    if let Some(peers) = results.peers.as_ref().map(|taken| &taken.found) {
        let fast = peers.rows.iter().find(|row| row.peer == "xnc" && row.key == "fast");
        let fast = fast.and_then(|row| row.numbers.as_ref());
        add(
            Accent::Fast,
            fast.map(|n| xnc_page::number::seconds(1e-6 * n.row_us.median)),
            "for one random row from a compressed table".into(),
        );
        add(
            Accent::Fast,
            fast.map(|n| format!("{} GB/s", xnc_page::number::three(n.decode_gb_s.median))),
            "decoded by one thread".into(),
        );
    }
    facts
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

    /// `XNC_BLESS=1` writes pages and pictures anew: after a change to what they say about the same numbers, and
    /// after the first change to measured code since these were taken, which the page then has to say.
    #[test]
    fn docs_are_what_their_results_give() {
        let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
        let results = fs::read(docs.join("results.json")).expect("results");
        let results: Results = serde_json::from_slice(&results).expect("sound results");
        let page = page(&results, &crate::sources::hash().expect("sources"));
        let mut files = vec![("results.md", page.to_markdown()), ("results.html", page.to_html())];
        files.extend(pictures(&results));
        let path = docs.join("../README.md");
        let text = fs::read_to_string(path).expect("a README").replace("\r\n", "\n");
        files.push(("../README.md", readme(&text, &results).expect("a place for the table")));
        for (name, text) in files {
            if std::env::var_os("XNC_BLESS").is_some() {
                fs::write(docs.join(name), &text).expect("a page");
            }
            let there = fs::read_to_string(docs.join(name)).unwrap_or_default().replace("\r\n", "\n");
            assert!(
                there == text,
                "docs/{name} is not what docs/results.json and the code give: XNC_BLESS=1 cargo test -p xnc-bench docs"
            );
        }
    }

    #[test]
    fn a_page_says_that_code_has_changed_and_which_section_is_older() {
        let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
        let bytes = fs::read(docs.join("results.json")).expect("results");
        let mut results: Results = serde_json::from_slice(&bytes).expect("sound results");
        let mut machine = results.ratios.as_ref().expect("ratios").machine.clone();
        machine.sources = "as now".into();
        crate::study::all_machines(&mut results).into_iter().for_each(|one| *one = machine.clone());
        let text = |results: &Results, sources| page(results, sources).to_markdown();
        assert!(!text(&results, "as now").contains("has changed since"));
        assert!(text(&results, "otherwise").contains("has changed since"));
        assert!(!text(&results, "as now").contains("**Older figures**"));
        results.limits.as_mut().expect("limits").machine.commit = "0000000".into();
        assert!(text(&results, "as now").contains("**Older figures**"));
    }
}
