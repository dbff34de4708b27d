//! On how many threads an operation runs: one rule for all of them.
//!
//! `threads` is 0 for the current rayon pool: the one that the caller is in, else the global one. Another
//! number is the most threads that work, the caller's among them where the work is shared out by
//! [`together`]. A library built without threads does everything on the caller's.

#[cfg(not(feature = "threads"))]
pub use alone::{run_on, together, workers};
#[cfg(feature = "threads")]
pub use pool::{run_on, together, workers};

#[cfg(feature = "threads")]
mod pool {
    use std::error::Error as _;
    use std::sync::{Mutex, OnceLock, PoisonError};

    use rayon::ThreadPoolBuilder;

    use crate::error::{Error, Result};

    /// More threads than this only wait for each other, or cannot be started.
    const MOST: usize = 1024;

    /// Runs `work` with a pool of at most `threads` threads, 1024 at most, while the caller's waits. A number
    /// that the caller's own pool does not exceed keeps to that pool.
    ///
    /// # Errors
    /// [`Error::Threads`] when not even one can be started.
    pub fn run_on<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> Result<T> {
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

    /// How many threads share work that is asked to be done on `threads`: the pool's at most. No thread is
    /// started for it.
    pub fn workers(threads: usize) -> usize {
        if threads == 1 || (rayon::current_thread_index().is_none() && global_pool().is_err()) {
            return 1;
        }
        let have = rayon::current_num_threads();
        if threads == 0 { have } else { threads.min(have) }
    }

    /// Runs `work` on the caller's thread and on `workers - 1` others of the current pool at a time, until
    /// all have ended.
    ///
    /// # Errors
    /// The first error; the others go on to their end.
    pub fn together(workers: usize, work: impl Fn() -> Result<()> + Sync) -> Result<()> {
        let failed = Mutex::new(None);
        let run = || {
            if let Err(error) = work() {
                failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
            }
        };
        rayon::in_place_scope(|scope| {
            (1..workers).for_each(|_| scope.spawn(|_| run()));
            run();
        });
        failed.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
    }

    /// Starts the global pool, which panics where it cannot be started and is needed all the same.
    fn global_pool() -> Result<()> {
        // Where there are no threads, rayon makes a pool of the caller's own, but not once it was asked for one.
        if cfg!(target_family = "wasm") {
            return Ok(());
        }
        static STARTED: OnceLock<Option<String>> = OnceLock::new();
        let failed = STARTED.get_or_init(|| match ThreadPoolBuilder::new().build_global() {
            // An error of the system has a source; that somebody built the pool before has none.
            Err(e) if e.source().is_some() => Some(e.to_string()),
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
        use std::sync::atomic::{AtomicUsize, Ordering};

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
            let own =
                pool.install(|| rayon::scope(|_| run_on(0, rayon::current_thread_index).expect("runs")));
            assert!(own.is_some());
        }

        #[test]
        fn workers_end_before_the_call_does_and_errors_come_out() {
            let pool = ThreadPoolBuilder::new().num_threads(3).build().expect("starts");
            pool.install(|| {
                assert_eq!([0, 1, 2, 9].map(workers), [3, 1, 2, 3]);
                let calls = AtomicUsize::new(0);
                let counted = together(3, || {
                    calls.fetch_add(1, Ordering::Relaxed);
                    Ok(())
                });
                assert!(counted.is_ok() && calls.into_inner() == 3);
                assert!(together(2, || Err(Error::corrupt("on purpose"))).is_err());
            });
        }
    }
}

#[cfg(not(feature = "threads"))]
mod alone {
    use crate::error::Result;

    /// Runs `work`.
    pub fn run_on<T: Send>(_: usize, work: impl FnOnce() -> T + Send) -> Result<T> {
        Ok(work())
    }

    /// The caller alone.
    pub fn workers(_: usize) -> usize {
        1
    }

    /// Runs `work` once.
    pub fn together(_: usize, work: impl Fn() -> Result<()> + Sync) -> Result<()> {
        work()
    }
}
