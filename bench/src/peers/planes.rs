//! Two ways to help a compressor of bytes: bytes of a kind side by side, and pieces that decode alone.

use std::ops::Range;

use anyhow::{Context, Result};

/// Lower bytes of all words, then upper bytes.
pub fn split(words: &[u16]) -> Vec<u8> {
    let lower = words.iter().map(|word| *word as u8);
    lower.chain(words.iter().map(|word| (word >> 8) as u8)).collect()
}

/// Undoes [`split`].
pub fn join(planes: &[u8], out: &mut [u16]) {
    let (lower, upper) = planes.split_at(planes.len() / 2);
    for ((word, low), high) in out.iter_mut().zip(lower).zip(upper) {
        *word = u16::from_le_bytes([*low, *high]);
    }
}

/// Words from their bytes, in order or as [`split`] laid them out.
pub fn words(bytes: &[u8], split: bool, out: &mut [u16]) {
    if split {
        return join(bytes, out);
    }
    for (word, pair) in out.iter_mut().zip(bytes.as_chunks::<2>().0) {
        *word = u16::from_le_bytes(*pair);
    }
}

/// A row of a table that decodes only whole.
pub fn row_of_whole(
    words: usize,
    id: usize,
    out: &mut [u16],
    decode: impl FnOnce(&mut [u16]) -> Result<()>,
) -> Result<()> {
    let mut all = vec![0; words];
    decode(&mut all)?;
    out.copy_from_slice(&all[id * out.len()..][..out.len()]);
    Ok(())
}

/// Words in a piece: 64 KiB, like a chunk of ours.
pub const PIECE: usize = 1 << 15;

/// Pieces one after another, after a table of where each ends (4 bytes a piece).
pub fn pieces(words: &[u16], encode: impl Fn(&[u16]) -> Result<Vec<u8>>) -> Result<Vec<u8>> {
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
pub fn piece(bytes: &[u8], count: usize, number: usize) -> Result<Range<usize>> {
    let ends = bytes.get(..4 * count).context("the table of pieces")?.as_chunks::<4>().0;
    let end = |n: usize| 4 * count + u32::from_le_bytes(ends[n]) as usize;
    Ok(if number == 0 { 4 * count } else { end(number - 1) }..end(number))
}

/// Reads the words from `first` on out of the pieces they lie in.
pub fn read(
    bytes: &[u8],
    words: usize,
    first: usize,
    out: &mut [u16],
    decode: impl Fn(&[u8], &mut [u16]) -> Result<()>,
) -> Result<()> {
    let count = words.div_ceil(PIECE);
    let mut whole = vec![0; PIECE];
    let mut done = 0;
    while done < out.len() {
        let at = first + done;
        let number = at / PIECE;
        let start = number * PIECE;
        let held = PIECE.min(words - start);
        decode(&bytes[piece(bytes, count, number)?], &mut whole[..held])?;
        let part = (start + held - at).min(out.len() - done);
        out[done..done + part].copy_from_slice(&whole[at - start..at - start + part]);
        done += part;
    }
    Ok(())
}
