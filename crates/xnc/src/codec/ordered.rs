//! Parallel work with results taken in order, in batches, so that memory stays bounded.

use std::ops::Range;

use rayon::prelude::*;

/// Runs `work` for every number of `range` on the current rayon pool and hands the results to `take` in order.
/// At most a few results per thread exist at a time.
///
/// # Errors
/// The first error of `take`; work ends there.
pub fn for_each_in_order<T: Send, E>(
    range: Range<usize>,
    work: impl Fn(usize) -> T + Sync,
    mut take: impl FnMut(T) -> Result<(), E>,
) -> Result<(), E> {
    // Enough to keep threads busy while results are taken, small enough to stay in cache.
    let batch = 16 * rayon::current_num_threads();
    let mut start = range.start;
    while start < range.end {
        let end = range.end.min(start + batch);
        let results: Vec<T> = (start..end).into_par_iter().map(&work).collect();
        results.into_iter().try_for_each(&mut take)?;
        start = end;
    }
    Ok(())
}
