//! Horizontal bars: name and number above each, so that long names fit a narrow page.

use maud::html;

use super::{Drawing, WIDTH, class, round};
use crate::page::Accent;

/// Bars from zero, in the given order.
#[derive(Clone, Debug, Default)]
pub struct Bars {
    /// What they show.
    pub title: String,
    /// How it was obtained.
    pub note: String,
    /// The bars.
    pub bars: Vec<Bar>,
    /// Lines across all bars.
    pub marks: Vec<Mark>,
}

/// One bar.
#[derive(Clone, Debug)]
pub struct Bar {
    /// Its name.
    pub label: String,
    /// Its length.
    pub value: f64,
    /// The value as it is written.
    pub shown: String,
    /// Its colour.
    pub accent: Accent,
}

/// A value that bars are compared with.
#[derive(Clone, Debug)]
pub struct Mark {
    /// What it is, short.
    pub label: String,
    /// Where it lies.
    pub value: f64,
}

const ROW: f64 = 33.0;

impl Bars {
    pub(super) fn draw(&self) -> Drawing {
        let values = self.bars.iter().map(|bar| bar.value).chain(self.marks.iter().map(|mark| mark.value));
        let most = values.filter(|value| value.is_finite()).fold(0.0, f64::max).max(f64::MIN_POSITIVE);
        let length = |value: f64| round((value / most).clamp(0.0, 1.0) * WIDTH);
        let top = if self.marks.is_empty() { 0.0 } else { 20.0 };
        let height = top + ROW * self.bars.len() as f64;
        let drawing = html! {
            @for (number, bar) in self.bars.iter().enumerate() {
                @let y = top + ROW * number as f64;
                text x="0" y=(y + 13.0) { (bar.label) }
                text x=(WIDTH) y=(y + 13.0) text-anchor="end" { (bar.shown) }
                rect.track x="0" y=(y + 18.0) width=(WIDTH) height="8" rx="2" {}
                @let length = length(bar.value).max(1.0);
                rect class=(class("bar", bar.accent)) x="0" y=(y + 18.0) width=(length) height="8" rx="2" {}
            }
            @for mark in &self.marks {
                @let x = length(mark.value);
                // A mark near the right edge has its name on its left.
                @let (anchor, side) = if x > WIDTH / 2.0 { ("end", -4.0) } else { ("start", 4.0) };
                @for number in 0..self.bars.len() {
                    @let y = top + ROW * number as f64;
                    line class="line bound" x1=(x) x2=(x) y1=(y + 16.5) y2=(y + 27.5) {}
                }
                text.soft x=(x + side) y="11" text-anchor=(anchor) { (mark.label) }
                line class="line bound" x1=(x) x2=(x) y1="2" y2="14" {}
            }
        };
        let told = self.bars.iter().map(|bar| format!("{}: {}", bar.label, bar.shown));
        let marks = self.marks.iter().map(|mark| format!("mark at {}", mark.label));
        (height, drawing, told.chain(marks).collect::<Vec<_>>().join("; "))
    }
}
