//! Pictures: charts as SVG files of their own, for places that show no page, as a code host does beside Markdown.
//! They carry their style, follow the reader's light or dark setting on a ground of their own, and keep text as text.

mod dots;
mod scatter;

use maud::{Markup, PreEscaped, html};

use crate::html::STYLE;

pub use dots::{Dot, Dots, Row};
pub use scatter::{Point, Scatter};

/// Width of a picture, in its own units and in pixels where nobody scales it.
const WIDTH: f64 = 720.0;
/// Room at the edges.
const EDGE: f64 = 16.0;
/// Where the drawing begins, below title and note.
const TOP: f64 = 84.0;
/// Letters in a line of the note, which has two at most.
const NOTE: usize = 104;

/// A picture with its title, its note, and the same in words for who cannot see it.
fn svg(title: &str, note: &str, height: f64, told: &str, drawing: &Markup) -> String {
    let picture = html! {
        svg xmlns="http://www.w3.org/2000/svg" width=(WIDTH) height=(height)
            viewBox=(format!("0 0 {WIDTH} {height}")) role="img" aria-labelledby="title told" {
            title id="title" { (title) }
            desc id="told" { (told) }
            style { (PreEscaped(style())) }
            rect.ground width=(WIDTH) height=(height) {}
            text.title x=(EDGE) y="26" { (title) }
            @for (number, line) in lines(note).iter().enumerate() {
                text.soft x=(EDGE) y=(44.0 + 17.0 * number as f64) { (line) }
            }
            (drawing)
        }
    };
    picture.into_string() + "\n"
}

/// A text cut between words.
fn lines(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last().map_or(0, |line| line.chars().count());
        if line > 0 && line + 1 + word.chars().count() > NOTE {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            let space = if line.is_empty() { "" } else { " " };
            *line += space;
            *line += word;
        }
    }
    lines
}

/// Rules with the page's colours, light and dark. Values and not names of values, which not every reader of SVG knows.
fn style() -> String {
    let mut blocks = STYLE.split("@media (prefers-color-scheme: dark)");
    let (light, dark) = (blocks.next().unwrap_or_default(), blocks.next().unwrap_or_default());
    let font = "font: 12px system-ui, -apple-system, \"Segoe UI\", Roboto, \"Noto Sans\", sans-serif;";
    format!(
        "text {{ {font} }} .title {{ font-size: 16px; font-weight: 620; }} .small {{ font-size: 11px; }}\n\
         .point {{ fill: currentColor; stroke-width: 1.5; }} .open {{ stroke: currentColor; stroke-width: 2; }}\n\
         {}\n@media (prefers-color-scheme: dark) {{\n{}\n}}",
        coloured(light),
        coloured(dark)
    )
}

/// The rules that differ between light and dark, of a block `--name: value; ...`.
fn coloured(block: &str) -> String {
    let block = block.split('}').next().unwrap_or_default();
    let pairs = block.split("--").skip(1).filter_map(|rest| rest.split_once(": "));
    let rules = pairs.filter_map(|(name, rest)| {
        let value = rest.split(';').next()?;
        Some(match name {
            "paper" => format!(".ground, .open {{ fill: {value}; }} .point {{ stroke: {value}; }}"),
            "ink" => format!("text {{ fill: {value}; }}"),
            "soft" => format!(".soft {{ fill: {value}; }} .axis {{ stroke: {value}; }}"),
            "line" => format!(".grid {{ stroke: {value}; }}"),
            "band" => return None,
            accent => format!(".{accent} {{ color: {value}; }}"),
        })
    });
    rules.collect::<Vec<_>>().join("\n")
}
