//! Runs a setting of a peer in processes of its own and collects what they report.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Decoding, Encoding, Host, Setting};
use crate::spread::Spread;
use crate::tables::TableFile;

/// Programs and folders that peers need.
#[derive(Clone, Debug)]
pub struct Place {
    /// This program.
    pub program: PathBuf,
    /// An interpreter with the Python peers installed; without it they are not available.
    pub python: Option<PathBuf>,
    /// A folder for compressed files.
    pub scratch: PathBuf,
}

/// A setting of a peer on a table.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Measured {
    /// The peer's name.
    pub peer: String,
    /// `default`, `best`, `rows` and others; of XNC the codec.
    pub key: String,
    /// Why there is nothing else here.
    pub unavailable: Option<String>,
    /// The rest.
    pub numbers: Option<Numbers>,
}

/// What was measured, all on one processor.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Numbers {
    /// Library and version.
    pub version: String,
    /// What the setting means.
    pub means: String,
    /// Source bytes against compressed bytes.
    pub ratio: f64,
    /// 10^9 source bytes a second.
    pub encode_gb_s: Spread,
    /// 10^9 source bytes a second, into memory that was written before.
    pub decode_gb_s: Spread,
    /// Microseconds for one random row.
    pub row_us: Spread,
    /// Memory while encoding, against the table's size, beyond the table; the result included.
    pub encode_memory: Option<f64>,
    /// Memory while decoding, against the table's size, beyond the compressed file; the result included.
    pub decode_memory: Option<f64>,
}

/// Measures one setting; what cannot run is reported as such.
pub fn measure(place: &Place, setting: &Setting, table: &TableFile) -> Measured {
    let numbers = numbers(place, setting, table);
    Measured {
        peer: setting.peer.into(),
        key: setting.key.into(),
        unavailable: numbers.as_ref().err().map(|error| format!("{error:#}")),
        numbers: numbers.ok(),
    }
}

fn numbers(place: &Place, setting: &Setting, table: &TableFile) -> Result<Numbers> {
    let file = place.scratch.join(format!("{}.{}.compressed", setting.peer, setting.key));
    let work = || -> Result<Numbers> {
        let encoding: Encoding = child(place, setting, "encode", table, &file)?;
        let decoding: Decoding = child(place, setting, "decode", table, &file)?;
        let bytes = table.bytes() as f64;
        let gb_s = |seconds: Vec<f64>| Ok::<_, anyhow::Error>(Spread::of(seconds)?.rate(1e-9 * bytes));
        let own = if decoding.own_memory { "; decodes into memory of its own" } else { "" };
        Ok(Numbers {
            version: encoding.version,
            means: encoding.means + own,
            ratio: bytes / encoding.bytes as f64,
            encode_gb_s: gb_s(encoding.seconds)?,
            decode_gb_s: gb_s(decoding.seconds)?,
            row_us: Spread::of(decoding.row_seconds)?.times(1e6),
            encode_memory: encoding.extra_bytes.map(|extra| extra as f64 / bytes),
            decode_memory: decoding.extra_bytes.map(|extra| extra as f64 / bytes),
        })
    };
    let result = work();
    // Some peers leave folders; whatever cannot be removed goes with the scratch folder.
    let _ = std::fs::remove_file(&file);
    result
}

/// Freed memory stays with the process, so that only first runs, which do not count, wait for fresh pages. Where the
/// C library is not glibc this says nothing.
const KEEP_MEMORY: &str = "glibc.malloc.mmap_max=0:glibc.malloc.trim_threshold=1099511627776";

fn child<T: DeserializeOwned>(
    place: &Place,
    setting: &Setting,
    phase: &str,
    table: &TableFile,
    file: &std::path::Path,
) -> Result<T> {
    let mut command = match setting.host {
        Host::Rust => {
            let mut command = Command::new(&place.program);
            command.args(["peer", setting.peer]);
            command
        }
        Host::Python => {
            let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/peers");
            let mut command =
                Command::new(place.python.as_ref().context("its Python environment is not built")?);
            command.arg(format!("{folder}/harness.py")).arg(format!("{folder}/{}.py", setting.peer));
            command
        }
    };
    command.env("GLIBC_TUNABLES", KEEP_MEMORY);
    command.arg(phase).arg(setting.key).arg(&table.path).arg(file);
    let output = command.stdin(Stdio::null()).output().context("cannot start it")?;
    if !output.status.success() {
        let told = String::from_utf8_lossy(&output.stderr);
        bail!("{}", told.trim().lines().last().unwrap_or("it failed and said nothing"));
    }
    serde_json::from_slice(&output.stdout).with_context(|| format!("{phase}: what it reports"))
}
