//! Two ways to help a compressor of bytes: bytes of a kind side by side, and pieces that decode alone. What
//! was compressed so is read into buffers that are made once: ours are too, and fresh pages would cost more
//! than some of these decoders.

use std::ops::Range;

use anyhow::{Context, Result};

use super::{Reader, Task};

/// Lower bytes of all words, then upper bytes.
pub fn split(words: &[u16]) -> Vec<u8> {
    let lower = words.iter().map(|word| *word as u8);
    lower.chain(words.iter().map(|word| (word >> 8) as u8)).collect()
}

/// Undoes [`split`].
fn join(planes: &[u8], out: &mut [u16]) {
    let (lower, upper) = planes.split_at(planes.len() / 2);
    for ((word, low), high) in out.iter_mut().zip(lower).zip(upper) {
        *word = u16::from_le_bytes([*low, *high]);
    }
}

/// Lets `decode` write the bytes of `out`: in order, or into `room` as [`split`] laid them out.
pub fn fill(
    out: &mut [u16],
    split: bool,
    room: &mut Vec<u8>,
    decode: impl FnOnce(&mut [u8]) -> Result<()>,
) -> Result<()> {
    if !split {
        return decode(bytemuck::cast_slice_mut(out));
    }
    room.resize(2 * out.len(), 0);
    decode(room)?;
    join(room, out);
    Ok(())
}

/// Words in a piece: 64 KiB, like a chunk of ours.
pub const PIECE: usize = 1 << 15;

/// Pieces one after another, after a table of where each ends (4 bytes a piece).
pub fn pieces(words: &[u16], encode: impl FnMut(&[u16]) -> Result<Vec<u8>>) -> Result<Vec<u8>> {
    let all: Vec<Vec<u8>> = words.chunks(PIECE).map(encode).collect::<Result<_>>()?;
    let mut out = Vec::new();
    let mut end = 0;
    for piece in &all {
        end += piece.len();
        out.extend_from_slice(&u32::try_from(end)?.to_le_bytes());
    }
    all.iter().for_each(|piece| out.extend_from_slice(piece));
    Ok(out)
}

/// Where piece `number` of `count` lies in what [`pieces`] gave.
fn piece(bytes: &[u8], count: usize, number: usize) -> Result<Range<usize>> {
    let ends = bytes.get(..4 * count).context("the table of pieces")?.as_chunks::<4>().0;
    let end = |n: usize| 4 * count + u32::from_le_bytes(ends[n]) as usize;
    Ok(if number == 0 { 4 * count } else { end(number - 1) }..end(number))
}

/// Reads the file of `task`: pieces under setting `rows`, else the table as one. `decode` makes words of either.
pub fn open<D>(task: &Task<'_>, decode: D) -> Result<Box<dyn Reader>>
where
    D: FnMut(&[u8], &mut [u16]) -> Result<()> + 'static,
{
    let words = task.table.rows * task.table.dim;
    let in_pieces = task.key == "rows";
    Ok(Box::new(Opened { bytes: std::fs::read(task.file)?, words, in_pieces, room: Vec::new(), decode }))
}

struct Opened<D> {
    bytes: Vec<u8>,
    words: usize,
    in_pieces: bool,
    /// Words decoded although only some of them were asked for.
    room: Vec<u16>,
    decode: D,
}

impl<D: FnMut(&[u8], &mut [u16]) -> Result<()>> Opened<D> {
    /// Reads the words from `first` on out of the pieces they lie in.
    fn read(&mut self, first: usize, out: &mut [u16]) -> Result<()> {
        let count = self.words.div_ceil(PIECE);
        let mut done = 0;
        while done < out.len() {
            let at = first + done;
            let (number, skipped) = (at / PIECE, at % PIECE);
            let held = PIECE.min(self.words - (at - skipped));
            let coded = &self.bytes[piece(&self.bytes, count, number)?];
            let part = (held - skipped).min(out.len() - done);
            let out = &mut out[done..done + part];
            if part == held {
                (self.decode)(coded, out)?;
            } else {
                self.room.resize(held, 0);
                (self.decode)(coded, &mut self.room)?;
                out.copy_from_slice(&self.room[skipped..skipped + part]);
            }
            done += part;
        }
        Ok(())
    }
}

impl<D: FnMut(&[u8], &mut [u16]) -> Result<()>> Reader for Opened<D> {
    fn decode(&mut self, out: &mut [u16]) -> Result<()> {
        if self.in_pieces { self.read(0, out) } else { (self.decode)(&self.bytes, out) }
    }

    fn row(&mut self, id: usize, out: &mut [u16]) -> Result<()> {
        let first = id * out.len();
        if self.in_pieces {
            return self.read(first, out);
        }
        self.room.resize(self.words, 0);
        (self.decode)(&self.bytes, &mut self.room)?;
        out.copy_from_slice(&self.room[first..first + out.len()]);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Host, SETTINGS, peer};
    use super::*;
    use crate::tables::{Random, TableFile, rounded};
    use xnc::Dtype;

    /// More than two pieces, whose ends are not those of rows.
    #[test]
    fn whole_and_by_the_row() {
        let folder = tempfile::tempdir().expect("a folder");
        let (rows, dim) = (700, 100);
        let words = rounded(&Random::new(1).normals(rows * dim, 0.02), Dtype::Bf16);
        let table = TableFile::write(folder.path(), "t", Dtype::Bf16, dim, &words).expect("a table");
        let settings = SETTINGS.iter().filter(|one| one.host == Host::Rust);
        for setting in settings {
            let file = folder.path().join("compressed");
            let task = Task { table: &table, key: setting.key, file: &file };
            let peer = peer(setting.peer).expect("a peer");
            peer.store(&task, &peer.encode(&task, &words).expect("encodes")).expect("stores");
            let mut reader = peer.open(&task).expect("opens");
            let mut all = vec![1; words.len()];
            for _ in 0..2 {
                reader.decode(&mut all).expect("decodes");
                assert!(all == words, "{} {}", setting.peer, setting.key);
                for id in [0, 1, 327, 328, rows - 1] {
                    let mut row = vec![1; dim];
                    reader.row(id, &mut row).expect("reads");
                    assert_eq!(row, words[id * dim..][..dim], "{} {}, row {id}", setting.peer, setting.key);
                }
            }
        }
    }
}
