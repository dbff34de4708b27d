//! On how many threads an operation runs: one rule for all of them.

use std::error::Error as _;
use std::sync::OnceLock;

use rayon::ThreadPoolBuilder;

use crate::error::{Error, Result};

/// More threads than this only wait for each other, or cannot be started.
const MOST: usize = 1024;

/// Runs `work` on at most `threads` threads, 1024 at most, while the caller's waits. 0 stands for the current
/// rayon pool: the one that the caller is in, else the global one. A number that the caller's pool has not
/// more than keeps to that pool as well.
///
/// # Errors
/// [`Error::Threads`] when not even one can be started.
pub(crate) fn run_on<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> Result<T> {
    let inside = rayon::current_thread_index().map(|_| rayon::current_num_threads());
    if threads == 0 || inside.is_some_and(|have| have <= threads) {
        if inside.is_none() {
            global_pool()?;
        }
        return Ok(work());
    }
    // A system that is short of threads may still have some.
    let mut ask = threads.min(MOST);
    loop {
        match ThreadPoolBuilder::new().num_threads(ask).build() {
            Ok(pool) => return Ok(pool.install(work)),
            Err(_) if ask > 1 => ask /= 2,
            // Without threads on this system, the global pool is the caller's own thread.
            Err(e) if is_unsupported(&e) => return Ok(work()),
            Err(e) => return Err(Error::Threads { threads, reason: e.to_string() }),
        }
    }
}

/// Starts the global pool, which panics where it cannot be started and is needed all the same.
fn global_pool() -> Result<()> {
    static STARTED: OnceLock<Option<String>> = OnceLock::new();
    let failed = STARTED.get_or_init(|| match ThreadPoolBuilder::new().build_global() {
        // An error of the system has a source; that somebody built the pool before has none.
        Err(e) if e.source().is_some() && !is_unsupported(&e) => Some(e.to_string()),
        _ => None,
    });
    failed.clone().map_or(Ok(()), |reason| Err(Error::Threads { threads: 0, reason }))
}

fn is_unsupported(error: &rayon::ThreadPoolBuildError) -> bool {
    let system = error.source().and_then(|cause| cause.downcast_ref::<std::io::Error>());
    system.is_some_and(|cause| cause.kind() == std::io::ErrorKind::Unsupported)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn threads_of(threads: usize) -> usize {
        run_on(threads, rayon::current_num_threads).expect("threads start")
    }

    #[test]
    fn numbers_are_most_and_zero_is_the_pool_at_hand() {
        assert_eq!([1, 3, 5000].map(threads_of), [1, 3, MOST]);
        assert_eq!(threads_of(0), rayon::current_num_threads());
        let pool = ThreadPoolBuilder::new().num_threads(3).build().expect("starts");
        pool.install(|| assert_eq!([0, 3, 7, 2, 1].map(threads_of), [3, 3, 3, 2, 1]));
        // The caller's own pool, not one like it.
        let own = pool.install(|| rayon::scope(|_| run_on(0, rayon::current_thread_index).expect("runs")));
        assert!(own.is_some());
    }
}
