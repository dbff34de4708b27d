//! Coded rows times activations, without a row ever being written: what [`crate::kernel::dot`] gives on their
//! words.
//!
//! Biases are added in the loop, or left out of it: [`Scale`] says when.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod scalar;
mod scale;
#[cfg(target_arch = "x86_64")]
mod scaled;
#[cfg(target_arch = "x86_64")]
mod seen;

use std::ops::RangeInclusive;

pub use scale::Scale;

use super::row::{RowShape, Symbols, WordSplit, coded};
use crate::kernel::Backend;
use crate::kernel::backend::Isa;

/// An exception as a row lists it: column, upper byte.
type Exception = [u8; 3];

/// What the rows of a table share.
#[derive(Clone, Copy)]
pub struct Shared<'a> {
    /// Their extent.
    pub shape: RowShape,
    /// What their codes mean.
    pub symbols: Symbols<'a>,
    /// The biases as factors, where they have such.
    #[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))] // the portable loop adds biases
    pub scale: Option<&'a Scale>,
}

/// One vector of activations, ready for the rows of a table, in the loop of a backend.
#[derive(Clone)]
pub struct Fused {
    shape: RowShape,
    upper: [u8; 16],
    /// Upper bytes, without sign, of the words that the loop multiplies right.
    exact: RangeInclusive<u8>,
    pass: Pass,
}

/// What each loop takes.
#[derive(Clone)]
enum Pass {
    Scalar(scalar::Desk<f32>),
    ScalarBf16(scalar::Desk<u16>),
    #[cfg(target_arch = "x86_64")]
    Avx2(avx2::Desk),
    #[cfg(target_arch = "x86_64")]
    Avx512(avx512::Desk<f32>),
    #[cfg(target_arch = "x86_64")]
    Avx512Scaled(avx512::Desk<avx512::Scaled>),
    #[cfg(target_arch = "x86_64")]
    Avx512Bf16(avx512::Desk<u16>),
}

/// Some coded rows that follow each other.
#[derive(Clone, Copy)]
pub struct Rows<'a> {
    /// What they lie in, with [`RowShape::reach`] bytes from every beginning on.
    pub payload: &'a [u8],
    /// Where each begins, and where the last one ends.
    pub at: &'a [usize],
}

/// Every upper byte without its sign.
const ANY: RangeInclusive<u8> = 0..=0x7f;

impl Fused {
    /// For F32 activations. `None` where rows have a tail, or hold native FP16 words: no backend has a loop
    /// for them.
    ///
    /// # Panics
    /// If `x` is not one vector.
    pub fn f32(backend: Backend, table: Shared<'_>, x: &[f32]) -> Option<Fused> {
        let Symbols { upper, bias } = table.symbols;
        assert!(x.len() == table.shape.dim && bias.len() == table.shape.dim);
        if !table.whole() {
            return None;
        }
        let (exact, pass) = match backend.0 {
            Isa::Scalar => (ANY, Pass::Scalar(scalar::Desk::new(x, bias))),
            // Biases are added: leaving them out is no faster.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => (ANY, Pass::Avx2(avx2::Desk::f32(x, bias))),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 { .. } => {
                let scale = table.scale.filter(|scale| scale.suits(upper));
                match scale.and_then(|scale| Some((scale.exact.clone(), scale.f32(x)?))) {
                    Some((exact, x)) => (exact, Pass::Avx512Scaled(avx512::Desk::scaled(backend, &x))),
                    None => (ANY, Pass::Avx512(avx512::Desk::f32(backend, x, bias))),
                }
            }
        };
        Some(Fused { shape: table.shape, upper: *upper, exact, pass })
    }

    /// For BF16 activations and the arithmetic of `vdpbf16ps`. `None` as for [`Fused::f32`], and where a
    /// backend's loop needs the biases out of its way and a word with a code or an activation is not exact
    /// without them.
    ///
    /// # Panics
    /// If `x` is not one vector.
    pub fn bf16(backend: Backend, table: Shared<'_>, x: &[u16]) -> Option<Fused> {
        let Symbols { upper, bias } = table.symbols;
        assert!(x.len() == table.shape.dim && bias.len() == table.shape.dim);
        if !table.whole() {
            return None;
        }
        let (exact, pass) = match backend.0 {
            Isa::Scalar => (ANY, Pass::ScalarBf16(scalar::Desk::new(x, bias))),
            // AVX-512 without `vdpbf16ps` takes AVX2's emulation of it, as plain rows do.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 | Isa::Avx512 { bf16: false } => {
                let scale = table.scale?;
                let x = scale.bf16(x)?;
                let from = avx2::least_upper(&x).max(*scale.exact.start());
                (from..=*scale.exact.end(), Pass::Avx2(avx2::Desk::bf16(&x)))
            }
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 { bf16: true } => {
                let scale = table.scale?;
                (scale.exact.clone(), Pass::Avx512Bf16(avx512::Desk::bf16(&scale.bf16(x)?)))
            }
        };
        coded(upper).all(|upper| exact.contains(&upper)).then_some(Fused {
            shape: table.shape,
            upper: *upper,
            exact,
            pass,
        })
    }

    /// `out` becomes each row times the activations; rows that this cannot do are added to `left`, by their
    /// place in `rows`: plain ones, ones that no encoder makes, and ones with an exception that is not exact.
    ///
    /// # Panics
    /// If a row is nearer than [`RowShape::reach`] to the end of the payload, or lengths differ.
    pub fn times(&mut self, rows: Rows<'_>, out: &mut [f32], left: &mut Vec<usize>) {
        let Fused { shape, upper, exact, pass } = self;
        assert_eq!(rows.at.len(), out.len() + 1);
        // A row that is left is multiplied too, with whatever words its bytes give; the caller writes over
        // that.
        let listed = |i: usize| {
            let listed = rows.listed(*shape, exact, i);
            if listed.is_none() {
                left.push(i);
            }
            listed.unwrap_or_default()
        };
        match pass {
            Pass::Scalar(desk) => scalar::rows(*shape, upper, rows, listed, desk, out),
            Pass::ScalarBf16(desk) => scalar::rows(*shape, upper, rows, listed, desk, out),
            // SAFETY: a `Backend` exists only for an instruction set that this machine has, and a `Pass` is
            // made for one.
            #[cfg(target_arch = "x86_64")]
            Pass::Avx2(desk) => unsafe { avx2::rows(*shape, upper, exact.clone(), rows, listed, desk, out) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Pass::Avx512(desk) => unsafe {
                avx512::rows(*shape, upper, exact.clone(), rows, listed, desk, out)
            },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Pass::Avx512Scaled(desk) => unsafe {
                avx512::rows(*shape, upper, exact.clone(), rows, listed, desk, out)
            },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Pass::Avx512Bf16(desk) => unsafe {
                avx512::rows(*shape, upper, exact.clone(), rows, listed, desk, out)
            },
        }
    }
}

impl Shared<'_> {
    /// Whether rows are what the loops take: BF16 words, in full groups.
    fn whole(&self) -> bool {
        self.shape.tail() == 0 && self.shape.split == WordSplit::Bf16 && self.shape.dim > 0
    }
}

/// The exceptions of a row, and the upper bytes that the spare code gets by them, without sign and with it.
#[derive(Clone, Copy, Default)]
struct Listed<'a> {
    exceptions: &'a [Exception],
    #[cfg_attr(
        not(target_arch = "x86_64"),
        expect(dead_code, reason = "the portable loop looks at exceptions alone")
    )]
    upper: [u8; 2],
}

impl<'a> Rows<'a> {
    /// What a row lists, if a loop can put it in place: columns that increase, words that are exact. Words of
    /// a sign share a spare code, so they share their upper byte; one row in two hundred has others.
    fn listed(self, shape: RowShape, exact: &RangeInclusive<u8>, i: usize) -> Option<Listed<'a>> {
        let (begin, end) = (self.at[i], self.at[i + 1]);
        let number = self.payload[begin];
        if number == u8::MAX {
            return None;
        }
        let after = self.payload.get(begin + shape.tiers()..end)?;
        let at = after.len().checked_sub(3 * usize::from(number))?;
        let exceptions: &[Exception] = after[at..].as_chunks().0;
        let (mut least, mut upper) = (0, [None; 2]);
        for exception in exceptions {
            let (column, byte) = (column(exception), exception[2]);
            let spare = &mut upper[usize::from(byte >> 7)];
            let right = (least..shape.dim).contains(&column) && exact.contains(&(byte & 0x7f));
            if !right || spare.is_some_and(|other| other != byte) {
                return None;
            }
            (least, *spare) = (column + 1, Some(byte));
        }
        Some(Listed { exceptions, upper: upper.map(Option::unwrap_or_default) })
    }
}

fn column(exception: &Exception) -> usize {
    usize::from(u16::from_le_bytes([exception[0], exception[1]]))
}
