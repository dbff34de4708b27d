//! Points with names over two axes.

use maud::html;

use super::{EDGE, TOP, WIDTH, svg};
use crate::chart::{Axis, class, round, short};
use crate::page::Accent;

/// Named points over common axes.
#[derive(Clone, Debug, Default)]
pub struct Scatter {
    /// What they show.
    pub title: String,
    /// How it was obtained.
    pub note: String,
    /// The horizontal axis.
    pub x: Axis,
    /// The vertical axis.
    pub y: Axis,
    /// How a tick of the horizontal axis is written; short where there is nothing.
    pub tick: Option<fn(f64) -> String>,
    /// The points.
    pub points: Vec<Point>,
}

/// One point.
#[derive(Clone, Debug)]
pub struct Point {
    /// Its name.
    pub label: String,
    /// Its colour.
    pub accent: Accent,
    /// Where it lies.
    pub at: (f64, f64),
}

const LEFT: f64 = 52.0;
const DEPTH: f64 = 440.0;
/// A line of small text, and a letter of it on average: by these, names are kept apart.
const LINE: f64 = 12.0;
const LETTER: f64 = 5.9;

/// A box that is taken: left, right, upper and lower edge.
type Taken = [f64; 4];

impl Scatter {
    /// The picture.
    pub fn to_svg(&self) -> String {
        let up = self.y.scale(self.points.iter().map(|point| point.at.1));
        let across = self.x.scale(self.points.iter().map(|point| point.at.0));
        let top = TOP + 10.0;
        let x = |value: f64| round(LEFT + (WIDTH - LEFT - EDGE) * across.place(value));
        let y = |value: f64| round(top + DEPTH * (1.0 - up.place(value)));
        let places: Vec<(f64, f64)> =
            self.points.iter().map(|point| (x(point.at.0), y(point.at.1))).collect();
        let names = self.names(&places);
        let tick = |value: f64| self.tick.map_or_else(|| short(value), |show| show(value));
        let drawing = html! {
            text.soft x=(EDGE) y=(TOP) { (self.y.label) }
            @for &mark in &up.ticks {
                line.grid x1=(LEFT) x2=(WIDTH - EDGE) y1=(y(mark)) y2=(y(mark)) {}
                text.soft x=(LEFT - 6.0) y=(y(mark) + 4.0) text-anchor="end" { (short(mark)) }
            }
            @for &mark in &across.ticks {
                line.axis x1=(x(mark)) x2=(x(mark)) y1=(top + DEPTH) y2=(top + DEPTH + 4.0) {}
                text.soft x=(x(mark)) y=(top + DEPTH + 18.0) text-anchor="middle" { (tick(mark)) }
            }
            line.axis x1=(LEFT) x2=(WIDTH - EDGE) y1=(top + DEPTH) y2=(top + DEPTH) {}
            text.soft x=(WIDTH - EDGE) y=(top + DEPTH + 36.0) text-anchor="end" { (self.x.label) }
            @for ((point, place), name) in self.points.iter().zip(&places).zip(&names) {
                @if let Some((at, lead)) = name {
                    @if *lead {
                        @let end = if at[0] > place.0 { at[0] - 1.0 } else { at[1] + 1.0 };
                        line.axis x1=(place.0) y1=(place.1) x2=(round(end)) y2=(round(at[3] - 4.0)) {}
                    }
                    text.small x=(round(at[0])) y=(round(at[3] - 2.5)) { (point.label) }
                }
                circle class=(class("point", point.accent)) cx=(place.0) cy=(place.1) r="4.5" {
                    title { (point.label) ": " (short(point.at.1)) " at " (tick(point.at.0)) }
                }
            }
        };
        let told = self
            .points
            .iter()
            .map(|point| format!("{}: {} at {}", point.label, short(point.at.1), tick(point.at.0)));
        let told = told.collect::<Vec<_>>().join("; ");
        svg(&self.title, &self.note, top + DEPTH + 48.0, &told, &drawing)
    }

    /// Where each name stands, and whether a line leads to it; none where it fits nowhere, which the words still tell.
    fn names(&self, places: &[(f64, f64)]) -> Vec<Option<(Taken, bool)>> {
        let point = |place: &(f64, f64)| [place.0 - 5.0, place.0 + 5.0, place.1 - 5.0, place.1 + 5.0];
        let mut taken: Vec<Taken> = places.iter().map(point).collect();
        let inside = |one: &Taken| one[0] >= LEFT && one[1] <= WIDTH - EDGE && one[2] >= TOP;
        let names = self.points.iter().zip(places).map(|(point, &(x, y))| {
            let width = LETTER * point.label.chars().count() as f64;
            let beside = |right: bool, line: f64| {
                let left = if right { x + 8.0 + line.abs() } else { x - 8.0 - line.abs() - width };
                let middle = y + LINE * line;
                [left, left + width, middle - LINE / 2.0, middle + LINE / 2.0]
            };
            let lines = [0.0, -1.0, 1.0, -2.0, 2.0, -3.0, 3.0, -4.0, 4.0, -6.0, 6.0, -8.0, 8.0];
            let tries = lines.into_iter().flat_map(|line| [(true, line), (false, line)]);
            let free = |one: &Taken| inside(one) && !taken.iter().any(|other| overlap(one, other));
            let found =
                tries.map(|(right, line)| (beside(right, line), line != 0.0)).find(|(at, _)| free(at));
            taken.extend(found.map(|(at, _)| at));
            found
        });
        names.collect()
    }
}

fn overlap(a: &Taken, b: &Taken) -> bool {
    a[0] < b[1] && b[0] < a[1] && a[2] < b[3] && b[2] < a[3]
}
