//! The command, and what its commands do for a caller in the same process.

use std::any::Any;
use std::ffi::OsString;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use pyo3::prelude::*;
use xnc::Stage;
use xnc_cli::Failed;

use crate::{errors, pool};

/// How long an interrupt waits before it is seen.
const PATIENCE: Duration = Duration::from_millis(50);

/// Is the command `xnc`: prints, and returns the exit code.
#[pyfunction]
pub fn command(py: Python<'_>, program: PathBuf, arguments: Vec<OsString>) -> u8 {
    py.detach(|| xnc_cli::run(program, &arguments))
}

/// Does what the command does with these arguments: JSON. `hear` is called with a stage, bytes done, and bytes
/// in all. What it raises, an interrupt too, ends the work, which leaves nothing behind.
#[pyfunction]
pub fn report(py: Python<'_>, arguments: Vec<OsString>, hear: Option<Py<PyAny>>) -> PyResult<String> {
    let pool = pool::pool(py)?;
    let stop = Stop::default();
    let step = |stage: Stage, done: u64, total: u64| {
        stop.obey();
        let Some(hear) = &hear else { return };
        if let Err(raised) = Python::attach(|py| hear.call1(py, (name(stage), done, total))) {
            stop.order(raised);
            stop.obey();
        }
    };
    let work = || catch_unwind(AssertUnwindSafe(|| pool.install(|| xnc_cli::report(&arguments, &step))));
    let ended = py.detach(|| {
        std::thread::scope(|scope| {
            let (working, end) = channel::<()>();
            let job = scope.spawn(move || {
                let _working = working;
                work()
            });
            // Only the thread that Python calls functions on hears of signals.
            while end.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                if let Err(raised) = Python::attach(|py| py.check_signals()) {
                    stop.order(raised);
                }
            }
            job.join().and_then(|ended| ended)
        })
    });
    if let Some(raised) = stop.why.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(raised);
    }
    match ended {
        Ok(Ok(told)) => Ok(told.to_string()),
        Ok(Err(failed)) => Err(match failed {
            Failed::Usage(message) => errors::exception(py, "UsageError", message),
            Failed::Library(error, message) => errors::library(py, &error, message),
            Failed::Other(message) => errors::exception(py, "Error", message),
        }),
        Err(panic) => resume_unwind(panic),
    }
}

/// Why and whether the work has to end.
#[derive(Default)]
struct Stop {
    ordered: AtomicBool,
    why: Mutex<Option<PyErr>>,
}

/// What the work is unwound with.
struct Stopped;

impl Stop {
    fn order(&self, raised: PyErr) {
        self.why.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(raised);
        self.ordered.store(true, Ordering::Release);
    }

    /// Ends the work where that was ordered: its owners drop what is half done, temporary files too.
    fn obey(&self) {
        if self.ordered.load(Ordering::Acquire) {
            resume_unwind(Box::new(Stopped) as Box<dyn Any + Send>);
        }
    }
}

fn name(stage: Stage) -> &'static str {
    match stage {
        Stage::Encode => "encode",
        Stage::Digest => "digest",
        Stage::Write => "write",
        Stage::Restore => "restore",
        Stage::Copy => "copy",
        Stage::Analyze => "analyze",
    }
}
