//! What repetitions of one measurement gave: their number, their median and their quartiles.

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

/// Repetitions in brief.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// How many; 0 where older results do not tell.
    pub runs: usize,
    /// A quarter of them lies at or below.
    pub q1: f64,
    /// The middle one.
    pub median: f64,
    /// A quarter of them lies at or above.
    pub q3: f64,
}

impl Spread {
    /// Of `values`, in any order.
    ///
    /// # Errors
    /// When there are none.
    pub fn of(mut values: Vec<f64>) -> Result<Spread> {
        ensure!(!values.is_empty(), "nothing was measured");
        values.sort_by(f64::total_cmp);
        let at = |share: f64| {
            // Between neighbours, so that few runs have quartiles apart from their extremes.
            let place = share * (values.len() - 1) as f64;
            let (low, high) = (values[place.floor() as usize], values[place.ceil() as usize]);
            low + (high - low) * place.fract()
        };
        Ok(Spread { runs: values.len(), q1: at(0.25), median: at(0.5), q3: at(0.75) })
    }

    /// Every value times `factor`, which is positive.
    pub fn times(self, factor: f64) -> Spread {
        let Spread { runs, q1, median, q3 } = self;
        Spread { runs, q1: factor * q1, median: factor * median, q3: factor * q3 }
    }

    /// `amount` over every value: speeds of times. The quick quarter becomes the high one.
    pub fn rate(self, amount: f64) -> Spread {
        let Spread { runs, q1, median, q3 } = self;
        Spread { runs, q1: amount / q3, median: amount / median, q3: amount / q1 }
    }

    /// Whether `value` lies between the quartiles when each is moved outwards by `share` of the median.
    pub fn holds(&self, value: f64, share: f64) -> bool {
        let room = share * self.median.abs();
        (self.q1 - room..=self.q3 + room).contains(&value)
    }

    /// The quartiles as `show` writes them, and of how many runs.
    pub fn shown(&self, show: impl Fn(f64) -> String) -> String {
        match self.runs {
            0 => "not kept".into(),
            1 => "one run".into(),
            runs => format!("{} to {} ({runs})", show(self.q1), show(self.q3)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quartiles_lie_between_neighbours() {
        let spread = Spread::of(vec![4.0, 1.0, 3.0, 2.0, 5.0]).expect("values");
        assert_eq!(spread, Spread { runs: 5, q1: 2.0, median: 3.0, q3: 4.0 });
        let two = Spread::of(vec![1.0, 2.0]).expect("values");
        assert_eq!((two.q1, two.median, two.q3), (1.25, 1.5, 1.75));
        assert!(Spread::of(Vec::new()).is_err());
    }

    #[test]
    fn speeds_turn_times_around() {
        let speed = Spread { runs: 3, q1: 1.0, median: 2.0, q3: 4.0 }.rate(8.0);
        assert_eq!(speed, Spread { runs: 3, q1: 2.0, median: 4.0, q3: 8.0 });
        assert!(speed.holds(1.7, 0.1) && !speed.holds(1.5, 0.1) && speed.holds(8.3, 0.1));
    }
}
