//! Charts as inline SVG. Drawn for a narrow box and scaled up, so that their text stays readable on a phone.

mod axis;
mod bars;
mod histogram;
mod lines;

use maud::{Markup, html};

use crate::html::{mark, text};
use crate::page::Accent;

pub use axis::Axis;
pub(crate) use axis::short;
pub use bars::{Bar, Bars, Mark};
pub use histogram::Histogram;
pub use lines::{Lines, Series};

/// Width of every drawing, in its own units; text is 12 of them high.
const WIDTH: f64 = 440.0;

/// A chart.
#[derive(Clone, Debug)]
pub enum Chart {
    /// Values side by side.
    Bars(Bars),
    /// Values that change with another.
    Lines(Lines),
    /// Shares of neighbouring classes.
    Histogram(Histogram),
}

impl Chart {
    /// The chart with its title, note and legend; `number` tells it from others of the page.
    pub(crate) fn figure(&self, number: usize) -> Markup {
        let (title, note) = match self {
            Chart::Bars(chart) => (&chart.title, &chart.note),
            Chart::Lines(chart) => (&chart.title, &chart.note),
            Chart::Histogram(chart) => (&chart.title, &chart.note),
        };
        let (height, drawing, told) = match self {
            Chart::Bars(chart) => chart.draw(),
            Chart::Lines(chart) => chart.draw(),
            Chart::Histogram(chart) => chart.draw(),
        };
        let (title_id, told_id) = (format!("chart-{number}"), format!("chart-{number}-told"));
        html! {
            figure {
                figcaption {
                    strong { (text(title)) }
                    @if !note.is_empty() { span.note { (text(note)) } }
                    @if let Chart::Lines(lines) = self {
                        div.legend { @for one in &lines.series { span { (mark(one.accent)) (one.name) } } }
                    }
                }
                @let view = format!("0 0 {WIDTH} {}", round(height));
                @let ids = format!("{title_id} {told_id}");
                svg xmlns="http://www.w3.org/2000/svg" viewBox=(view) role="img" aria-labelledby=(ids) {
                    title id=(title_id) { (title) }
                    desc id=(told_id) { (told) }
                    (drawing)
                }
            }
        }
    }
}

/// What a chart draws: its height, the drawing, the same in words.
type Drawing = (f64, Markup, String);

/// A coordinate, short.
pub(crate) fn round(x: f64) -> f64 {
    (x * 10.0).round() / 10.0
}

pub(crate) fn class(kind: &str, accent: Accent) -> String {
    format!("{kind} {}", accent.class())
}
