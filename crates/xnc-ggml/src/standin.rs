//! Tables of a compressed file that `xnc run` handed over: the model that the host reads has marks where they were.

use std::collections::BTreeMap;
use std::fs::File;
use std::ops::Range;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::sync::OnceLock;

use rustix::fs::FallocateFlags;
use xnc::internals::restore_around;
use xnc::{EncodeOptions, Model, OpenOptions, Table, Verify};

use crate::abi::Words;
use crate::run::{self, MAGIC};

/// What was handed over.
struct Standin {
    model: Model,
    mark: String,
    file: File,
    /// Where the file has holes for the tables, behind their marks.
    holes: BTreeMap<String, Range<u64>>,
}

static STANDIN: OnceLock<Standin> = OnceLock::new();

/// Takes the tables, if there are any, and then puts the model's first letters right.
pub fn open() -> Result<(), String> {
    let Some(text) = std::env::var_os(run::VARIABLE).filter(|_| STANDIN.get().is_none()) else {
        return Ok(());
    };
    let words = text.to_str().and_then(run::Words::parse);
    let words = words.ok_or_else(|| format!("{} is not what `xnc run` sets", run::VARIABLE))?;
    let model = Model::open_part(&inherited(words.tables)?, 0, None).map_err(|e| e.to_string())?;
    let standin = inherited(words.standin)?;
    let mut begins = [0; 4];
    standin.read_exact_at(&mut begins, 0).map_err(|e| e.to_string())?;
    if !MAGIC.contains(&&begins) {
        return Err(format!("{} names a file that is no stand-in", run::VARIABLE));
    }
    let (_, places) = restore_around(&model, &mut |_, _| Ok(())).map_err(|e| e.to_string())?;
    let behind = |place: Range<u64>| place.start + words.mark.len() as u64..place.end;
    let holes = places.into_iter().map(|(name, place)| (name, behind(place))).collect();
    let standin = STANDIN.get_or_init(|| Standin { model, mark: words.mark, file: standin, holes });
    standin.file.write_all_at(MAGIC[1], 0).map_err(|e| e.to_string())
}

/// A handle of its own to a file that this process was started with.
fn inherited(number: i32) -> Result<File, String> {
    if number < 3 {
        return Err(format!("{} names a standard stream", run::VARIABLE));
    }
    // SAFETY: only duplicated; a number that stands for nothing is an error of the system.
    let there = unsafe { BorrowedFd::borrow_raw(number) };
    let own: OwnedFd =
        there.try_clone_to_owned().map_err(|e| format!("{} names no open file: {e}", run::VARIABLE))?;
    Ok(File::from(own))
}

impl Standin {
    /// Gives back what a host that maps the whole file at once, as llama.cpp does, has made of a table's hole: pages
    /// of zeros, as many as the plain table has.
    fn empty(&self, name: &str) {
        let Some(hole) = self.holes.get(name).filter(|hole| !hole.is_empty()) else { return };
        let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        // Where the system refuses, they only take memory.
        rustix::fs::fallocate(&self.file, flags, hole.start, hole.end - hole.start).ok();
    }
}

/// Whether a tensor's bytes are a mark.
pub fn is_marked(bytes: &[u8]) -> bool {
    STANDIN.get().is_some_and(|standin| bytes.starts_with(standin.mark.as_bytes()))
}

/// The table that was marked.
pub fn table(name: &str, words: Words) -> Result<Table, String> {
    let standin = STANDIN.get().ok_or("nothing was handed over")?;
    standin.empty(name);
    // All chunks were checked when they were handed over, and nobody can change them since.
    let mut options = OpenOptions::default();
    options.verify = Verify::Never;
    let table = standin.model.table_with(name, &options).map_err(|e| e.to_string())?;
    let there = (table.dtype(), table.rows(), table.dim());
    if there != (words.dtype, words.rows, words.dim) {
        return Err(format!(
            "the compressed file has {} x {} {}, and the model says {} x {} {}",
            there.1, there.2, there.0, words.rows, words.dim, words.dtype
        ));
    }
    let mut options = EncodeOptions::default();
    options.threads = std::thread::available_parallelism().map_or(1, usize::from);
    table.transcode(&options).map_err(|e| e.to_string())
}
