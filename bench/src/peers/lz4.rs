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
            "best" => "exponents apart, HC level 12",
            "rows" => "a piece a row, exponents apart, HC level 12",
            "4k" => "pieces of 4 KiB, exponents apart, HC level 12",
            "64k" => "pieces of 64 KiB, exponents apart, HC level 12",
            _ => bail!("no setting `{key}`"),
        })
    }

    fn encode(&self, task: &Task<'_>, words: &[u16]) -> Result<Encoded> {
        if task.key == "default" {
            return Ok(Encoded::Bytes(compress(bytemuck::cast_slice(words), None, false)?));
        }
        let high = Some(CompressionMode::HIGHCOMPRESSION(12));
        let bytes = planes::encode(task, words, |words| {
            planes::apart(words, |exponents| Ok(compress(exponents, high, false)?))
        })?;
        Ok(Encoded::Bytes(bytes))
    }

    fn open(&self, task: &Task<'_>) -> Result<Box<dyn Reader>> {
        let (whole, mut room) = (task.key == "default", Vec::new());
        planes::open(task, move |bytes, out| {
            if whole {
                return decode(bytes, bytemuck::cast_slice_mut(out));
            }
            planes::join(bytes, out, &mut room, decode)
        })
    }
}

fn decode(bytes: &[u8], out: &mut [u8]) -> Result<()> {
    let length = i32::try_from(out.len())?;
    ensure!(decompress_to_buffer(bytes, Some(length), out)? == out.len(), "some words are missing");
    Ok(())
}
