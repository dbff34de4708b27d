//! Hardware line compressors as exact bit counts: a file a scheme, each written from its paper.
//!
//! A line is 64 bytes: 32 words of 16 bits, or 16 of 32 bits as a little-endian machine reads them.
//! Nothing is rounded to segments, sectors or bursts, as a cache or a memory bus would have to: every count here
//! flatters its scheme, XNC included.

pub mod zero;

/// 16-bit words in a line.
pub const LINE_WORDS: usize = 32;
/// Bits of a line as it is.
pub const LINE_BITS: u32 = 16 * LINE_WORDS as u32;

/// 64 bytes of a table.
pub type Line = [u16; LINE_WORDS];

/// A scheme that is ready to count; what it was trained with is in it.
pub trait Model: Sync {
    /// Bits that the scheme leaves of a line: its tag, flags and selectors included.
    fn bits(&self, line: &Line) -> u32;
}
