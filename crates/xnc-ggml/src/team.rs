//! Threads to share an operation. A host that was built with OpenMP has threads that wait, spinning, for its next
//! operation: work goes to these, since threads of our own would have to fight them for cores. Another host's
//! threads end or sleep between operations, and then a pool of ours, which sleeps, too, takes turns with them.

use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::host::Parallel;

/// Threads for the operations of one backend.
pub struct Team {
    parallel: Option<Parallel>,
    pool: Mutex<Option<ThreadPool>>,
}

/// What each thread does.
type Work<'a> = &'a (dyn Fn() + Sync);

impl Team {
    /// On threads of the host's OpenMP runtime, if it has one.
    pub fn new(parallel: Option<Parallel>) -> Team {
        Team { parallel, pool: Mutex::default() }
    }

    /// Runs `work` on `threads` threads, the caller's among them, until all have ended. There may be fewer:
    /// the work has to be shared out as threads ask for it.
    pub fn run(&self, threads: usize, work: Work<'_>) {
        match self.parallel {
            _ if threads <= 1 => work(),
            Some(parallel) => {
                let threads = u32::try_from(threads).unwrap_or(1);
                // SAFETY: `call` gets the address of what it expects, which lives until all threads have ended.
                unsafe { parallel(call, (&raw const work).cast_mut().cast::<c_void>(), threads, 0) };
            }
            None => self.on_pool(threads, work),
        }
    }

    fn on_pool(&self, threads: usize, work: Work<'_>) {
        let mut pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
        if pool.as_ref().is_none_or(|pool| pool.current_num_threads() != threads - 1) {
            let named = |number| format!("xnc {number}");
            *pool = ThreadPoolBuilder::new().num_threads(threads - 1).thread_name(named).build().ok();
        }
        match pool.as_ref() {
            Some(pool) => pool.in_place_scope(|scope| {
                (1..threads).for_each(|_| scope.spawn(|_| work()));
                work();
            }),
            // A system without threads to spare has the caller's.
            None => work(),
        }
    }
}

/// What a thread of the OpenMP runtime calls.
unsafe extern "C" fn call(work: *mut c_void) {
    // SAFETY: `Team::run` gives the address of its argument.
    let work = unsafe { *work.cast::<Work<'_>>() };
    // A panic has been told; the operation then lacks results, which whoever shared it out counts.
    catch_unwind(AssertUnwindSafe(work)).ok();
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    unsafe extern "C" fn twice(
        f: unsafe extern "C" fn(*mut c_void),
        data: *mut c_void,
        threads: u32,
        _: u32,
    ) {
        assert_eq!(threads, 2);
        // SAFETY: what the caller of this function asks for.
        unsafe {
            f(data);
            f(data);
        }
    }

    #[test]
    fn every_thread_does_the_work() {
        for (team, threads, expected) in [
            (Team::new(None), 1, 1),
            (Team::new(None), 3, 3),
            (Team::new(Some(twice)), 2, 2),
            (Team::new(Some(twice)), 1, 1),
        ] {
            let calls = AtomicUsize::new(0);
            team.run(threads, &|| {
                calls.fetch_add(1, Ordering::Relaxed);
            });
            assert_eq!(calls.into_inner(), expected);
        }
    }
}
