//! Interleaved timing: each round runs every case once, in a new random order; medians are taken at the end.

use std::time::{Duration, Instant};

/// Something to time.
pub struct Case<'a> {
    name: String,
    run: Box<dyn FnMut() + 'a>,
    seconds: Vec<f64>,
}

/// The cases of one process.
#[derive(Default)]
pub struct Cases<'a>(Vec<Case<'a>>);

impl<'a> Cases<'a> {
    pub fn add(&mut self, name: impl Into<String>, run: impl FnMut() + 'a) {
        self.0.push(Case { name: name.into(), run: Box::new(run), seconds: Vec::new() });
    }

    /// Rounds until `budget` is spent, five at least; the first is a warm-up and not counted. Returns the number.
    pub fn run(&mut self, budget: Duration) -> usize {
        let mut random = fastrand::Rng::with_seed(1);
        let start = Instant::now();
        let mut rounds = 0;
        while rounds <= 5 || start.elapsed() < budget {
            let mut order: Vec<usize> = (0..self.0.len()).collect();
            random.shuffle(&mut order);
            for number in order {
                let case = &mut self.0[number];
                let start = Instant::now();
                (case.run)();
                let seconds = start.elapsed().as_secs_f64();
                if rounds > 0 {
                    case.seconds.push(seconds);
                }
            }
            rounds += 1;
        }
        rounds - 1
    }

    /// Median of a case in seconds.
    pub fn median(&self, name: &str) -> Option<f64> {
        let case = self.0.iter().find(|case| case.name == name)?;
        median(case.seconds.clone())
    }

    /// Cases whose name begins with `prefix`, the quickest first: the rest of the name, the median.
    pub fn all(&self, prefix: &str) -> Vec<(String, f64)> {
        let mut all: Vec<_> = self
            .0
            .iter()
            .filter_map(|case| {
                Some((case.name.strip_prefix(prefix)?.to_owned(), median(case.seconds.clone())?))
            })
            .collect();
        all.sort_by(|a, b| a.1.total_cmp(&b.1));
        all
    }
}

pub fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}
