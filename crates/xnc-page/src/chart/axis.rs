//! Scales and their ticks.

/// A scale.
#[derive(Clone, Debug, Default)]
pub struct Axis {
    /// What is counted, with its unit.
    pub label: String,
    /// Equal distances are equal factors.
    pub logarithmic: bool,
    /// Begins at zero; meaningless on a logarithmic scale.
    pub from_zero: bool,
}

/// An axis over the values that it has to show.
pub struct Scale {
    low: f64,
    high: f64,
    logarithmic: bool,
    pub ticks: Vec<f64>,
}

impl Axis {
    /// A linear axis from zero.
    pub fn from_zero(label: impl Into<String>) -> Axis {
        Axis { label: label.into(), logarithmic: false, from_zero: true }
    }

    /// A logarithmic axis.
    pub fn logarithmic(label: impl Into<String>) -> Axis {
        Axis { label: label.into(), logarithmic: true, from_zero: false }
    }

    /// The scale over `values`, wide enough for all that are finite.
    pub(crate) fn scale(&self, values: impl Iterator<Item = f64>) -> Scale {
        let usable = |value: &f64| value.is_finite() && (!self.logarithmic || *value > 0.0);
        let (mut low, mut high) = values
            .filter(usable)
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
        if low > high {
            (low, high) = (1.0, 2.0);
        }
        if self.logarithmic {
            let ticks = decades(low, high);
            let first = ticks.first().map_or(low, |tick| tick.min(low));
            let last = ticks.last().map_or(high, |tick| tick.max(high));
            return Scale {
                low: first.ln(),
                high: last.ln().max(first.ln() + 1e-9),
                logarithmic: true,
                ticks,
            };
        }
        if self.from_zero {
            low = low.min(0.0);
        }
        if high <= low {
            high = low + 1.0;
        }
        let step = step(high - low);
        let (first, last) = ((low / step).floor(), (high / step).ceil());
        let ticks = (first as i64..=last as i64).map(|n| n as f64 * step).collect();
        Scale { low: first * step, high: last * step, logarithmic: false, ticks }
    }
}

impl Scale {
    /// Where a value lies, 0 to 1.
    pub fn place(&self, value: f64) -> f64 {
        let value = if self.logarithmic { value.max(f64::MIN_POSITIVE).ln() } else { value };
        (value - self.low) / (self.high - self.low)
    }
}

/// A step of 1, 2 or 5 times a power of ten that cuts `span` into four or five.
fn step(span: f64) -> f64 {
    let raw = span / 4.5;
    let power = 10_f64.powf(raw.log10().floor());
    let factor = [1.0, 2.0, 5.0, 10.0].into_iter().find(|factor| raw <= factor * power).unwrap_or(10.0);
    factor * power
}

/// Powers of ten around `low..=high`, thinned to at most six; with 2 and 5 between them when there are few.
fn decades(low: f64, high: f64) -> Vec<f64> {
    let (first, last) = (low.log10().floor() as i32, high.log10().ceil() as i32);
    let every = ((last - first) as usize / 6 + 1).max(1);
    if last - first > 2 {
        return (first..=last).step_by(every).map(|n| 10_f64.powi(n)).collect();
    }
    let all: Vec<f64> =
        (first..=last).flat_map(|n| [1.0, 2.0, 5.0].map(|factor| factor * 10_f64.powi(n))).collect();
    let from = all.iter().rposition(|tick| *tick <= low * 1.0001).unwrap_or(0);
    let to = all.iter().position(|tick| *tick >= high * 0.9999).unwrap_or(all.len() - 1);
    all[from..=to.max(from)].to_vec()
}

/// A tick's number, short.
pub fn short(value: f64) -> String {
    let (scaled, unit) = match value.abs() {
        size if size >= 1e9 => (value / 1e9, "G"),
        size if size >= 1e6 => (value / 1e6, "M"),
        size if size >= 1e4 => (value / 1e3, "k"),
        _ => (value, ""),
    };
    let digits = match scaled.abs() {
        0.0 => 0,
        size if size >= 10.0 => 0,
        size => (2 - size.log10().floor() as i32).clamp(0, 9) as usize,
    };
    let mut text = format!("{scaled:.digits$}");
    if text.contains('.') {
        text = text.trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    text + unit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_cover_the_values() {
        for (low, high) in [(0.0, 1.62), (3.0, 3.1), (0.0, 9_999.0), (1.0, 1.0)] {
            let scale = Axis { label: String::new(), logarithmic: false, from_zero: false }
                .scale([low, high].into_iter());
            assert!(scale.ticks.len() >= 2 && scale.ticks.len() <= 8, "{:?}", scale.ticks);
            assert!(scale.place(low) >= -1e-9 && scale.place(high) <= 1.0 + 1e-9);
        }
        for (low, high) in [(1.0, 4096.0), (0.001, 900.0), (30.0, 70.0), (5.0, 5.0)] {
            let scale = Axis::logarithmic("").scale([low, high].into_iter());
            assert!(!scale.ticks.is_empty() && scale.ticks.len() <= 9, "{:?}", scale.ticks);
            assert!(scale.place(low) >= -1e-9 && scale.place(high) <= 1.0 + 1e-9);
        }
        Axis::from_zero("").scale(std::iter::empty());
    }

    #[test]
    fn numbers_are_short() {
        let shown = [0.0, 0.05, 0.25, 1.5, 100.0, 20_000.0, 2_000_000.0].map(short);
        assert_eq!(shown, ["0", "0.05", "0.25", "1.5", "100", "20k", "2M"]);
    }
}
