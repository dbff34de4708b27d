//! Interleaved timing: each round runs every case once, in a new random order; medians are taken at the end.
//!
//! A model reads its table once a token, after all its layers: caches hold nothing of it. So a case begins
//! after other memory was read. Else the plain table, which more cases read than the compressed one, would
//! be found in the cache more often, and be faster for that.
//!
//! For the same reason each case also runs once right before it is timed: a system that looks for idle memory (Linux
//! with DAMON) lets go of pages after some seconds, and to read them then takes twice as long, whatever caches hold
//! (17 ms become 34 for 236 MB). No table that serves tokens is left alone for so long.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// Bytes read before a case, at the least and at the most: several times the last-level cache of most machines, and
/// as much as that of a large server.
const ELSEWHERE: [usize; 2] = [128 << 20, 512 << 20];

/// Memory to read before a case with a table of some bytes; a table far below the cache's size stays there anyway,
/// and is not worth the time.
pub fn elsewhere(table: usize) -> Vec<u64> {
    vec![1; last_level().min(8 * table).clamp(ELSEWHERE[0], ELSEWHERE[1]) / 8]
}

/// Bytes of the largest cache that the first processor has; 0 where the system does not say.
fn last_level() -> usize {
    let size = |index: usize| {
        let text = std::fs::read_to_string(format!("/sys/devices/system/cpu/cpu0/cache/index{index}/size"));
        text.ok()?.trim().strip_suffix('K')?.parse::<usize>().ok()
    };
    (0..8).map_while(size).max().unwrap_or(0) << 10
}

/// Something to time.
pub struct Case<'a> {
    name: String,
    /// Reads what `run` will read, where that has not to be `run` itself; then caches are left as they are.
    touch: Option<Box<dyn FnMut() + 'a>>,
    run: Box<dyn FnMut() + 'a>,
    seconds: Vec<f64>,
}

/// The cases of one process.
#[derive(Default)]
pub struct Cases<'a>(Vec<Case<'a>>);

impl<'a> Cases<'a> {
    /// A case that begins with caches that hold nothing of what it reads.
    pub fn add(&mut self, name: impl Into<String>, run: impl FnMut() + 'a) {
        self.0.push(Case { name: name.into(), touch: None, run: Box::new(run), seconds: Vec::new() });
    }

    /// A case that reads a few rows of many, and begins with whatever caches hold after `touch`.
    pub fn add_few(&mut self, name: impl Into<String>, touch: impl FnMut() + 'a, run: impl FnMut() + 'a) {
        let touch: Option<Box<dyn FnMut() + 'a>> = Some(Box::new(touch));
        self.0.push(Case { name: name.into(), touch, run: Box::new(run), seconds: Vec::new() });
    }

    /// Rounds until `budget` is spent, five at least; the first is a warm-up and not counted. Returns the
    /// number. The table has `bytes`.
    pub fn run(&mut self, bytes: usize, budget: Duration) -> usize {
        let mut random = fastrand::Rng::with_seed(1);
        let elsewhere = elsewhere(bytes);
        let start = Instant::now();
        let mut rounds = 0;
        while rounds <= 5 || start.elapsed() < budget {
            let mut order: Vec<usize> = (0..self.0.len()).collect();
            random.shuffle(&mut order);
            for number in order {
                let case = &mut self.0[number];
                if let Some(touch) = &mut case.touch {
                    touch();
                } else {
                    (case.run)();
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
