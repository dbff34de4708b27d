//! zstd: the general-purpose compressor that most formats have.

use anyhow::{Result, bail};

use super::planes;
use super::{Peer, Reader, Task};

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

    fn encode(&self, task: &Task<'_>, words: &[u16]) -> Result<Vec<u8>> {
        Ok(match task.key {
            "default" => zstd::bulk::compress(xnc::kernel::bytes_of(words), 3)?,
            "best" => zstd::bulk::compress(&planes::split(words), 19)?,
            _ => planes::pieces(words, |words| Ok(zstd::bulk::compress(&planes::split(words), 3)?))?,
        })
    }

    fn open(&self, task: &Task<'_>) -> Result<Box<dyn Reader>> {
        Ok(Box::new(Opened {
            bytes: std::fs::read(task.file)?,
            words: task.table.rows * task.table.dim,
            split: task.key != "default",
            pieces: task.key == "rows",
        }))
    }
}

struct Opened {
    bytes: Vec<u8>,
    words: usize,
    split: bool,
    pieces: bool,
}

impl Opened {
    fn read(&self, first: usize, out: &mut [u16]) -> Result<()> {
        planes::read(&self.bytes, self.words, first, out, |piece, out| {
            planes::join(&zstd::bulk::decompress(piece, 2 * out.len())?, out);
            Ok(())
        })
    }
}

impl Reader for Opened {
    fn decode(&mut self, out: &mut [u16]) -> Result<()> {
        if self.pieces {
            return self.read(0, out);
        }
        let bytes = zstd::bulk::decompress(&self.bytes, 2 * self.words)?;
        planes::words(&bytes, self.split, out);
        Ok(())
    }

    fn row(&mut self, id: usize, out: &mut [u16]) -> Result<()> {
        if self.pieces {
            return self.read(id * out.len(), out);
        }
        planes::row_of_whole(self.words, id, out, |all| self.decode(all))
    }
}
