//! pcodec: numbers in bins of an entropy coder. It has no BF16, so words go in as unsigned integers, which
//! measures best.

use anyhow::{Result, bail};
use pco::ChunkConfig;
use pco::standalone::{simple_compress, simple_decompress_into};

use super::planes;
use super::{Encoded, Peer, Reader, Task};

pub struct Pcodec;

impl Peer for Pcodec {
    fn version(&self) -> String {
        // The library does not tell; the lock file does.
        let lock = include_str!("../../../Cargo.lock");
        let version =
            lock.split("name = \"pco\"\nversion = \"").nth(1).and_then(|rest| rest.split('"').next());
        format!("pco {}", version.unwrap_or("of unknown version"))
    }

    fn means(&self, key: &str) -> Result<&'static str> {
        Ok(match key {
            "default" => "words as u16, level 8",
            "best" => "words as u16, level 12",
            "rows" => "a piece a row, level 8",
            "4k" => "pieces of 4 KiB, level 8",
            "64k" => "pieces of 64 KiB, level 8",
            _ => bail!("no setting `{key}`"),
        })
    }

    fn encode(&self, task: &Task<'_>, words: &[u16]) -> Result<Encoded> {
        let level = if task.key == "best" { 12 } else { 8 };
        let config = ChunkConfig::default().with_compression_level(level);
        Ok(Encoded::Bytes(planes::encode(task, words, |words| Ok(simple_compress(words, &config)?))?))
    }

    fn open(&self, task: &Task<'_>) -> Result<Box<dyn Reader>> {
        planes::open(task, |bytes, out| {
            simple_decompress_into(bytes, out)?;
            Ok(())
        })
    }
}
