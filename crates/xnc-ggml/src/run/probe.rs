//! Whether a program's ggml is known: asked of the program itself, which loads backends to list devices.

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::fs::MemfdFlags;

use super::BACKEND_VARIABLE;

/// What is set for the question: the backend then says on standard error that it knows its host.
pub const VARIABLE: &str = "XNC_PROBE";
/// What it says.
pub const KNOWN: &str = "xnc: this host is known: ";
/// How the backend begins when it refuses.
const REFUSED: &str = "xnc: cannot be a backend here: ";
/// A program that takes longer does not only list its devices.
const LONGEST: Duration = Duration::from_secs(20);

/// What the backend says of the host; none when nobody loaded it.
pub fn ask(program: &OsStr, backend: &Path) -> Result<Option<String>> {
    // A file takes any number of lines without anybody who reads along.
    let answer = File::from(rustix::fs::memfd_create("answer", MemfdFlags::CLOEXEC)?);
    let mut command = Command::new(program);
    command.arg("--list-devices").env(BACKEND_VARIABLE, backend).env(VARIABLE, "1");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(answer.try_clone()?);
    let mut child = command.spawn().with_context(|| format!("cannot start {}", program.display()))?;
    wait(&mut child)?;
    let mut said = vec![0; answer.metadata()?.len() as usize];
    answer.read_exact_at(&mut said, 0)?;
    let said = String::from_utf8_lossy(&said);
    let line = |begins: &str| said.lines().find_map(|line| line.strip_prefix(begins));
    match (line(REFUSED), line(KNOWN)) {
        (Some(why), _) => bail!("{} is no host of the backend: {why}", program.display()),
        (None, known) => Ok(known.map(str::to_owned)),
    }
}

/// Waits for the end, or makes one.
fn wait(child: &mut Child) -> Result<()> {
    let start = Instant::now();
    while child.try_wait()?.is_none() {
        if start.elapsed() > LONGEST {
            child.kill()?;
            child.wait()?;
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}
