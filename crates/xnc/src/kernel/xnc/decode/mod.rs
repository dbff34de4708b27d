//! Blocks of codec `xnc` from their bits: `spec/xnc.md`, sections 3 and 4. Full blocks only; the short one at
//! a table's end is the codec's.
//!
//! With `t` the words after XOR, sections 2 and 3 come down to: bit 1 is the sign, bits 6 to 13 are the core;
//! where a mid is stored, bits 3 to 5 are the mid, inverted under a set sign, else zero; where a rest is
//! stored, bit 2 is its top bit, inverted under a set sign, and bits 14 to 16 its others, else zero. A prefix
//! XOR over the block then gives the words.

mod scalar;
#[cfg(test)]
mod tests;

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;

use crate::kernel::Backend;
use crate::kernel::backend::Isa;

/// The words of a full block.
pub type Block = [u16; 32];

/// What becomes of a decoded FP16 word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// It is the result.
    Fp16,
    /// It is an image: widened to binary32, then the upper 16 bits.
    Bf16,
}

/// Bytes that a backend may read from the byte in which a block begins; more than the largest block.
const WINDOW: usize = 88;
/// Bit offsets inside a block.
const SIGNS: usize = 33;
const CORES: usize = 65;
const MIDS: usize = 321;
/// Where rests begin in a block whose flag is 0.
const RESTS: usize = 417;

/// Decodes consecutive blocks from bit `position` of `bytes` on and returns the position behind the last.
/// None when the bytes end inside a block; what `blocks` then holds is unspecified.
pub fn decode(
    backend: Backend,
    output: Output,
    bytes: &[u8],
    position: usize,
    blocks: &mut [Block],
) -> Option<usize> {
    let run = |bytes: &[u8], position, blocks: &mut [Block]| match (backend.0, output) {
        (Isa::Scalar, Output::Fp16) => scalar::decode::<false>(bytes, position, blocks),
        (Isa::Scalar, Output::Bf16) => scalar::decode::<true>(bytes, position, blocks),
        // SAFETY: a `Backend` exists only for an instruction set that this CPU has.
        #[cfg(target_arch = "aarch64")]
        (Isa::Neon { .. }, Output::Fp16) => unsafe { neon::decode::<false>(bytes, position, blocks) },
        // SAFETY: a `Backend` exists only for an instruction set that this CPU has.
        #[cfg(target_arch = "aarch64")]
        (Isa::Neon { .. }, Output::Bf16) => unsafe { neon::decode::<true>(bytes, position, blocks) },
        // SAFETY: a `Backend` exists only for an instruction set that this CPU has.
        #[cfg(target_arch = "x86_64")]
        (Isa::Avx2, Output::Fp16) => unsafe { avx2::decode::<false>(bytes, position, blocks) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        (Isa::Avx2, Output::Bf16) => unsafe { avx2::decode::<true>(bytes, position, blocks) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        (Isa::Avx512 { .. }, Output::Fp16) => unsafe { avx512::decode::<false>(bytes, position, blocks) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        (Isa::Avx512 { .. }, Output::Bf16) => unsafe { avx512::decode::<true>(bytes, position, blocks) },
    };
    let (done, position) = run(bytes, position, blocks);
    let rest = &mut blocks[done..];
    padded(bytes, position, rest.len(), |tail, position| run(tail, position, rest))
}

/// Moves past `blocks` consecutive blocks and returns the position behind them. None when the bytes end
/// before it.
pub fn skip(backend: Backend, bytes: &[u8], position: usize, blocks: usize) -> Option<usize> {
    let run = |bytes: &[u8], position, blocks| match backend.0 {
        Isa::Scalar => scalar::skip(bytes, position, blocks),
        #[cfg(target_arch = "aarch64")]
        Isa::Neon { .. } => scalar::skip(bytes, position, blocks),
        // The portable loop, compiled with the counting instruction; AVX-512 takes it too.
        // SAFETY: a `Backend` exists only for an instruction set that this machine has; AVX-512's have AVX2.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 | Isa::Avx512 { .. } => unsafe { avx2::skip(bytes, position, blocks) },
    };
    let (done, position) = run(bytes, position, blocks);
    padded(bytes, position, blocks - done, |tail, position| run(tail, position, blocks - done))
}

/// Backends stop where less than a window is left. This runs the `blocks` that remain on a copy with zeros
/// behind it.
fn padded(
    bytes: &[u8],
    position: usize,
    blocks: usize,
    run: impl FnOnce(&[u8], usize) -> (usize, usize),
) -> Option<usize> {
    if blocks == 0 {
        return (position <= bytes.len() * 8).then_some(position);
    }
    let left = bytes.get(position / 8..)?;
    let mut tail = [0; 2 * WINDOW];
    tail[..left.len()].copy_from_slice(left);
    // A block that begins inside `left` has a whole window, so only blocks behind the end stay undone.
    let (done, end) = run(&tail, position % 8);
    (done == blocks && end <= left.len() * 8).then(|| position - position % 8 + end)
}

/// What the first bits of a block tell about all of it.
struct Head {
    flag: bool,
    selectors: u32,
    /// Size of the block.
    bits: usize,
}

/// The bytes from that in which bit `position` lies on, and the bit's place in it. None when less than a
/// window is left.
#[inline(always)]
fn window(bytes: &[u8], position: usize) -> Option<(&[u8; WINDOW], usize)> {
    Some((bytes.get(position / 8..)?.first_chunk()?, position % 8))
}

/// At least 57 bits from bit `at` of the window on.
#[inline(always)]
fn bits(window: &[u8; WINDOW], at: usize) -> u64 {
    let bytes = window[at / 8..].first_chunk().expect("fields lie inside the window");
    u64::from_le_bytes(*bytes) >> (at % 8)
}

#[inline(always)]
fn head(window: &[u8; WINDOW], shift: usize) -> Head {
    let first = bits(window, shift);
    let flag = first & 1 == 1;
    let selectors = (first >> 1) as u32;
    let set = selectors.count_ones() as usize;
    // A branch, not a choice of values: the position of the next block then waits for nothing but a load and
    // the count.
    let bits = if flag { MIDS + 3 * set } else { RESTS + 4 * set };
    Head { flag, selectors, bits }
}
