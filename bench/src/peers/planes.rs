//! Two ways to help a compressor of bytes: exponents apart, and pieces that decode alone. What was compressed so
//! is read into buffers that are made once: ours are too, and fresh pages would cost more than some of these
//! decoders.

use std::ops::Range;

use anyhow::{Context, Result};

use super::{Reader, Task};

/// Sign and mantissa of all words as they are, then what `encode` makes of all exponents. No general compressor gains
/// on the former (zstd 19: 1.0000x), and coding both together costs it a tenth of the ratio.
pub fn apart(words: &[u16], encode: impl FnOnce(&[u8]) -> Result<Vec<u8>>) -> Result<Vec<u8>> {
    // One bit to the left: the eight bits of a BF16 exponent are the upper byte.
    let mut out: Vec<u8> = words.iter().map(|word| word.rotate_left(1) as u8).collect();
    let exponents: Vec<u8> = words.iter().map(|word| (word.rotate_left(1) >> 8) as u8).collect();
    out.extend_from_slice(&encode(&exponents)?);
    Ok(out)
}

/// Undoes [`apart`]; `decode` writes the exponents into `room`.
pub fn join(
    bytes: &[u8],
    out: &mut [u16],
    room: &mut Vec<u8>,
    decode: impl FnOnce(&[u8], &mut [u8]) -> Result<()>,
) -> Result<()> {
    let (others, coded) = bytes.split_at_checked(out.len()).context("some words are missing")?;
    room.resize(out.len(), 0);
    decode(coded, room)?;
    for ((word, other), exponent) in out.iter_mut().zip(others).zip(&*room) {
        *word = u16::from_le_bytes([*other, *exponent]).rotate_right(1);
    }
    Ok(())
}

/// Words in a piece under a setting; none where the table is one.
pub fn piece_words(task: &Task<'_>) -> Option<usize> {
    match task.key {
        "rows" => Some(task.table.dim),
        "4k" => Some(1 << 11),
        "64k" => Some(1 << 15),
        _ => None,
    }
}

/// Encodes the table as one, or by the piece: pieces one after another, after a table of where each ends (4 bytes a
/// piece).
pub fn encode(
    task: &Task<'_>,
    words: &[u16],
    mut encode: impl FnMut(&[u16]) -> Result<Vec<u8>>,
) -> Result<Vec<u8>> {
    let Some(piece) = piece_words(task) else { return encode(words) };
    let all: Vec<Vec<u8>> = words.chunks(piece).map(encode).collect::<Result<_>>()?;
    let mut out = Vec::new();
    let mut end = 0;
    for piece in &all {
        end += piece.len();
        out.extend_from_slice(&u32::try_from(end)?.to_le_bytes());
    }
    all.iter().for_each(|piece| out.extend_from_slice(piece));
    Ok(out)
}

/// Where piece `number` of `count` lies in what [`encode`] gave.
fn piece(bytes: &[u8], count: usize, number: usize) -> Result<Range<usize>> {
    let ends = bytes.get(..4 * count).context("the table of pieces")?.as_chunks::<4>().0;
    let end = |n: usize| 4 * count + u32::from_le_bytes(ends[n]) as usize;
    Ok(if number == 0 { 4 * count } else { end(number - 1) }..end(number))
}

/// Reads the file of `task`, whatever its setting. `decode` makes words of a piece, or of all.
pub fn open<D>(task: &Task<'_>, decode: D) -> Result<Box<dyn Reader>>
where
    D: FnMut(&[u8], &mut [u16]) -> Result<()> + 'static,
{
    let words = task.table.rows * task.table.dim;
    let bytes = std::fs::read(task.file)?;
    Ok(Box::new(Opened { bytes, words, piece: piece_words(task), room: Vec::new(), decode }))
}

struct Opened<D> {
    bytes: Vec<u8>,
    words: usize,
    /// Words in a piece.
    piece: Option<usize>,
    /// Words decoded although only some of them were asked for.
    room: Vec<u16>,
    decode: D,
}

impl<D: FnMut(&[u8], &mut [u16]) -> Result<()>> Opened<D> {
    /// Reads the words from `first` on out of the pieces of `size` words that they lie in.
    fn read(&mut self, size: usize, first: usize, out: &mut [u16]) -> Result<()> {
        let count = self.words.div_ceil(size);
        let mut done = 0;
        while done < out.len() {
            let at = first + done;
            let (number, skipped) = (at / size, at % size);
            let held = size.min(self.words - (at - skipped));
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
        match self.piece {
            Some(size) => self.read(size, 0, out),
            None => (self.decode)(&self.bytes, out),
        }
    }

    fn row(&mut self, id: usize, out: &mut [u16]) -> Result<()> {
        let first = id * out.len();
        if let Some(size) = self.piece {
            return self.read(size, first, out);
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
