//! The threads that work is done on: a pool that outlives no fork.
//!
//! A process that `os.fork` makes has none of its parent's threads, and rayon's global pool, once started,
//! would be waited for in vain. So the pool is this module's own and belongs to a process.

use std::sync::Arc;
use std::sync::atomic::{AtomicPtr, Ordering};

use pyo3::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::errors::exception;

struct Owned {
    process: u32,
    pool: Arc<ThreadPool>,
}

/// What this points to is never freed: a pool of a parent cannot be, and there is one for each process.
static CURRENT: AtomicPtr<Owned> = AtomicPtr::new(std::ptr::null_mut());

/// This process's pool, started on first use.
///
/// # Errors
/// The system starts no threads.
pub fn pool(py: Python<'_>) -> PyResult<Arc<ThreadPool>> {
    let process = std::process::id();
    let current = CURRENT.load(Ordering::Acquire);
    // SAFETY: the pointer is null or from `Box::into_raw` below, whose box is never freed or changed.
    #[allow(unsafe_code)]
    if let Some(owned) = unsafe { current.as_ref() }
        && owned.process == process
    {
        return Ok(owned.pool.clone());
    }
    let pool = ThreadPoolBuilder::new()
        .thread_name(|n| format!("xnc-{n}"))
        .build()
        .map_err(|error| exception(py, "MachineError", error.to_string()))?;
    let pool = Arc::new(pool);
    let owned = Box::into_raw(Box::new(Owned { process, pool: pool.clone() }));
    // Two threads may both start one, and the later stays; work goes on in the other until it is done.
    CURRENT.store(owned, Ordering::Release);
    Ok(pool)
}

/// Runs `work`, which takes its threads from the current pool, without Python's lock.
///
/// # Errors
/// As [`pool`].
pub fn run<T: Send>(py: Python<'_>, threads: usize, work: impl FnOnce() -> T + Send) -> PyResult<T> {
    // The calling thread alone needs no pool.
    if threads == 1 {
        return Ok(py.detach(work));
    }
    let pool = pool(py)?;
    Ok(py.detach(|| pool.install(work)))
}
