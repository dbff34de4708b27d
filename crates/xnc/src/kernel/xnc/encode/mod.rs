//! Blocks of codec `xnc` into their bits, and FP16 images of BF16 words: `spec/xnc.md`, sections 2 to 4. Full
//! blocks only.
//!
//! With `t` the words after XOR and `u` after NOT: a word fails when `t & 0x4007` is not zero, and needs its
//! mid when `t & 0x3800` is not. What follows the flag is whole bytes but for mids and rests, so a block is
//! put together at byte boundaries and shifted once.

mod scalar;
#[cfg(all(test, feature = "threads"))]
mod tests;

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;

use crate::kernel::Backend;
use crate::kernel::backend::Isa;
use crate::kernel::xnc::decode::Block;

/// Bit 2 and bits 14 to 16: zero in `t` where a word passes.
const REST_MASK: u16 = 0x4007;
/// Bits 3 to 5: zero in `t` where a word needs no mid.
const MID_MASK: u16 = 0x3800;

/// Bytes that [`encode`] may write for so many blocks, from the byte on in which the first begins.
pub const fn room(blocks: usize) -> usize {
    // 545 bits a block, not aligned, and what is stored behind the last one.
    69 * blocks + 8
}

/// Encodes consecutive blocks from bit `position` of `bytes` on and returns the position behind the last.
/// Bits before `position` stay; those behind the result are zero in its byte and unspecified in later ones.
///
/// # Panics
/// If `bytes` ends less than [`room`] behind the byte of `position`.
pub fn encode(backend: Backend, blocks: &[Block], bytes: &mut [u8], position: usize) -> usize {
    assert!(bytes.len() >= position / 8 + room(blocks.len()), "a run of blocks needs its room");
    match backend.0 {
        Isa::Scalar => scalar::encode(blocks, bytes, position),
        // SAFETY: a `Backend` exists only for an instruction set that this CPU has.
        #[cfg(target_arch = "aarch64")]
        Isa::Neon { .. } => unsafe { neon::encode(blocks, bytes, position) },
        // SAFETY: a `Backend` exists only for an instruction set that this CPU has.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => unsafe { avx2::encode(blocks, bytes, position) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 { .. } => unsafe { avx512::encode(blocks, bytes, position) },
    }
}

/// Kinds of the words of a block, bit i for word i.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Classes {
    /// Words that do not pass.
    pub failing: u32,
    /// Words whose bits 3 to 5 are not all equal to bit 1, passing or not.
    pub with_mid: u32,
}

/// Classifies the words of a block.
pub fn classify(backend: Backend, block: &Block) -> Classes {
    match backend.0 {
        Isa::Scalar => scalar::classify(block),
        // SAFETY: a `Backend` exists only for an instruction set that this CPU has.
        #[cfg(target_arch = "aarch64")]
        Isa::Neon { .. } => unsafe { neon::classify(block) },
        // AVX-512 takes AVX2's loop.
        // SAFETY: a `Backend` exists only for an instruction set that this machine has; AVX-512's have AVX2.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 | Isa::Avx512 { .. } => unsafe { avx2::classify(block) },
    }
}

/// Writes the FP16 images of BF16 words, and for each block whether all its words come back from them.
///
/// # Panics
/// If the lengths differ.
pub fn images(backend: Backend, blocks: &[Block], images: &mut [Block], survives: &mut [bool]) {
    assert!(blocks.len() == images.len() && blocks.len() == survives.len());
    for ((block, image), survives) in blocks.iter().zip(images).zip(survives) {
        *survives = match backend.0 {
            Isa::Scalar => scalar::image(block, image),
            // SAFETY: a `Backend` exists only for an instruction set that this CPU has.
            #[cfg(target_arch = "aarch64")]
            Isa::Neon { .. } => unsafe { neon::image(block, image) },
            // AVX-512 takes AVX2's loop.
            // SAFETY: a `Backend` exists only for an instruction set that this machine has; AVX-512's have
            // AVX2.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 | Isa::Avx512 { .. } => unsafe { avx2::image(block, image) },
        };
    }
}

/// The fields of a block, each from bit 0 on.
struct Fields {
    signs: u32,
    cores: [u64; 4],
    mids: u128,
    rests: u128,
}

impl Classes {
    /// The flag, the selectors, and the size of the block.
    #[inline(always)]
    fn head(self) -> (bool, u32, usize) {
        if self.failing == 0 {
            (true, self.with_mid, 321 + 3 * self.with_mid.count_ones() as usize)
        } else {
            (false, self.failing, 417 + 4 * self.failing.count_ones() as usize)
        }
    }

    /// The words that store a mid.
    #[inline(always)]
    fn mids(self) -> u32 {
        if self.failing == 0 { self.with_mid } else { u32::MAX }
    }
}

/// Writes a block at a bit position and returns that behind it.
#[inline(always)]
fn put(bytes: &mut [u8], position: usize, classes: Classes, fields: &Fields) -> usize {
    let (flag, selectors, bits) = classes.head();
    let (first, shift) = (position / 8, position % 8);
    let bytes: &mut [u8; 69] = bytes[first..].first_chunk_mut().expect("the room was asserted");
    let before = bytes[0] & !(u8::MAX << shift) | u8::from(flag) << shift;
    let head = u64::from(selectors) | u64::from(fields.signs) << 32;
    let [c0, c1, c2, c3] = fields.cores;
    let whole = [head, c0, c1, c2, c3, fields.mids as u64, (fields.mids >> 64) as u64];
    // The flag comes before whole bytes, so they move by one more: by 8 at most.
    let mut carried = u64::from(before);
    for (to, lane) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(whole) {
        *to = (lane << (shift + 1) | carried).to_le_bytes();
        carried = lane >> (63 - shift);
    }
    if !flag {
        put_rests(bytes, shift, fields.rests);
    }
    position + bits
}

/// Writes rests behind mids of which all are there, given the bytes of the block and the bit in which it
/// begins.
#[inline(always)]
fn put_rests(bytes: &mut [u8; 69], shift: usize, rests: u128) {
    let (mids, from) = (u128::from(bytes[52]), shift + 1);
    bytes[52..68].copy_from_slice(&(rests << from | mids).to_le_bytes());
    bytes[68] = (rests >> (128 - from)) as u8;
}
