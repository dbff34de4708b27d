//! Rows of dots over one axis: several values of each of several things.

use maud::html;

use super::{EDGE, TOP, WIDTH, svg};
use crate::chart::{Axis, class, round, short};
use crate::page::Accent;

/// Rows of dots.
#[derive(Clone, Debug, Default)]
pub struct Dots {
    /// What they show.
    pub title: String,
    /// How it was obtained.
    pub note: String,
    /// The horizontal axis.
    pub x: Axis,
    /// What the dots of a row are, in order: name, colour, and whether they are drawn open.
    pub kinds: Vec<Dot>,
    /// The rows.
    pub rows: Vec<Row>,
}

/// A kind of dot.
#[derive(Clone, Debug)]
pub struct Dot {
    /// Its name.
    pub name: String,
    /// Its colour.
    pub accent: Accent,
    /// Only its edge is drawn.
    pub open: bool,
}

/// A row.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its name.
    pub name: String,
    /// What stands at its end.
    pub end: String,
    /// A value of each kind.
    pub values: Vec<f64>,
}

const LEFT: f64 = 128.0;
const RIGHT: f64 = 96.0;
const STEP: f64 = 26.0;
/// A letter of the legend, on average.
const LETTER: f64 = 6.6;

impl Dots {
    /// The picture.
    pub fn to_svg(&self) -> String {
        let mut legend = Vec::new();
        let (mut at, mut line) = (EDGE + 5.0, TOP - 10.0);
        for dot in &self.kinds {
            let width = 26.0 + LETTER * dot.name.chars().count() as f64;
            if at + width > WIDTH && !legend.is_empty() {
                (at, line) = (EDGE + 5.0, line + 20.0);
            }
            legend.push((at, line, dot));
            at += width;
        }
        let top = line + 24.0;
        let scale = self.x.scale(self.rows.iter().flat_map(|row| row.values.iter().copied()));
        let x = |value: f64| round(LEFT + (WIDTH - LEFT - RIGHT) * scale.place(value));
        let y = |number: usize| top + STEP * number as f64;
        let bottom = y(self.rows.len()) - 4.0;
        let kind = |dot: &Dot| class(if dot.open { "open" } else { "point" }, dot.accent);
        let drawing = html! {
            @for (at, line, dot) in &legend {
                circle class=(kind(dot)) cx=(round(*at)) cy=(*line) r="4.5" {}
                text.soft x=(round(at + 10.0)) y=(line + 4.0) { (dot.name) }
            }
            @for &tick in &scale.ticks {
                line.grid x1=(x(tick)) x2=(x(tick)) y1=(top - 6.0) y2=(bottom) {}
                text.soft x=(x(tick)) y=(bottom + 18.0) text-anchor="middle" { (short(tick)) }
            }
            text.soft x=(WIDTH - RIGHT) y=(bottom + 36.0) text-anchor="end" { (self.x.label) }
            @for (number, row) in self.rows.iter().enumerate() {
                @let middle = y(number) + 8.0;
                @let low = row.values.iter().copied().fold(f64::INFINITY, f64::min);
                @let high = row.values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                text x=(EDGE) y=(middle + 4.0) { (row.name) }
                line.axis x1=(x(low)) x2=(x(high)) y1=(middle) y2=(middle) {}
                @for (value, dot) in row.values.iter().zip(&self.kinds) {
                    circle class=(kind(dot)) cx=(x(*value)) cy=(middle) r="4.5" {
                        title { (row.name) ", " (dot.name) ": " (short(*value)) }
                    }
                }
                text.soft x=(WIDTH - EDGE) y=(middle + 4.0) text-anchor="end" { (row.end) }
            }
        };
        let told = self.rows.iter().map(|row| {
            let values = row.values.iter().zip(&self.kinds);
            let values: Vec<String> =
                values.map(|(value, dot)| format!("{} {}", dot.name, short(*value))).collect();
            format!("{}: {}", row.name, values.join(", "))
        });
        let told = told.collect::<Vec<_>>().join("; ");
        svg(&self.title, &self.note, bottom + 48.0, &told, &drawing)
    }
}
