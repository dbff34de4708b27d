//! The decoder that was written from the specification alone, as a process that answers.

use std::collections::BTreeMap;
use std::io::{self, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};

/// What it makes of a part: bytes, or why it refuses.
pub type Made = Result<Vec<u8>, String>;

/// What it makes of a file that it opens.
#[derive(Debug, Default)]
pub struct Answer {
    /// Words of the compressed tensors, by name; none where there are too many to ask for.
    pub tables: BTreeMap<String, Option<Made>>,
    /// The source's bytes, whatever their digests; none as above.
    pub source: Option<Made>,
}

struct Server {
    child: Child,
    out: BufReader<ChildStdout>,
}

impl Server {
    fn start() -> io::Result<Server> {
        let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let python = std::env::var_os("XNC_TEST_PYTHON").unwrap_or_else(|| "python3".into());
        let mut child = Command::new(python)
            .arg(crate_folder.join("src/second.py"))
            .arg(crate_folder.join("../../spec"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let out = child.stdout.take().map(BufReader::new).ok_or(io::ErrorKind::BrokenPipe)?;
        Ok(Server { child, out })
    }

    fn part(&mut self) -> io::Result<(u8, Vec<u8>)> {
        let mut head = [0; 5];
        self.out.read_exact(&mut head)?;
        let [letter, length @ ..] = head;
        let mut data = vec![0; u32::from_le_bytes(length) as usize];
        self.out.read_exact(&mut data)?;
        Ok((letter, data))
    }

    fn ask(&mut self, file: &[u8]) -> io::Result<Result<Answer, String>> {
        let stdin = self.child.stdin.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        stdin.write_all(&(file.len() as u32).to_le_bytes())?;
        stdin.write_all(file)?;
        stdin.flush()?;
        let (mut opened, mut answer) = (None, Answer::default());
        let mut table: Option<String> = None;
        loop {
            let (letter, data) = self.part()?;
            let text = || String::from_utf8_lossy(&data).into_owned();
            match (letter, table.take()) {
                (b'.', _) => break,
                (b'o', _) => opened = Some(Ok(())),
                (b'r', None) if opened.is_none() => opened = Some(Err(text())),
                (b't', _) => table = Some(text()),
                (b'w', Some(name)) => drop(answer.tables.insert(name, Some(Ok(data)))),
                (b'r', Some(name)) => drop(answer.tables.insert(name, Some(Err(text())))),
                (b'x', Some(name)) => drop(answer.tables.insert(name, None)),
                (b's', None) => answer.source = Some(Ok(data)),
                (b'r', None) => answer.source = Some(Err(text())),
                _ => return Err(io::Error::other("an answer that was not agreed on")),
            }
        }
        Ok(opened.ok_or(io::ErrorKind::InvalidData)?.map(|()| answer))
    }
}

/// What the second decoder makes of a file, or why it refuses to open the file.
///
/// # Panics
/// When it cannot be started, or ends: it has a fault, which it has printed.
pub fn ask(file: &[u8]) -> Result<Answer, String> {
    static SERVER: OnceLock<Mutex<Server>> = OnceLock::new();
    let server = SERVER.get_or_init(|| Mutex::new(Server::start().expect("Python 3 runs")));
    let mut server = server.lock().unwrap_or_else(PoisonError::into_inner);
    server.ask(file).expect("the second decoder answers")
}
