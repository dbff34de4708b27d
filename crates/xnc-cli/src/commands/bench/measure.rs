//! Interleaved timing: each round runs every case once, in a new random order; medians are taken at the end.
//!
//! A model reads its table once a token, after all its layers: caches hold nothing of it. So a case begins
//! after other memory was read. Else the plain table, which more cases read than the compressed one, would
//! be found in the cache more often, and be faster for that.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// Bytes read before a case: several times the last-level cache of most machines.
const ELSEWHERE: usize = 128 << 20;

/// Memory to read before a case.
pub fn elsewhere() -> Vec<u64> {
    vec![1; ELSEWHERE / 8]
}

/// Something to time.
pub struct Case<'a> {
    name: String,
    /// Whether caches are left as the case before left them.
    warm: bool,
    run: Box<dyn FnMut() + 'a>,
    seconds: Vec<f64>,
}

/// The cases of one process.
#[derive(Default)]
pub struct Cases<'a>(Vec<Case<'a>>);

impl<'a> Cases<'a> {
    /// A case that begins with caches that hold nothing of what it reads.
    pub fn add(&mut self, name: impl Into<String>, run: impl FnMut() + 'a) {
        self.0.push(Case { name: name.into(), warm: false, run: Box::new(run), seconds: Vec::new() });
    }

    /// A case that begins with whatever caches hold.
    pub fn add_warm(&mut self, name: impl Into<String>, run: impl FnMut() + 'a) {
        self.0.push(Case { name: name.into(), warm: true, run: Box::new(run), seconds: Vec::new() });
    }

    /// Rounds until `budget` is spent, five at least; the first is a warm-up and not counted. Returns the
    /// number.
    pub fn run(&mut self, budget: Duration) -> usize {
        let mut random = fastrand::Rng::with_seed(1);
        let elsewhere = elsewhere();
        let start = Instant::now();
        let mut rounds = 0;
        while rounds <= 5 || start.elapsed() < budget {
            let mut order: Vec<usize> = (0..self.0.len()).collect();
            random.shuffle(&mut order);
            for number in order {
                let case = &mut self.0[number];
                if !case.warm {
                    black_box(black_box(&elsewhere).iter().fold(0, |sum, word| sum ^ word));
                }
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
