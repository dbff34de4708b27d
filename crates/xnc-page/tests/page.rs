//! A page fetches nothing, is well formed, and says the same as its Markdown.

use xnc_page::{
    Accent, Axis, Bar, Bars, Block, Chart, Fact, Histogram, Lines, Mark, Page, Section, Series, Table,
};

/// One of everything, with texts that would break a page that does not escape.
fn page() -> Page {
    let nasty = "<script src=\"http://x\">&'\"";
    let mut table = Table::new(format!("caption {nasty}"), 1, &["name", "a|b"]);
    table.row(Accent::Fast, vec![nasty.into(), "1.476x".into()]);
    table.row(Accent::None, vec!["`code` and **bold**".into(), "2".into()]);
    let bars = Bars {
        title: nasty.into(),
        note: nasty.into(),
        bars: vec![Bar { label: nasty.into(), value: 1.5, shown: "1.500x".into(), accent: Accent::Dense }],
        marks: vec![Mark { label: nasty.into(), value: 1.2 }],
    };
    let lines = Lines {
        title: "lines".into(),
        x: Axis::logarithmic(nasty),
        y: Axis::from_zero("y"),
        series: vec![Series {
            name: nasty.into(),
            accent: Accent::Xnc,
            dashed: true,
            points: vec![(1.0, 2.0), (100.0, 0.0)],
        }],
        ..Lines::default()
    };
    let histogram = Histogram {
        title: "classes".into(),
        classes: vec![("2^-6".into(), 0.25), (nasty.into(), 0.75)],
        ..Histogram::default()
    };
    let empty = [
        Chart::Bars(Bars::default()),
        Chart::Lines(Lines::default()),
        Chart::Histogram(Histogram::default()),
    ];
    let mut section = Section::new("First part");
    section.heading("Smaller").text(format!("see [there](#first-part) {nasty}"));
    section.push(Block::List(vec![nasty.into()])).push(Block::Table(table));
    section.push(Block::Charts(vec![Chart::Bars(bars), Chart::Lines(lines), Chart::Histogram(histogram)]));
    section.push(Block::Charts(empty.into()));
    Page {
        title: nasty.into(),
        lead: nasty.into(),
        notes: vec![nasty.into()],
        facts: vec![Fact { value: "1.5x".into(), label: nasty.into(), accent: Accent::Fast }],
        sections: vec![section, Section::new("b"), Section::new("c")],
        colophon: vec![nasty.into()],
    }
}

#[test]
fn nothing_is_fetched() {
    let html = page().to_html();
    for tag in [
        "<script", "<link", "<img", "<iframe", "<object", "<embed", "<base", "@import", "url(", " src=\"",
        "xlink:",
    ] {
        assert!(!html.contains(tag), "{tag}");
    }
    for scheme in
        html.match_indices("://").map(|(at, _)| &html[at.saturating_sub(5)..(at + 22).min(html.len())])
    {
        assert!(scheme.contains("www.w3.org/2000/svg") || scheme.contains("http://x"), "{scheme}");
    }
}

#[test]
fn every_element_is_closed_and_every_name_unique() {
    let html = page().to_html();
    let mut open: Vec<String> = Vec::new();
    let mut rest = html.strip_prefix("<!DOCTYPE html>").expect("a document type");
    let style = rest.find("<style>").expect("a style")..rest.find("</style>").expect("its end");
    let without_style = rest[..style.start].to_owned() + "<style>" + &rest[style.end..];
    rest = &without_style;
    while let Some(at) = rest.find('<') {
        let end = at + rest[at..].find('>').expect("a tag ends");
        let tag = &rest[at + 1..end];
        match tag.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop().as_deref(), Some(name)),
            None if tag.starts_with("meta") => {}
            None => open.push(tag.split(' ').next().expect("a name").to_owned()),
        }
        rest = &rest[end + 1..];
    }
    assert!(open.is_empty(), "{open:?}");
    let mut names: Vec<&str> =
        html.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let all = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), all);
    for target in html.split("href=\"#").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(names.contains(&target), "#{target}");
    }
}

#[test]
fn charts_are_told_in_words() {
    let html = page().to_html();
    assert_eq!(html.matches("<svg").count(), 6);
    assert_eq!(html.matches("<desc").count(), 6);
    assert!(html.contains("role=\"img\" aria-labelledby=\"chart-1 chart-1-told\""));
    assert!(!html.contains("NaN") && !html.contains("inf\""));
}

#[test]
fn markdown_has_the_same_numbers() {
    let markdown = page().to_markdown();
    assert!(markdown.contains("| name | a\\|b |\n|---|---:|\n"));
    assert!(markdown.contains("1.476x"));
    assert!(markdown.contains("## First part\n\n### Smaller\n"));
}

#[test]
fn pictures_stand_alone() {
    use xnc_page::picture::{Dot, Dots, Point, Row, Scatter};
    let nasty = "<script src=\"http://x\">&'\"";
    let point =
        |n: u32| Point { label: nasty.into(), accent: Accent::Peer, at: (10_f64.powf(f64::from(n)), 1.5) };
    let scatter = Scatter {
        title: nasty.into(),
        x: Axis::logarithmic(nasty),
        points: (0..9).map(point).collect(),
        ..Scatter::default()
    };
    let dot = Dot { name: nasty.into(), accent: Accent::Fast, open: true };
    let row = Row { name: nasty.into(), end: nasty.into(), values: vec![1.0] };
    let dots = Dots { title: nasty.into(), kinds: vec![dot], rows: vec![row], ..Dots::default() };
    for svg in [scatter.to_svg(), dots.to_svg(), Scatter::default().to_svg(), Dots::default().to_svg()] {
        assert!(svg.starts_with("<svg xmlns=") && svg.ends_with("</svg>\n"));
        assert!(svg.contains("width=\"720\""));
        for colour in [".fast { color: #0f6fd0; }", "prefers-color-scheme: dark", ".fast { color: #63aef7; }"]
        {
            assert!(svg.contains(colour), "{colour}");
        }
        assert!(!svg.contains("<script") && !svg.contains("NaN") && !svg.contains("inf\""));
    }
}
