//! A compressed file as two descriptors that a program inherits, and how they are named to the backend in it.

use std::fs::File;
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::Path;

use anyhow::{Result, ensure};
use rustix::fs::{MemfdFlags, SealFlags};
use xnc::internals::restore_around;
use xnc::{Error, Model, OpenOptions, TensorInfo, Verify};

/// The environment variable that names descriptors and the mark of tables: `STANDIN:TABLES:MARK`.
pub const VARIABLE: &str = "XNC_RUN";
/// What the stand-in begins with until the backend has the tables, and then.
pub const MAGIC: [&[u8; 4]; 2] = [b"XNC?", b"GGUF"];
/// Letters of a mark, of which none makes a number of 16 bits that is none.
const MARK: usize = 32;

/// What [`VARIABLE`] says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    pub standin: i32,
    pub tables: i32,
    /// What the place of a table begins with.
    pub mark: String,
}

impl Words {
    pub fn parse(text: &str) -> Option<Words> {
        let mut parts = text.splitn(3, ':');
        let (standin, tables) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let mark = parts.next().filter(|mark| mark.len() == MARK)?.to_owned();
        Some(Words { standin, tables, mark })
    }

    fn text(&self) -> String {
        format!("{}:{}:{}", self.standin, self.tables, self.mark)
    }
}

/// Both descriptors.
pub struct Handover {
    standin: File,
    tables: File,
    mark: String,
    names: Vec<String>,
    plain_bytes: u64,
    stored_bytes: u64,
}

impl Handover {
    /// Copies a compressed file into both, and checks every table there.
    ///
    /// # Errors
    /// What is wrong with the file; that a compressed tensor is none that the backend can stand for.
    pub fn of(model: &Model, path: &Path) -> Result<Handover> {
        let tables = compressed_part(model, path)?;
        let copy = Model::open_part(&tables, 0, None)?;
        let mark = format!("XNC-STANDIN-{:020}", fastrand::u64(..));
        let standin = unnamed("model.gguf")?;
        let (size, places) = restore_around(model, &mut |at, bytes| write(&standin, at, bytes))?;
        let (mut stored_bytes, mut names) = (0, Vec::new());
        for (name, place) in &places {
            let options = checked();
            copy.table_with(name, &options)?;
            let info = copy.tensor(name).filter(|info| fits(info, place));
            ensure!(
                info.is_some(),
                "{name} is no table of 16-bit words with two axes, which is what the backend holds; \
                restore the model with `xnc restore`"
            );
            stored_bytes += info.map_or(0, |info| info.stored_bytes);
            write(&standin, place.start, mark.as_bytes())?;
            names.push(name.clone());
        }
        write(&standin, 0, MAGIC[0])?;
        standin.set_len(size)?;
        seal(&standin, SealFlags::SHRINK | SealFlags::GROW)?;
        // From here on nobody changes the tables, whoever has the descriptor.
        seal(&tables, SealFlags::SHRINK | SealFlags::GROW | SealFlags::FUTURE_WRITE)?;
        let plain_bytes = places.iter().map(|(_, place)| place.end - place.start).sum();
        Ok(Handover { standin, tables, mark, names, plain_bytes, stored_bytes })
    }

    /// How the program finds the stand-in.
    pub fn path(&self) -> String {
        format!("/proc/self/fd/{}", self.standin.as_raw_fd())
    }

    /// Names of the compressed tables.
    pub fn tables(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    pub fn describe(&self) -> String {
        format!(
            "{VARIABLE}={}\n{} from {:.1} MB instead of {:.1} MB, never plain; both descriptors are in memory.",
            self.words().text(),
            self.names.join(", "),
            self.stored_bytes as f64 / 1e6,
            self.plain_bytes as f64 / 1e6
        )
    }

    /// From now on a program that this process becomes has both, under the names that are given.
    ///
    /// # Errors
    /// Those of the system.
    pub fn inherit(&self) -> Result<String> {
        for file in [&self.standin, &self.tables] {
            rustix::io::fcntl_setfd(file, rustix::io::FdFlags::empty())?;
        }
        Ok(self.words().text())
    }

    fn words(&self) -> Words {
        let (standin, tables) = (self.standin.as_raw_fd(), self.tables.as_raw_fd());
        Words { standin, tables, mark: self.mark.clone() }
    }
}

fn checked() -> OpenOptions {
    let mut options = OpenOptions::default();
    options.verify = Verify::OnOpen;
    options
}

/// Whether the backend will find the table where the model says there is one.
fn fits(info: &TensorInfo, place: &Range<u64>) -> bool {
    matches!(&info.dtype[..], "BF16" | "F16")
        && info.shape.len() == 2
        && place.end - place.start >= MARK as u64
}

/// A compressed file with holes for the tensors that it holds plain.
fn compressed_part(model: &Model, path: &Path) -> Result<File> {
    let (source, copy) = (File::open(path)?, unnamed("tables.xnc.gguf")?);
    let size = source.metadata()?.len();
    let mut plain: Vec<_> = model
        .tensors()
        .filter(|info| info.codec.is_none() && info.same_as.is_none())
        .flat_map(|info| info.ranges)
        .collect();
    plain.sort_by_key(|range| range.start);
    plain.push(size..size);
    let (mut at, mut buffer) = (0, vec![0; 1 << 20]);
    for hole in plain {
        while at < hole.start {
            let part = &mut buffer[..(hole.start - at).min(1 << 20) as usize];
            source.read_exact_at(part, at)?;
            write(&copy, at, part)?;
            at += part.len() as u64;
        }
        at = at.max(hole.end);
    }
    copy.set_len(size)?;
    Ok(copy)
}

/// A file in memory that has a name only for people, and is not inherited yet.
fn unnamed(name: &str) -> Result<File> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    Ok(File::from(rustix::fs::memfd_create(name, flags)?))
}

fn seal(file: &File, seals: SealFlags) -> Result<()> {
    Ok(rustix::fs::fcntl_add_seals(file, seals)?)
}

fn write(file: &File, at: u64, bytes: &[u8]) -> xnc::Result<()> {
    file.write_all_at(bytes, at).map_err(|cause| Error::Write { cause })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_and_mark_are_told_and_read() {
        let words = Words { standin: 3, tables: 14, mark: format!("XNC-STANDIN-{:020}", u64::MAX) };
        assert_eq!(Words::parse(&words.text()), Some(words));
        for wrong in ["", "3", "3:4", "3:4:short", "a:4:XNC-STANDIN-00000000000000000001"] {
            assert_eq!(Words::parse(wrong), None, "{wrong}");
        }
    }
}
