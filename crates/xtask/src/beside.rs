//! A task of this program while others run: half of building takes one core, so that two go faster beside each
//! other.

use std::fs::{self, File};
use std::io;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use crate::{root, say};

/// A task that runs. Dropped before it ended, it is told to end.
pub struct Beside {
    what: &'static str,
    child: Child,
    /// What it says, which is shown when it has ended.
    said: File,
    start: Instant,
}

impl Beside {
    /// Starts `cargo xtask TASK`.
    pub fn start(what: &'static str, task: &str) -> Result<Beside> {
        let log = root().join(format!("target/{task}.log"));
        say(&format!("{what}, beside what follows; what it says goes to {} until it ends", log.display()));
        fs::create_dir_all(root().join("target"))?;
        let said = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        let child = Command::new(std::env::current_exe()?)
            .arg(task)
            .stdin(Stdio::null())
            .stdout(said.try_clone()?)
            .stderr(said)
            .spawn()
            .context("cannot start this program again")?;
        Ok(Beside { what, child, said: File::open(log)?, start: Instant::now() })
    }

    /// Waits for its end, and shows what it said.
    ///
    /// # Errors
    /// It failed.
    pub fn finish(mut self) -> Result<()> {
        let status = self.child.wait()?;
        io::copy(&mut self.said, &mut io::stdout())?;
        ensure!(status.success(), "{}: {status}", self.what);
        say(&format!("{}: {:.0} s beside the others", self.what, self.start.elapsed().as_secs_f64()));
        Ok(())
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        // It may have ended.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
