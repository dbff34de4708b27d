//! Hardware line compressors as exact bit counts: a file a scheme, each written from its paper, none from
//! another's code.
//!
//! A line is 64 bytes of a table: 32 words of 16 bits, or 16 of 32 bits as a little-endian machine reads them.
//! A model gives the bits that its scheme leaves of a line, with every tag, flag, mask and selector that a
//! decoder of that line needs. A scheme that has a raw form takes it for a line that would grow. Nothing is
//! rounded up to the segments, sectors or bursts of a real cache or memory, and no pointer to a line is
//! counted: that flatters every scheme alike, XNC included.
//!
//! The texts of most papers were out of reach while this was written: code tables are from knowledge of them,
//! compared with what public simulators do. A section has its number where that is sure, else its subject;
//! choices that a paper leaves open or that could not be looked up are said in the file of the scheme.
//!
//! Some schemes are trained. Training sees the whole table before the first line is counted, the best case for
//! them; what it leaves for the decoder ([`Model::table_bits`]) is counted once.

mod bdi;
mod bpc;
mod cpack;
mod e2mc;
mod entropy;
mod fpc;
mod fvc;
pub(crate) mod huffman;
mod survey;
mod xnc;
mod zero;

#[cfg(test)]
mod tests;

pub use bdi::Bdi;
pub use bpc::Bpc;
pub use cpack::CPack;
pub use e2mc::E2mc;
pub use fpc::Fpc;
pub use fvc::Fvc;
pub use survey::{Outcome, survey};
pub use xnc::Xnc;
pub use zero::Zero;

use rayon::prelude::*;

/// 16-bit words in a line.
pub const LINE_WORDS: usize = 32;
/// Bits of a line as it is.
pub const LINE_BITS: u32 = 16 * LINE_WORDS as u32;

/// 64 bytes of a table.
pub type Line = [u16; LINE_WORDS];

/// What a scheme is called and where it is described.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct About {
    /// Short name.
    pub name: &'static str,
    /// Authors, title or venue, year, section.
    pub paper: &'static str,
    /// What is counted beside coded data.
    pub counted: &'static str,
}

/// A scheme ready to count; what it was trained with is in it.
pub trait Model: Sync {
    /// Its name and source.
    fn about(&self) -> About;

    /// Bits that the scheme leaves of a line.
    fn bits(&self, line: &Line) -> u32;

    /// Bits of what training left for the decoder.
    fn table_bits(&self) -> u64 {
        0
    }
}

/// The cheaper of a coded line and the line as it is, told apart by one bit.
fn or_raw(coded: u32) -> u32 {
    1 + coded.min(LINE_BITS)
}

/// A line as a little-endian machine reads it in 32-bit words.
fn words_32(line: &Line) -> [u32; LINE_WORDS / 2] {
    std::array::from_fn(|i| u32::from(line[2 * i]) | u32::from(line[2 * i + 1]) << 16)
}

/// Words in memory order as signed integers of 2, 4 or 8 bytes.
fn integers(words: &[u16], bytes: usize) -> impl ExactSizeIterator<Item = i64> + '_ {
    words.chunks_exact(bytes / 2).map(move |parts| {
        let value = parts.iter().rev().fold(0, |value, &part| value << 16 | u64::from(part));
        sign_extend(value as i64, 8 * bytes as u32)
    })
}

fn sign_extend(value: i64, bits: u32) -> i64 {
    value << (64 - bits) >> (64 - bits)
}

/// Whether a value is the sign extension of its low `bits` bits.
fn fits(value: i64, bits: u32) -> bool {
    sign_extend(value, bits) == value
}

/// How often each of the 2^16 words stands in `words`.
pub(crate) fn histogram(words: &[u16]) -> Vec<u64> {
    let zeros = || vec![0; 1 << 16];
    // As many words as make a histogram small beside them.
    let parts = words.par_chunks(1 << 21).fold(zeros, |mut counts, part| {
        part.iter().for_each(|&word| counts[usize::from(word)] += 1);
        counts
    });
    parts.reduce(zeros, |mut counts, more| {
        counts.iter_mut().zip(more).for_each(|(n, m)| *n += m);
        counts
    })
}
