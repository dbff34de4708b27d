//! Work on parts of a table, on the threads of the current rayon pool where the library is built with threads.

use std::ops::Range;

use crate::error::Result;

/// Runs `work` for every number of `range` and hands the results to `take` in order, in batches, so that memory stays
/// bounded: at most a few results per thread exist at a time.
///
/// # Errors
/// The first error of `take`; work ends there.
pub fn for_each_in_order<T: Send, E>(
    range: Range<usize>,
    work: impl Fn(usize) -> T + Sync,
    mut take: impl FnMut(T) -> std::result::Result<(), E>,
) -> std::result::Result<(), E> {
    #[cfg(feature = "threads")]
    {
        use rayon::prelude::*;
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
    #[cfg(not(feature = "threads"))]
    range.map(work).try_for_each(&mut take)
}

/// Runs `work` for ranges of `part` numbers that make up `0..total`, in no order.
///
/// # Errors
/// One of those of `work`.
pub fn for_each_part(
    total: usize,
    part: usize,
    work: impl Fn(Range<usize>) -> Result<()> + Sync,
) -> Result<()> {
    let part = part.max(1);
    let range = |number: usize| number * part..total.min((number + 1) * part);
    #[cfg(feature = "threads")]
    {
        use rayon::prelude::*;
        (0..total.div_ceil(part)).into_par_iter().try_for_each(|number| work(range(number)))
    }
    #[cfg(not(feature = "threads"))]
    (0..total.div_ceil(part)).try_for_each(|number| work(range(number)))
}
