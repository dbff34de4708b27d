//! Coded rows times activations, without a row ever being written: what [`super::dot`] gives on their words.
//!
//! Biases are added in the loop, or left out: a column's bias is a power of two, and the caller has multiplied the activations with them. That
//! changes no bit while all words are normal numbers with their bias and without, and while every activation stays exact.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod seen;

use std::ops::RangeInclusive;

use super::row::{Form, GROUP, RowShape, SPARE, coded, place, plane_bit};
use super::{Aligned, Backend, backend::Isa, dot};
use crate::dtype::Dtype;

/// How many bytes ahead of its rows a loop asks for the payload: where a machine's own prefetching ends at a page, this goes on.
const AHEAD: usize = 10 * 1024;

/// An exception as a row lists it: column, upper byte.
type Exception = [u8; 3];

/// One vector of activations, ready for the rows of a table, in a loop that this machine has.
#[derive(Clone)]
pub struct Fused {
    shape: RowShape,
    upper: [u8; 16],
    exact: RangeInclusive<u8>,
    lanes: Lanes,
}

/// What each loop takes.
#[derive(Clone)]
enum Lanes {
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

impl Fused {
    /// For F32 activations; `bias` is added to words, by column. `None` where there is no loop.
    ///
    /// # Panics
    /// If `x` is not one vector, or `bias` of another length.
    pub fn f32(
        backend: Backend,
        shape: RowShape,
        upper: &[u8; 16],
        bias: &[u16],
        x: &[f32],
    ) -> Option<Fused> {
        assert!(x.len() == shape.dim && bias.len() == shape.dim);
        let mut arranged = Aligned::new(dot::padded(x.len()), 0.0);
        dot::arrange(backend, Dtype::Bf16, x, &mut arranged);
        let lanes = match backend.0 {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => Lanes::Avx2(avx2::Desk::new(&arranged, bias, false)),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 { .. } => Lanes::Avx512(avx512::Desk::new(&arranged, bias)),
            _ => return None,
        };
        Fused { shape, upper: *upper, exact: 0..=0x7f, lanes }.if_exact()
    }

    /// As [`Fused::f32`], for activations times their column's bias, which are made only where they are taken. `exact` are the upper bytes, without sign, of words that are normal with
    /// every column's bias and without; `None` also where a word with a code is none of these, where `x` is, and where no loop is faster so.
    ///
    /// # Panics
    /// If `x` does not make one vector.
    pub fn f32_scaled(
        backend: Backend,
        shape: RowShape,
        upper: &[u8; 16],
        exact: RangeInclusive<u8>,
        x: impl FnOnce() -> Option<Vec<f32>>,
    ) -> Option<Fused> {
        match backend.0 {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 { .. } => {
                let x = x()?;
                assert_eq!(x.len(), shape.dim);
                let mut arranged = Aligned::new(dot::padded(x.len()), 0.0);
                dot::arrange(backend, Dtype::Bf16, &x, &mut arranged);
                let scaled: Vec<_> = arranged.iter().copied().map(avx512::Scaled).collect();
                let lanes = Lanes::Avx512Scaled(avx512::Desk::new(&scaled, &vec![0; shape.dim]));
                Fused { shape, upper: *upper, exact, lanes }.if_exact()
            }
            _ => None,
        }
    }

    /// As [`Fused::f32_scaled`], for BF16 activations and the arithmetic of `vdpbf16ps`.
    ///
    /// # Panics
    /// If `x` is not one vector.
    pub fn bf16(
        backend: Backend,
        shape: RowShape,
        upper: &[u8; 16],
        exact: RangeInclusive<u8>,
        x: &[u16],
    ) -> Option<Fused> {
        assert_eq!(x.len(), shape.dim);
        let bias = vec![0; shape.dim];
        match backend.0 {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => {
                // The loop keeps subnormals, so none may arise: all products and sums are multiples of the product of the lowest bits
                // of a word and an activation, whose exponent is theirs less seven each.
                let lowest = x.iter().filter(|&&x| x & 0x7fff != 0).map(|&x| Dtype::Bf16.exponent(x)).min();
                let word = lowest.map_or(0, |x| (2 * (127 + 7) - 126 - i32::from(x)).max(0));
                let from = u8::try_from((word + 1) / 2).unwrap_or(u8::MAX).max(*exact.start());
                let wide: Vec<f32> = x.iter().map(|&x| Dtype::Bf16.to_f32(x)).collect();
                let mut arranged = Aligned::new(dot::padded(x.len()), 0.0);
                dot::arrange(backend, Dtype::Bf16, &wide, &mut arranged);
                let lanes = Lanes::Avx2(avx2::Desk::new(&arranged, &bias, true));
                Fused { shape, upper: *upper, exact: from..=*exact.end(), lanes }.if_exact()
            }
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 { bf16: true } => {
                let mut padded = Aligned::new(dot::padded(x.len()), 0);
                padded[..x.len()].copy_from_slice(x);
                let lanes = Lanes::Avx512Bf16(avx512::Desk::new(&padded, &bias));
                Fused { shape, upper: *upper, exact, lanes }.if_exact()
            }
            _ => None,
        }
    }

    fn if_exact(self) -> Option<Fused> {
        let whole = self.shape.tail() == 0 && self.shape.form == Form::Bf16 && self.shape.dim > 0;
        (whole && coded(&self.upper).all(|upper| self.exact.contains(&upper))).then_some(self)
    }

    /// `out` becomes each row times the activations; rows that this cannot do are added to `left`, by their place in `rows`: plain ones, ones
    /// that no encoder makes, and ones with an exception that is not exact.
    ///
    /// # Panics
    /// If a row is nearer than [`RowShape::reach`] to the end of the payload, or lengths differ.
    pub fn times(&mut self, rows: Rows<'_>, out: &mut [f32], left: &mut Vec<usize>) {
        let Fused { shape, upper, exact, lanes } = self;
        assert_eq!(rows.at.len(), out.len() + 1);
        // A row that is left is multiplied too, with whatever words its bytes give; the caller writes over that.
        let listed = |i: usize| {
            let listed = rows.listed(*shape, exact, i);
            if listed.is_none() {
                left.push(i);
            }
            listed.unwrap_or_default()
        };
        match lanes {
            // SAFETY: a `Backend` exists only for an instruction set that this machine has, and `Lanes` are made for one.
            #[cfg(target_arch = "x86_64")]
            Lanes::Avx2(desk) => unsafe { avx2::rows(*shape, upper, exact.clone(), rows, listed, desk, out) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Lanes::Avx512(desk) => unsafe {
                avx512::rows(*shape, upper, exact.clone(), rows, listed, desk, out)
            },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Lanes::Avx512Scaled(desk) => unsafe {
                avx512::rows(*shape, upper, exact.clone(), rows, listed, desk, out)
            },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Lanes::Avx512Bf16(desk) => unsafe {
                avx512::rows(*shape, upper, exact.clone(), rows, listed, desk, out)
            },
        }
    }
}

/// The exceptions of a row, and the upper bytes that the spare code gets by them, without sign and with it.
#[derive(Clone, Copy, Default)]
struct Listed<'a> {
    exceptions: &'a [Exception],
    upper: [u8; 2],
}

impl<'a> Rows<'a> {
    /// What a row lists, if a loop can put it in place: columns that increase, words that are exact. Words of a sign share a spare code, so
    /// they share their upper byte; one row in two hundred has others.
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

impl Listed<'_> {
    /// Where the words of exceptions are: `set` is told the group and the bit of the plane that makes the spare code of code 0, as which an
    /// exception is coded.
    fn each(self, mut set: impl FnMut(usize, u64)) {
        const { assert!(SPARE == 2) };
        for exception in self.exceptions {
            let column = column(exception);
            set(column / GROUP, 1 << plane_bit(place(column % GROUP)));
        }
    }

    /// The upper bytes by code, with those of the spare code. Through a register: bytes written one by one cannot be read as one soon.
    #[cfg(target_arch = "x86_64")]
    #[inline]
    #[target_feature(enable = "sse4.1")]
    fn table(self, upper: &[u8; 16]) -> std::arch::x86_64::__m128i {
        use std::arch::x86_64::{_mm_insert_epi8, _mm_loadu_si128};
        const CODE: i32 = SPARE as i32;
        // SAFETY: sixteen bytes.
        let table = unsafe { _mm_loadu_si128(upper.as_ptr().cast()) };
        let [positive, negative] = self.upper.map(i32::from);
        _mm_insert_epi8::<{ CODE + 8 }>(_mm_insert_epi8::<CODE>(table, positive), negative)
    }
}
