//! Software that compresses tables, a file each, behind one protocol.
//!
//! Each setting of each peer runs in two processes of its own, on one processor: one encodes and leaves a
//! file, the other opens that file, decodes, reads rows, and compares every word. `child` is such a process
//! for peers in Rust, `harness.py` for those in Python. Both decode into memory that was written before, and
//! run once before the clock does.

mod child;
mod dfloat11;
mod lz4;
mod memory;
mod parent;
mod pcodec;
mod plain;
mod planes;
mod xnc;
mod zstd;

use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::tables::TableFile;

pub use child::run as run_child;
pub use dfloat11::bits as dfloat11_bits;
pub use parent::{Measured, Numbers, Place, measure};

/// A peer at one of its settings.
pub struct Setting {
    /// The peer's name.
    pub peer: &'static str,
    /// The word by which the peer knows the setting.
    pub key: &'static str,
    /// Whose process runs it.
    pub host: Host,
    /// How long encoding is known to take.
    pub pace: Pace,
}

/// How much of the tables a setting can be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// All tables.
    Quick,
    /// The main table only.
    Slow,
    /// Its first rows only.
    Glacial,
}

/// Where a peer runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host {
    /// In this program.
    Rust,
    /// In `NAME.py` beside this file.
    Python,
}

/// Every setting of every peer, in the order of the table. `rows`, `4k` and `64k` are pieces that decode alone, of a
/// row, of 4 KiB and of 64 KiB.
pub const SETTINGS: &[Setting] = &[
    setting("plain", "default", Host::Rust, Pace::Quick),
    setting("xnc", "fast", Host::Rust, Pace::Quick),
    setting("xnc", "tight", Host::Rust, Pace::Quick),
    setting("xnc", "dense", Host::Rust, Pace::Slow),
    setting("xnc", "xnc", Host::Rust, Pace::Quick),
    setting("zstd", "default", Host::Rust, Pace::Quick),
    setting("zstd", "best", Host::Rust, Pace::Slow),
    setting("zstd", "rows", Host::Rust, Pace::Slow),
    setting("zstd", "4k", Host::Rust, Pace::Slow),
    setting("zstd", "64k", Host::Rust, Pace::Quick),
    setting("lz4", "default", Host::Rust, Pace::Quick),
    setting("lz4", "best", Host::Rust, Pace::Slow),
    setting("lz4", "rows", Host::Rust, Pace::Slow),
    setting("lz4", "4k", Host::Rust, Pace::Slow),
    setting("lz4", "64k", Host::Rust, Pace::Slow),
    setting("blosc2", "default", Host::Python, Pace::Quick),
    setting("blosc2", "best", Host::Python, Pace::Slow),
    setting("blosc2", "quick", Host::Python, Pace::Quick),
    setting("blosc2", "rows", Host::Python, Pace::Slow),
    setting("blosc2", "4k", Host::Python, Pace::Slow),
    setting("blosc2", "64k", Host::Python, Pace::Slow),
    setting("pcodec", "default", Host::Rust, Pace::Quick),
    setting("pcodec", "best", Host::Rust, Pace::Slow),
    setting("pcodec", "rows", Host::Rust, Pace::Slow),
    setting("pcodec", "4k", Host::Rust, Pace::Slow),
    setting("pcodec", "64k", Host::Rust, Pace::Quick),
    setting("openzl", "default", Host::Python, Pace::Quick),
    setting("openzl", "best", Host::Python, Pace::Quick),
    setting("openzl", "4k", Host::Python, Pace::Slow),
    setting("openzl", "64k", Host::Python, Pace::Slow),
    setting("zipnn", "default", Host::Python, Pace::Quick),
    setting("lmz", "default", Host::Python, Pace::Quick),
    setting("lmz", "64k", Host::Python, Pace::Quick),
    setting("z4ai", "default", Host::Python, Pace::Quick),
    setting("z4ai", "best", Host::Python, Pace::Glacial),
];

const fn setting(peer: &'static str, key: &'static str, host: Host, pace: Pace) -> Setting {
    Setting { peer, key, host, pace }
}

/// What a process is asked for, as its arguments say it.
pub struct Task<'a> {
    /// The table, for encoding and for comparing.
    pub table: &'a TableFile,
    /// The peer's word for the setting.
    pub key: &'a str,
    /// The compressed file.
    pub file: &'a Path,
}

/// A peer in Rust.
trait Peer {
    /// Library and version.
    fn version(&self) -> String;
    /// What a setting means, in words.
    fn means(&self, key: &str) -> Result<&'static str>;
    /// Encodes once; this is timed.
    fn encode(&self, task: &Task<'_>, words: &[u16]) -> Result<Encoded>;
    /// Leaves the file that is opened later; gives the bytes that count.
    fn store(&self, task: &Task<'_>, encoded: &Encoded) -> Result<u64> {
        let Encoded::Bytes(bytes) = encoded else { bail!("a table is not stored as bytes") };
        std::fs::write(task.file, bytes).context("cannot write the compressed file")?;
        Ok(bytes.len() as u64)
    }
    /// Opens what was stored; not timed.
    fn open(&self, task: &Task<'_>) -> Result<Box<dyn Reader>>;
}

/// What encoding leaves in memory.
enum Encoded {
    /// Bytes for a file.
    Bytes(Vec<u8>),
    /// A table of ours.
    Table(
        #[expect(dead_code, reason = "held until the clock has stopped: freeing it is no encoding")]
        ::xnc::Table,
    ),
}

/// An opened file.
trait Reader {
    /// Decodes everything; this is timed.
    fn decode(&mut self, out: &mut [u16]) -> Result<()>;
    /// Reads one row the quickest way there is; this is timed.
    fn row(&mut self, id: usize, out: &mut [u16]) -> Result<()>;
}

/// What the encoding process reports.
#[derive(Debug, Serialize, Deserialize)]
pub struct Encoding {
    /// Library and version.
    pub version: String,
    /// What the setting means.
    pub means: String,
    /// Compressed bytes.
    pub bytes: u64,
    /// Time of each repetition.
    pub seconds: Vec<f64>,
    /// Memory at its highest, beyond what was there before, the result included.
    pub extra_bytes: Option<u64>,
}

/// What the decoding process reports, after comparing every word.
#[derive(Debug, Serialize, Deserialize)]
pub struct Decoding {
    /// Time of each repetition.
    pub seconds: Vec<f64>,
    /// Memory at its highest, beyond the compressed file, the result included.
    pub extra_bytes: Option<u64>,
    /// Time for a random row, several samples.
    pub row_seconds: Vec<f64>,
    /// Results are in memory of the library's own, since it cannot write into memory that it is given.
    pub own_memory: bool,
}

/// The peer of that name.
fn peer(name: &str) -> Result<&'static dyn Peer> {
    Ok(match name {
        "plain" => &plain::Plain,
        "xnc" => &xnc::Xnc,
        "zstd" => &zstd::Zstd,
        "lz4" => &lz4::Lz4,
        "pcodec" => &pcodec::Pcodec,
        name => bail!("no peer `{name}`"),
    })
}
