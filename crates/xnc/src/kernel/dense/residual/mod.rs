//! Decodes rows of the `dense` codec: prediction from the columns, from the row's own earlier dimensions and
//! from other rows, and the residual by rANS. Every step is 32-bit integer arithmetic that wraps;
//! `spec/dense.md` defines it to the bit.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
mod scalar;
mod scratch;
mod tables;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod vectors;

use crate::kernel::Backend;
use crate::kernel::backend::Isa;
pub use scratch::Scratch;
pub use tables::{Column, Tables};

/// Pieces of the residual's distribution on either side of zero, each an eighth of a deviation wide.
pub const PIECES: usize = 64;
/// Most rows that one row may refer to.
pub const REFS: usize = 3;
/// Most that the magnitudes of a row's weights add up to, so that weighted innovations fit 16 bits.
pub const WEIGHTS: i32 = 254;
/// Largest innovation, in sixteenths of the row's scale.
pub const INNOVATION_LIMIT: i32 = 127;

/// A row's own parameters.
#[derive(Clone, Copy, Default, Debug, PartialEq)]
pub struct Head {
    /// Residual scale in eighths of an octave.
    pub scale: u8,
    /// Octaves by which the innovation's scale exceeds the residual's.
    pub lift: u8,
    /// Weights of the reference rows in 1/32.
    pub weights: [i8; REFS],
}

impl Head {
    /// Sum of the weights' magnitudes.
    pub fn weighs(&self) -> i32 {
        self.weights.iter().map(|&w| i32::from(w).abs()).sum()
    }
}

/// Mantissas of the eight row scales of an octave: `round(2^14 * 2^(i/8))`.
pub const SCALE: [i32; 8] = [16384, 17867, 19484, 21247, 23170, 25268, 27554, 30048];
/// Their reciprocals: `floor(2^28 / SCALE[i])`.
pub const INVERSE: [i32; 8] = [16384, 15024, 13777, 12633, 11585, 10623, 9742, 8933];

/// One row to decode: the coder's state after the head, the words that follow, and where it goes.
#[derive(Clone, Copy)]
pub struct Lane<'a> {
    /// The row's parameters.
    pub head: Head,
    /// The coder's state.
    pub state: u32,
    /// Coder words not read yet, two bytes each.
    pub stream: &'a [u8],
    /// Innovations of the reference rows; empty where the row has fewer.
    pub refs: [&'a [i8]; REFS],
}

impl<'a> Lane<'a> {
    /// A row that is to be encoded.
    pub fn given(head: Head, refs: [&'a [i8]; REFS]) -> Lane<'a> {
        Lane { head, state: 0, stream: &[], refs }
    }

    /// Whether head and references are what loops may be given.
    fn fits(&self, dim: usize) -> bool {
        let Head { scale, lift, .. } = self.head;
        let refs = self.refs.iter().all(|r| r.is_empty() || r.len() == dim);
        scale < 128 && lift < 8 && self.head.weighs() <= WEIGHTS && refs
    }
}

/// One row to encode.
pub struct Given<'a> {
    /// The row's parameters and references; state and stream are of no account.
    pub lane: Lane<'a>,
    /// Its words.
    pub words: &'a [u16],
    /// Receives its innovations, unless it is empty.
    pub innovations: &'a mut [i8],
    /// Receives the slots of its words, unless it is empty.
    pub slots: Slots<'a>,
}

/// Which slots of the coder the words of a row own, and what else is coded of them.
#[derive(Default)]
pub struct Slots<'a> {
    /// The first slot, and above [`SLOT_BITS`] their number less one.
    pub ranges: &'a mut [u32],
    /// How many of the word's low bits follow as plain bits, and above [`PLAIN_BITS`] the piece of the
    /// distribution that the residual lies in, or [`PIECES`] where it lies in none.
    pub rest: &'a mut [u16],
}

/// Bits of a first slot in [`Slots::ranges`].
pub const SLOT_BITS: u32 = 16;
/// Bits of a number of bits in [`Slots::rest`].
pub const PLAIN_BITS: u32 = 8;

impl Slots<'_> {
    /// Whether slots are asked for.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }
}

/// Predicts rows whose words are known, as decoding will, and finds what is coded of each word. Fastest with
/// 64 rows or more in a call.
///
/// # Panics
/// As [`decode`].
pub fn encode(backend: Backend, tables: &Tables, rows: &mut [Given<'_>], scratch: &mut Scratch) {
    let dim = tables.dim();
    for Given { lane, words, innovations, slots } in rows.iter() {
        assert!(words.len() == dim && (innovations.is_empty() || innovations.len() == dim));
        assert!(slots.is_empty() || slots.ranges.len() == dim);
        assert!(slots.rest.len() == slots.ranges.len());
        assert!(lane.fits(dim));
    }
    assert!(scratch.fits(backend, dim, rows.len()));
    match backend.0 {
        Isa::Scalar => rows.iter_mut().for_each(|row| scalar::encode(tables, row, &mut scratch.row)),
        // An encoder for ARM would gain as much; so far rows go one by one.
        #[cfg(target_arch = "aarch64")]
        Isa::Neon { .. } => rows.iter_mut().for_each(|row| scalar::encode(tables, row, &mut scratch.row)),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 | Isa::Avx512 { .. } => match &mut scratch.side {
            Some(side) => {
                // SAFETY: as below.
                let vnni: avx2::Far = |t, j, seen| unsafe { avx512::far_of_eights(t, j, seen) };
                let far = matches!(backend.0, Isa::Avx512 { .. }).then_some(vnni);
                rows.chunks_mut(avx2::ROWS).for_each(|rows| {
                    // SAFETY: a `Backend` exists only for an instruction set that this machine has; AVX-512's have
                    // AVX2.
                    unsafe { avx2::encode(tables, rows, side, far) }
                })
            }
            None => rows.iter_mut().for_each(|row| scalar::encode(tables, row, &mut scratch.row)),
        },
    }
}

/// Decodes rows: `words[i]` receives row `i`, and `innovations[i]` its innovations unless it is empty.
/// Returns whether every row ended exactly where its stream does. Fastest with 64 rows or more in a call.
///
/// # Panics
/// If lengths differ, `scratch` does not fit the backend, the dimension and the number of rows, or a head
/// holds a scale above 127, a lift above 7 or weights above [`WEIGHTS`].
pub fn decode(
    backend: Backend,
    tables: &Tables,
    lanes: &[Lane<'_>],
    words: &mut [&mut [u16]],
    innovations: &mut [&mut [i8]],
    scratch: &mut Scratch,
) -> bool {
    let dim = tables.dim();
    assert!(words.len() == lanes.len() && innovations.len() == lanes.len());
    assert!(words.iter().all(|w| w.len() == dim));
    assert!(innovations.iter().all(|e| e.is_empty() || e.len() == dim));
    assert!(lanes.iter().all(|l| l.fits(dim)));
    assert!(scratch.fits(backend, dim, lanes.len()));
    match backend.0 {
        Isa::Scalar => alone(backend, tables, lanes, words, innovations, &mut scratch.row),
        #[cfg(target_arch = "aarch64")]
        Isa::Neon { .. } if !vectors::suit(dim, lanes.len()) => {
            alone(backend, tables, lanes, words, innovations, &mut scratch.row)
        }
        #[cfg(target_arch = "aarch64")]
        Isa::Neon { dotprod, .. } => {
            side_by_side(neon::ROWS, lanes, words, innovations, scratch, |lanes, words, innovations, side| {
                // SAFETY: a `Backend` exists only for an instruction set that this machine has, and says
                // whether it has `sdot`.
                unsafe {
                    match dotprod {
                        true => neon::decode::<true>(tables, lanes, words, innovations, side),
                        false => neon::decode::<false>(tables, lanes, words, innovations, side),
                    }
                }
            })
        }
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 | Isa::Avx512 { .. } if !vectors::suit(dim, lanes.len()) => {
            alone(backend, tables, lanes, words, innovations, &mut scratch.row)
        }
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => {
            side_by_side(avx2::ROWS, lanes, words, innovations, scratch, |lanes, words, innovations, side| {
                // SAFETY: a `Backend` exists only for an instruction set that this machine has.
                unsafe { avx2::decode(tables, lanes, words, innovations, side) }
            })
        }
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 { .. } => {
            side_by_side(
                vectors::LANES,
                lanes,
                words,
                innovations,
                scratch,
                |lanes, words, innovations, side| {
                    // SAFETY: as above.
                    unsafe { avx512::decode(tables, lanes, words, innovations, side) }
                },
            )
        }
    }
}

/// Rows one after another.
fn alone(
    backend: Backend,
    tables: &Tables,
    lanes: &[Lane<'_>],
    words: &mut [&mut [u16]],
    innovations: &mut [&mut [i8]],
    row: &mut [i16],
) -> bool {
    let mut whole = true;
    for ((lane, words), innovations) in lanes.iter().zip(words).zip(innovations) {
        whole &= match backend.0 {
            Isa::Scalar => scalar::decode(tables, lane, words, innovations, row),
            // The compiler does as well for it.
            #[cfg(target_arch = "aarch64")]
            Isa::Neon { .. } => scalar::decode(tables, lane, words, innovations, row),
            // SAFETY: a `Backend` exists only for an instruction set that this machine has; AVX-512's have AVX2.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 | Isa::Avx512 { .. } => unsafe {
                avx2::decode_alone(tables, lane, words, innovations, row)
            },
        };
    }
    whole
}

/// `most` rows at a time, which is what a loop takes.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn side_by_side(
    most: usize,
    lanes: &[Lane<'_>],
    words: &mut [&mut [u16]],
    innovations: &mut [&mut [i8]],
    scratch: &mut Scratch,
    mut run: impl FnMut(&[Lane<'_>], &mut [&mut [u16]], &mut [&mut [i8]], &mut vectors::scratch::Side) -> bool,
) -> bool {
    let side = scratch.side.as_mut().expect("the scratch was found to fit");
    let parts = lanes.chunks(most).zip(words.chunks_mut(most));
    let mut whole = true;
    for ((lanes, words), innovations) in parts.zip(innovations.chunks_mut(most)) {
        whole &= run(lanes, words, innovations, side);
    }
    whole
}
