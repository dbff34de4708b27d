//! zstd: the general-purpose compressor that most formats have.

use anyhow::{Result, bail};
use zstd::bulk::{Compressor, Decompressor};
use zstd::zstd_safe::{CParameter, Strategy};

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
            "best" => "exponents apart, level 19",
            "rows" => "a piece a row, exponents apart, its Huffman coder alone",
            "4k" => "pieces of 4 KiB, exponents apart, its Huffman coder alone",
            "64k" => "pieces of 64 KiB, exponents apart, its Huffman coder alone",
            _ => bail!("no setting `{key}`"),
        })
    }

    fn encode(&self, task: &Task<'_>, words: &[u16]) -> Result<Encoded> {
        let mut compressor = compressor(task.key)?;
        if task.key == "default" {
            return Ok(Encoded::Bytes(compressor.compress(bytemuck::cast_slice(words))?));
        }
        let bytes = planes::encode(task, words, |words| {
            planes::apart(words, |exponents| Ok(compressor.compress(exponents)?))
        })?;
        Ok(Encoded::Bytes(bytes))
    }

    fn open(&self, task: &Task<'_>) -> Result<Box<dyn Reader>> {
        let whole = task.key == "default";
        let (mut decompressor, mut room) = (Decompressor::new()?, Vec::new());
        planes::open(task, move |bytes, out| {
            let mut decode = |bytes: &[u8], out: &mut [u8]| {
                decompressor.decompress_to_buffer(bytes, out)?;
                Ok(())
            };
            if whole {
                return decode(bytes, bytemuck::cast_slice_mut(out));
            }
            planes::join(bytes, out, &mut room, decode)
        })
    }
}

fn compressor(key: &str) -> Result<Compressor<'static>> {
    let level = match key {
        "default" => 3,
        "best" => 19,
        // Exponents repeat by chance. Lower levels take such matches, which costs them 5 % of the ratio and half the
        // speed; 64 places to remember and 7 bytes at least leave hardly any.
        _ => 1,
    };
    let mut compressor = Compressor::new(level)?;
    if level == 1 {
        compressor.set_parameter(CParameter::Strategy(Strategy::ZSTD_fast))?;
        compressor.set_parameter(CParameter::HashLog(6))?;
        compressor.set_parameter(CParameter::MinMatch(7))?;
        compressor.set_parameter(CParameter::ContentSizeFlag(false))?;
    }
    Ok(compressor)
}
