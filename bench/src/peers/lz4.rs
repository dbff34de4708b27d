//! LZ4: the compressor that decodes fastest of the common ones. It finds repeated bytes and has no entropy coder.

use anyhow::{Result, bail, ensure};
use lz4::block::{CompressionMode, compress, decompress_to_buffer};

use super::planes;
use super::{Encoded, Peer, Reader, Task};

pub struct Lz4;

impl Peer for Lz4 {
    fn version(&self) -> String {
        let number = lz4::version();
        format!("lz4 {}.{}.{}", number / 10000, number / 100 % 100, number % 100)
    }

    fn means(&self, key: &str) -> Result<&'static str> {
        Ok(match key {
            "default" => "default",
            "best" => "bytes of a kind side by side, HC level 12",
            _ => bail!("no setting `{key}`"),
        })
    }

    fn encode(&self, task: &Task<'_>, words: &[u16]) -> Result<Encoded> {
        Ok(Encoded::Bytes(match task.key {
            "default" => compress(bytemuck::cast_slice(words), None, false)?,
            _ => compress(&planes::split(words), Some(CompressionMode::HIGHCOMPRESSION(12)), false)?,
        }))
    }

    fn open(&self, task: &Task<'_>) -> Result<Box<dyn Reader>> {
        let (split, mut room) = (task.key == "best", Vec::new());
        planes::open(task, move |bytes, out| {
            planes::fill(out, split, &mut room, |out| {
                let length = i32::try_from(out.len())?;
                ensure!(
                    decompress_to_buffer(bytes, Some(length), out)? == out.len(),
                    "some words are missing"
                );
                Ok(())
            })
        })
    }
}
