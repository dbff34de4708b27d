//! Between rows and vectors of eight rows.
use super::super::vectors::scratch::Dwords;
use super::pair::{load, load_words, store_words};
use core::arch::aarch64::*;

/// Word `k` of register `i` becomes word `i` of register `k`.
#[inline]
#[target_feature(enable = "neon")]
fn transpose(v: [uint16x8_t; 8]) -> [uint16x8_t; 8] {
    let mut a = v;
    for i in [0, 2, 4, 6] {
        (a[i], a[i + 1]) = (vtrn1q_u16(v[i], v[i + 1]), vtrn2q_u16(v[i], v[i + 1]));
    }
    let mut a = a.map(|v| vreinterpretq_u32_u16(v));
    for i in [0, 1, 4, 5] {
        (a[i], a[i + 2]) = (vtrn1q_u32(a[i], a[i + 2]), vtrn2q_u32(a[i], a[i + 2]));
    }
    let mut a = a.map(|v| vreinterpretq_u64_u32(v));
    for i in 0..4 {
        (a[i], a[i + 4]) = (vtrn1q_u64(a[i], a[i + 4]), vtrn2q_u64(a[i], a[i + 4]));
    }
    a.map(|v| vreinterpretq_u16_u64(v))
}

/// Eight rows, one after another in `rows`, to every `step`th vector of `out`: words of two dimensions, one
/// behind the other, in each.
#[target_feature(enable = "neon")]
pub fn interleave(rows: &[i16], out: &mut [Dwords], step: usize) {
    let stride = rows.len() / 8;
    for first in (0..stride).step_by(8) {
        let mut v = [vdupq_n_u16(0); 8];
        for (v, row) in v.iter_mut().zip(rows.chunks_exact(stride)) {
            // SAFETY: the slice is eight words, one register.
            *v = unsafe { vld1q_u16(row[first..first + 8].as_ptr().cast()) };
        }
        for (k, v) in transpose(v).into_iter().enumerate() {
            store_words(&mut out[(first + k) / 2 * step], k % 2, v);
        }
    }
}

/// Undoes [`interleave`] for rows of words.
#[target_feature(enable = "neon")]
pub fn put_words(vectors: &[Dwords], step: usize, rows: &mut [&mut [u16]]) {
    let dim = rows.first().map_or(0, |row| row.len());
    for first in (0..dim).step_by(8) {
        let v = core::array::from_fn(|k| load_words(&vectors[(first + k) / 2 * step], k % 2));
        for (row, v) in rows.iter_mut().zip(transpose(v)) {
            let mut words = [0u16; 8];
            // SAFETY: eight words are one register.
            unsafe { vst1q_u16(words.as_mut_ptr(), v) };
            let row = &mut row[first..];
            let n = row.len().min(8);
            row[..n].copy_from_slice(&words[..n]);
        }
    }
}

/// Innovations, four of a row to a dword, to the rows that want them.
#[target_feature(enable = "neon")]
pub fn put_innovations(vectors: &[Dwords], step: usize, rows: &mut [&mut [i8]]) {
    let dim = rows.iter().map(|row| row.len()).max().unwrap_or(0);
    for first in (0..dim).step_by(16) {
        let quads: [_; 4] = core::array::from_fn(|k| load(&vectors[(first / 4 + k) * step].0));
        for (half, rows) in rows.chunks_mut(4).enumerate() {
            let [a, b, c, d] = quads.map(|quad| quad[half]);
            let pairs = [vtrn1q_s32(a, b), vtrn1q_s32(c, d), vtrn2q_s32(a, b), vtrn2q_s32(c, d)];
            let [a, b, c, d] = pairs.map(|v| vreinterpretq_s64_s32(v));
            let turned = [vtrn1q_s64(a, b), vtrn1q_s64(c, d), vtrn2q_s64(a, b), vtrn2q_s64(c, d)];
            for (row, v) in rows.iter_mut().zip(turned).filter(|(row, _)| !row.is_empty()) {
                let mut bytes = [0i8; 16];
                // SAFETY: 16 bytes are one register.
                unsafe { vst1q_s8(bytes.as_mut_ptr(), vreinterpretq_s8_s64(v)) };
                let row = &mut row[first..];
                let n = row.len().min(16);
                row[..n].copy_from_slice(&bytes[..n]);
            }
        }
    }
}
