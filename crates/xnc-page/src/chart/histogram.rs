//! Shares of neighbouring classes as columns.

use maud::html;

use super::axis::{Axis, short};
use super::{Drawing, WIDTH, class, round};
use crate::page::Accent;

/// Columns that touch.
#[derive(Clone, Debug, Default)]
pub struct Histogram {
    /// What it shows.
    pub title: String,
    /// How it was obtained.
    pub note: String,
    /// Name and share, 0 to 1, of each class.
    pub classes: Vec<(String, f64)>,
    /// Colour of the columns.
    pub accent: Accent,
}

const LEFT: f64 = 40.0;
const TOP: f64 = 8.0;
const DEPTH: f64 = 150.0;

impl Histogram {
    pub(super) fn draw(&self) -> Drawing {
        let percent = |share: &f64| 100.0 * share;
        let scale = Axis::from_zero("").scale(self.classes.iter().map(|(_, share)| percent(share)));
        let wide = (WIDTH - LEFT) / self.classes.len().max(1) as f64;
        let y = |value: f64| round(TOP + DEPTH * (1.0 - scale.place(value)));
        // As many names as fit beside each other.
        let longest = self.classes.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(1);
        let every = ((8.0 * longest as f64 / wide).ceil() as usize).max(1);
        let drawing = html! {
            @for &tick in &scale.ticks {
                line.grid x1=(LEFT) x2=(WIDTH) y1=(y(tick)) y2=(y(tick)) {}
                text.soft x=(LEFT - 6.0) y=(y(tick) + 4.0) text-anchor="end" { (short(tick)) "%" }
            }
            @for (number, (name, share)) in self.classes.iter().enumerate() {
                @let x = LEFT + wide * number as f64;
                @let top = y(percent(share));
                @let width = round((wide - 1.0).max(0.5));
                @let height = round((TOP + DEPTH - top).max(0.0));
                rect class=(class("bar", self.accent)) x=(round(x + 0.5)) y=(top) width=(width) height=(height) {
                    title { (name) ": " (format!("{:.2} %", percent(share))) }
                }
                @if number % every == 0 {
                    text.soft x=(round(x + wide / 2.0)) y=(TOP + DEPTH + 16.0) text-anchor="middle" { (name) }
                }
            }
            line.axis x1=(LEFT) x2=(WIDTH) y1=(TOP + DEPTH) y2=(TOP + DEPTH) {}
        };
        let told: Vec<String> =
            self.classes.iter().map(|(name, share)| format!("{name}: {:.2} %", percent(share))).collect();
        (TOP + DEPTH + 24.0, drawing, told.join("; "))
    }
}
