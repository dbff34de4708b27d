//! Repetitions on the clock.

use std::time::{Duration, Instant};

use anyhow::Result;

/// Repetitions at least, and at most.
const TIMES: std::ops::Range<usize> = 5..25;
/// No repetition begins after so long. What takes longer at once is run once, and counts: the memory that it asks the
/// system for is nothing beside it.
pub const LONG: Duration = Duration::from_secs(4);

/// What `work` gives, and how long it took.
///
/// # Errors
/// When `work` fails.
pub fn timed<T>(work: impl FnOnce() -> Result<T>) -> Result<(T, f64)> {
    let start = Instant::now();
    let result = work()?;
    Ok((result, start.elapsed().as_secs_f64()))
}

/// Times of as many runs as are worth `time`. What a run gives is freed when its clock has stopped.
///
/// # Errors
/// When `work` fails.
pub fn repeated<T>(time: Duration, mut work: impl FnMut() -> Result<T>) -> Result<Vec<f64>> {
    let mut seconds = Vec::new();
    let begin = Instant::now();
    while seconds.len() < TIMES.start || (begin.elapsed() < time && seconds.len() < TIMES.end) {
        let (_result, took) = timed(&mut work)?;
        seconds.push(took);
        if begin.elapsed() > LONG {
            break;
        }
    }
    Ok(seconds)
}

/// As [`repeated`], after a run that does not count, unless that takes long.
///
/// # Errors
/// When `work` fails.
pub fn warm<T>(time: Duration, mut work: impl FnMut() -> Result<T>) -> Result<Vec<f64>> {
    let first = timed(&mut work)?.1;
    if first > LONG.as_secs_f64() { Ok(vec![first]) } else { repeated(time, work) }
}
