//! zstd: the general-purpose compressor that most formats have.

use anyhow::{Result, bail};
use zstd::bulk::{Compressor, Decompressor};

use super::planes;
use super::{Encoded, Peer, Reader, Task};

pub struct Zstd;

impl Peer for Zstd {
    fn version(&self) -> String {
        format!("zstd {}", zstd::zstd_safe::version_string())
    }

    fn means(&self, key: &str) -> Result<&'static str> {
        Ok(match key {
            "default" => "level 3",
            "best" => "bytes of a kind side by side, level 19",
            "rows" => "pieces of 64 KiB, bytes of a kind side by side, level 3",
            _ => bail!("no setting `{key}`"),
        })
    }

    fn encode(&self, task: &Task<'_>, words: &[u16]) -> Result<Encoded> {
        let mut compressor = Compressor::new(if task.key == "best" { 19 } else { 3 })?;
        Ok(Encoded::Bytes(match task.key {
            "default" => compressor.compress(bytemuck::cast_slice(words))?,
            "best" => compressor.compress(&planes::split(words))?,
            _ => planes::pieces(words, |words| Ok(compressor.compress(&planes::split(words))?))?,
        }))
    }

    fn open(&self, task: &Task<'_>) -> Result<Box<dyn Reader>> {
        let split = task.key != "default";
        let (mut decompressor, mut room) = (Decompressor::new()?, Vec::new());
        planes::open(task, move |bytes, out| {
            planes::fill(out, split, &mut room, |out| {
                decompressor.decompress_to_buffer(bytes, out)?;
                Ok(())
            })
        })
    }
}
