//! What a signal leaves: no temporary file, and the exit that the signal stands for.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use xnc::internals::watch_for_cuts;

use crate::args::Command;
use crate::exit;

/// A folder of this command's own that goes with its temporary files.
static FOLDER: Mutex<Option<PathBuf>> = Mutex::new(None);

/// From now on `folder` is removed, too, when a signal ends the process.
pub fn remove_too(folder: &Path) {
    *FOLDER.lock().unwrap_or_else(PoisonError::into_inner) = Some(folder.to_owned());
}

fn remove_temporaries() {
    xnc::internals::remove_temporaries();
    if let Some(folder) = FOLDER.lock().unwrap_or_else(PoisonError::into_inner).take() {
        std::fs::remove_dir_all(folder).ok();
    }
}

/// Removes temporary files when Ctrl-C, a hang-up or a polite `kill` ends the process; a second signal ends
/// it at once. A system that gives no thread for that leaves the command as it was: it still runs.
pub fn watch() {
    system::watch().ok();
}

/// Says so when a file that is mapped is cut by another program, and ends the process.
pub fn watch_files(command: Command) {
    let end = move |path| {
        let code = exit::report_cut(&command, path);
        remove_temporaries();
        std::process::exit(code.into());
    };
    watch_for_cuts(end).ok();
}

/// Does not return when a signal is ending the process: what fails then fails because its files are being
/// removed.
pub fn give_way() {
    while system::ENDING.load(Ordering::SeqCst) {
        std::thread::park();
    }
}

#[cfg(unix)]
mod system {
    use std::io;
    use std::sync::{Arc, LazyLock};

    use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGXFSZ};
    use signal_hook::iterator::Signals;
    use signal_hook::{flag, low_level};

    use super::{AtomicBool, remove_temporaries};

    /// Whether a signal has come.
    pub static ENDING: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

    pub fn watch() -> io::Result<()> {
        let wanted: Vec<_> =
            [SIGINT, SIGTERM, SIGHUP, SIGQUIT].into_iter().filter(|signal| !is_ignored(*signal)).collect();
        // A file that grows beyond `ulimit -f` is then an error like that of a full disk, and no sudden end.
        flag::register(SIGXFSZ, Arc::default())?;
        let mut signals = Signals::new(&wanted)?;
        let wait = move || {
            if let Some(signal) = signals.forever().next() {
                remove_temporaries();
                low_level::emulate_default_handler(signal).ok();
            }
        };
        std::thread::Builder::new().name("signals".into()).spawn(wait)?;
        for signal in wanted {
            // In this order: the first signal finds the flag not set.
            flag::register_conditional_default(signal, ENDING.clone())?;
            flag::register(signal, ENDING.clone())?;
        }
        Ok(())
    }

    /// Whether whoever started this process wants it to live on: `nohup`, or a shell that runs it in the
    /// background. Not every system tells.
    fn is_ignored(signal: i32) -> bool {
        let Ok(status) = std::fs::read_to_string("/proc/self/status") else { return false };
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
            .is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
    }
}

#[cfg(not(unix))]
mod system {
    use std::io;

    use super::{AtomicBool, Ordering, remove_temporaries};

    /// Whether Ctrl-C was pressed.
    pub static ENDING: AtomicBool = AtomicBool::new(false);

    /// What a console program's exit code is after Ctrl-C.
    const CONTROL_C_EXIT: i32 = 0xC000_013A_u32 as i32;

    pub fn watch() -> io::Result<()> {
        let end = || {
            if !ENDING.swap(true, Ordering::SeqCst) {
                remove_temporaries();
            }
            std::process::exit(CONTROL_C_EXIT);
        };
        ctrlc::set_handler(end).map_err(io::Error::other)
    }
}
