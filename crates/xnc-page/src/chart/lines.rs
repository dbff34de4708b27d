//! Values that change with another: a line for each of several.

use maud::html;

use super::axis::{Axis, short};
use super::{Drawing, WIDTH, class, round};
use crate::page::Accent;

/// Lines over common axes.
#[derive(Clone, Debug, Default)]
pub struct Lines {
    /// What they show.
    pub title: String,
    /// How it was obtained.
    pub note: String,
    /// The horizontal axis.
    pub x: Axis,
    /// The vertical axis.
    pub y: Axis,
    /// The lines.
    pub series: Vec<Series>,
}

/// One line.
#[derive(Clone, Debug)]
pub struct Series {
    /// Its name.
    pub name: String,
    /// Its colour.
    pub accent: Accent,
    /// Drawn with gaps.
    pub dashed: bool,
    /// Its points, from left to right.
    pub points: Vec<(f64, f64)>,
}

const LEFT: f64 = 46.0;
const RIGHT: f64 = 10.0;
const TOP: f64 = 24.0;
const DEPTH: f64 = 200.0;

impl Lines {
    pub(super) fn draw(&self) -> Drawing {
        let points = || self.series.iter().flat_map(|one| &one.points);
        let (across, up) = (self.x.scale(points().map(|p| p.0)), self.y.scale(points().map(|p| p.1)));
        let x = |value: f64| round(LEFT + (WIDTH - LEFT - RIGHT) * across.place(value));
        let y = |value: f64| round(TOP + DEPTH * (1.0 - up.place(value)));
        let path = |points: &[(f64, f64)]| {
            let pairs = points.iter().map(|p| format!("{},{}", x(p.0), y(p.1)));
            pairs.collect::<Vec<_>>().join(" ")
        };
        let drawing = html! {
            text.soft x="0" y="11" { (self.y.label) }
            @for &tick in &up.ticks {
                line.grid x1=(LEFT) x2=(WIDTH - RIGHT) y1=(y(tick)) y2=(y(tick)) {}
                text.soft x=(LEFT - 6.0) y=(y(tick) + 4.0) text-anchor="end" { (short(tick)) }
            }
            @for &tick in &across.ticks {
                line.axis x1=(x(tick)) x2=(x(tick)) y1=(TOP + DEPTH) y2=(TOP + DEPTH + 4.0) {}
                text.soft x=(x(tick)) y=(TOP + DEPTH + 18.0) text-anchor="middle" { (short(tick)) }
            }
            line.axis x1=(LEFT) x2=(WIDTH - RIGHT) y1=(TOP + DEPTH) y2=(TOP + DEPTH) {}
            text.soft x=(WIDTH - RIGHT) y=(TOP + DEPTH + 36.0) text-anchor="end" { (self.x.label) }
            @for one in &self.series {
                @let kind = if one.dashed { "line dashed" } else { "line" };
                polyline class=(class(kind, one.accent)) points=(path(&one.points)) {}
                @for point in &one.points {
                    circle class=(class("point", one.accent)) cx=(x(point.0)) cy=(y(point.1)) r="3.5" {
                        title { (one.name) ": " (short(point.1)) " at " (short(point.0)) }
                    }
                }
            }
        };
        let told: Vec<String> = self
            .series
            .iter()
            .map(|one| {
                let points: Vec<String> =
                    one.points.iter().map(|p| format!("{} at {}", short(p.1), short(p.0))).collect();
                format!("{}: {}", one.name, points.join(", "))
            })
            .collect();
        (TOP + DEPTH + 42.0, drawing, told.join("; "))
    }
}
