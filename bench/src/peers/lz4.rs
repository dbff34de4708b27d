//! LZ4: the compressor that decodes fastest of the common ones. It finds repeated bytes and has no entropy coder.

use anyhow::{Result, bail};
use lz4::block::{CompressionMode, compress, decompress};

use super::planes;
use super::{Peer, Reader, Task};

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

    fn encode(&self, task: &Task<'_>, words: &[u16]) -> Result<Vec<u8>> {
        Ok(match task.key {
            "default" => compress(xnc::kernel::bytes_of(words), None, false)?,
            _ => compress(&planes::split(words), Some(CompressionMode::HIGHCOMPRESSION(12)), false)?,
        })
    }

    fn open(&self, task: &Task<'_>) -> Result<Box<dyn Reader>> {
        let bytes = std::fs::read(task.file)?;
        Ok(Box::new(Opened { bytes, words: task.table.rows * task.table.dim, split: task.key == "best" }))
    }
}

struct Opened {
    bytes: Vec<u8>,
    words: usize,
    split: bool,
}

impl Reader for Opened {
    fn decode(&mut self, out: &mut [u16]) -> Result<()> {
        let bytes = decompress(&self.bytes, Some(i32::try_from(2 * self.words)?))?;
        planes::words(&bytes, self.split, out);
        Ok(())
    }

    fn row(&mut self, id: usize, out: &mut [u16]) -> Result<()> {
        planes::row_of_whole(self.words, id, out, |all| self.decode(all))
    }
}
