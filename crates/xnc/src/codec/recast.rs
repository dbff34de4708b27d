//! Values in disguise: BF16 values stored as FP16 words, values of either type stored as F32. They are coded
//! as what they are.

use std::sync::atomic::{AtomicBool, Ordering};

use super::ordered::for_each_part;
use super::{Codec, Source, TableShape};
use crate::dtype::{Dtype, Element, narrow};
use crate::error::Result;
use crate::kernel::{Backend, widen};

/// Words that are looked at together, at least one row.
const PART: usize = 1 << 18;

/// The type that a table's words are to be coded as. Reads FP16 tables until a word is found that is no BF16 value.
///
/// # Errors
/// Those of `words`.
pub fn words_of(codec: Codec, shape: TableShape, words: &dyn Source, backend: Backend) -> Result<Dtype> {
    if shape.dtype == Dtype::Bf16 || !codec.sees_through_f16() {
        return Ok(shape.dtype);
    }
    let other = AtomicBool::new(false);
    // Whole rows: a source may have to decode those that are asked for in part.
    let part = (PART / shape.dim.max(1)).max(1) * shape.dim;
    for_each_part(shape.words(), part, |range| {
        if other.load(Ordering::Relaxed) {
            return Ok(());
        }
        let mut source = vec![0; range.len()];
        words.read(range.start, &mut source)?;
        let mut cast = source.clone();
        widen::to_bf16(backend, &mut cast);
        widen::to_f16(backend, &mut cast);
        other.fetch_or(source != cast, Ordering::Relaxed);
        Ok(())
    })?;
    Ok(if other.into_inner() { Dtype::F16 } else { Dtype::Bf16 })
}

/// FP16 words as the BF16 words that they stand for.
pub struct Recast<'a> {
    /// Gives FP16 words that are all BF16 values.
    pub source: &'a dyn Source,
    /// Instruction set of the conversion.
    pub backend: Backend,
}

impl Source for Recast<'_> {
    fn read(&self, first: usize, out: &mut [u16]) -> Result<()> {
        self.source.read(first, out)?;
        widen::to_bf16(self.backend, out);
        Ok(())
    }

    fn rows(&self, ids: &[usize], dim: usize, out: &mut [u16]) -> Result<()> {
        self.source.rows(ids, dim, out)?;
        widen::to_bf16(self.backend, out);
        Ok(())
    }
}

/// F32 elements, little-endian, as the words that they stand for.
#[derive(Clone, Copy)]
pub struct Narrowed<'a> {
    elements: &'a [[u8; 4]],
    dtype: Dtype,
}

impl<'a> Narrowed<'a> {
    /// None where some value is neither a BF16 nor an FP16 value like all others.
    pub fn new(bytes: &'a [u8]) -> Option<Narrowed<'a>> {
        let (elements, []) = bytes.as_chunks::<4>() else { return None };
        let fits = |dtype: Dtype| {
            let other = AtomicBool::new(false);
            let looked = for_each_part(elements.len(), PART, |range| {
                let odd = |four: &[u8; 4]| narrow(u32::from_le_bytes(*four), dtype).is_none();
                if !other.load(Ordering::Relaxed) && elements[range].iter().any(odd) {
                    other.store(true, Ordering::Relaxed);
                }
                Ok(())
            });
            looked.is_ok() && !other.into_inner()
        };
        let dtype = [Dtype::Bf16, Dtype::F16].into_iter().find(|&dtype| fits(dtype))?;
        Some(Narrowed { elements, dtype })
    }

    /// Type of the words.
    pub fn dtype(&self) -> Dtype {
        self.dtype
    }
}

impl Source for Narrowed<'_> {
    fn read(&self, first: usize, out: &mut [u16]) -> Result<()> {
        for (slot, four) in out.iter_mut().zip(&self.elements[first..]) {
            // All elements were looked at.
            *slot = narrow(u32::from_le_bytes(*four), self.dtype).unwrap_or_default();
        }
        Ok(())
    }
}

/// Turns words of type `from` into the words of FP16 elements that hold their values, where the elements are such.
pub fn leave(backend: Backend, from: Dtype, element: Element, words: &mut [u16]) {
    if (from, element) == (Dtype::Bf16, Element::F16) {
        widen::to_f16(backend, words);
    }
}

/// The bytes of elements that hold the values of `words`, which are of type `from` and may be changed.
pub fn element_bytes(backend: Backend, from: Dtype, element: Element, words: &mut [u16]) -> Vec<u8> {
    leave(backend, from, element, words);
    match element {
        Element::Bf16 | Element::F16 => words.iter().flat_map(|word| word.to_le_bytes()).collect(),
        Element::F32 => {
            let mut values = vec![0.0; words.len()];
            widen::to_f32(backend, from, words, &mut values);
            values.iter().flat_map(|value| value.to_le_bytes()).collect()
        }
    }
}
