//! Writing behind the writer: what was written goes to the disk early.
//!
//! A system lets gigabytes gather before it writes them, then holds the writer up until they are gone: measured, a
//! table of 20 GB took a quarter longer. So a thread asks for it every now and then.

use std::fs::File;
use std::io;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// Files below this are written in one go.
const LARGE: u64 = 1 << 28;

/// Time between two times.
const PAUSE: Duration = Duration::from_millis(200);

/// A thread that has a file written to the disk while it grows; it ends with this value.
pub struct Flushing {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Flushing {
    /// Starts for a file that may get so many bytes; none for a small one, or where the system has no thread for it.
    pub fn start(file: &File, bytes: u64) -> Option<Flushing> {
        let file = (bytes >= LARGE).then(|| file.try_clone().ok())??;
        let (stop, stopped) = channel();
        let work = move || {
            while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(PAUSE) {
                // The system tells of a failure once, so that it has to be kept for whoever syncs at the end.
                file.sync_data()?;
            }
            Ok(())
        };
        let thread = std::thread::Builder::new().name("xnc-flushing".into()).spawn(work).ok()?;
        Some(Flushing { stop: Some(stop), thread: Some(thread) })
    }

    /// Ends the thread, and tells what it met.
    ///
    /// # Errors
    /// Those of writing to the disk.
    pub fn end(mut self) -> io::Result<()> {
        self.join()
    }

    fn join(&mut self) -> io::Result<()> {
        drop(self.stop.take());
        let ended = self.thread.take().map(JoinHandle::join);
        ended.map_or(Ok(()), |ended| ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    }
}

impl Drop for Flushing {
    /// The thread's handle keeps the file's lock, which the next run may want at once.
    fn drop(&mut self) {
        let _ = self.join();
    }
}
