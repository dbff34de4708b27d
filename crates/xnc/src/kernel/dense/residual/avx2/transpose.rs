//! Between rows and vectors of eight rows.
use super::cell::{V, load, store};
use crate::kernel::dense::residual::vectors::scratch::Dwords;
use core::arch::x86_64::*;

/// Dword `k` of vector `i` becomes dword `i` of vector `k`.
#[inline]
#[target_feature(enable = "avx2")]
fn transpose(v: [V; 8]) -> [V; 8] {
    let mut a = v;
    for i in 0..4 {
        a[2 * i] = _mm256_unpacklo_epi32(v[2 * i], v[2 * i + 1]);
        a[2 * i + 1] = _mm256_unpackhi_epi32(v[2 * i], v[2 * i + 1]);
    }
    let mut b = a;
    for i in [0, 4] {
        b[i] = _mm256_unpacklo_epi64(a[i], a[i + 2]);
        b[i + 1] = _mm256_unpackhi_epi64(a[i], a[i + 2]);
        b[i + 2] = _mm256_unpacklo_epi64(a[i + 1], a[i + 3]);
        b[i + 3] = _mm256_unpackhi_epi64(a[i + 1], a[i + 3]);
    }
    let mut c = b;
    for i in 0..4 {
        c[i] = _mm256_permute2x128_si256::<0x20>(b[i], b[i + 4]);
        c[i + 4] = _mm256_permute2x128_si256::<0x31>(b[i], b[i + 4]);
    }
    c
}

/// Eight rows, one after another in `rows`, to every `step`th vector of `out`: two words of each row to a
/// dword.
#[target_feature(enable = "avx2")]
pub fn interleave(rows: &[i16], out: &mut [Dwords], step: usize) {
    let stride = rows.len() / 8;
    for first in (0..stride).step_by(16) {
        let mut v = [_mm256_setzero_si256(); 8];
        for (v, row) in v.iter_mut().zip(rows.chunks_exact(stride)) {
            // SAFETY: the slice is sixteen words, one vector.
            *v = unsafe { _mm256_loadu_si256(row[first..first + 16].as_ptr().cast()) };
        }
        for (k, v) in transpose(v).into_iter().enumerate() {
            out[(first / 2 + k) * step].0 = store(v);
        }
    }
}

/// Sixteen words of each of eight rows, from the vectors `from`, `from + 1`, ... of every `step`th.
#[inline]
#[target_feature(enable = "avx2")]
fn take(vectors: &[Dwords], from: usize, step: usize) -> [V; 8] {
    let mut v = [_mm256_setzero_si256(); 8];
    for (k, v) in v.iter_mut().enumerate() {
        *v = load(&vectors[(from + k) * step].0);
    }
    transpose(v)
}

/// Undoes [`interleave`] for rows of words.
#[target_feature(enable = "avx2")]
pub fn put_words(vectors: &[Dwords], step: usize, rows: &mut [&mut [u16]]) {
    let dim = rows.first().map_or(0, |row| row.len());
    for first in (0..dim).step_by(16) {
        for (row, v) in rows.iter_mut().zip(take(vectors, first / 2, step)) {
            let mut words = [0u16; 16];
            // SAFETY: sixteen words are one vector.
            unsafe { _mm256_storeu_si256(words.as_mut_ptr().cast(), v) };
            let row = &mut row[first..];
            let n = row.len().min(16);
            row[..n].copy_from_slice(&words[..n]);
        }
    }
}

/// Biased innovations, four of a row to a dword, to the rows that want them.
#[target_feature(enable = "avx2")]
pub fn put_innovations(vectors: &[Dwords], step: usize, rows: &mut [&mut [i8]]) {
    let dim = rows.iter().map(|row| row.len()).max().unwrap_or(0);
    for first in (0..dim).step_by(32) {
        for (row, v) in rows.iter_mut().zip(take(vectors, first / 4, step)).filter(|(row, _)| !row.is_empty())
        {
            let mut bytes = [0i8; 32];
            let v = _mm256_xor_si256(v, _mm256_set1_epi8(-128));
            // SAFETY: 32 bytes are one vector.
            unsafe { _mm256_storeu_si256(bytes.as_mut_ptr().cast(), v) };
            let row = &mut row[first..];
            let n = row.len().min(32);
            row[..n].copy_from_slice(&bytes[..n]);
        }
    }
}

/// Sixteen words of each of up to eight rows, from word `first` on: two words of each row to a dword; zero
/// where a row ends.
#[inline]
#[target_feature(enable = "avx2")]
pub fn take_rows<'a>(rows: impl Iterator<Item = &'a [u16]>, first: usize) -> [V; 8] {
    let mut v = [_mm256_setzero_si256(); 8];
    for (v, row) in v.iter_mut().zip(rows) {
        let row = &row[first..];
        let mut words = [0u16; 16];
        let n = row.len().min(16);
        words[..n].copy_from_slice(&row[..n]);
        // SAFETY: sixteen words are one vector.
        *v = unsafe { _mm256_loadu_si256(words.as_ptr().cast()) };
    }
    transpose(v)
}

/// Undoes [`take_rows`]: `rows` are what is left of each row.
#[inline]
#[target_feature(enable = "avx2")]
pub fn put_pairs<'a>(v: &[V; 8], rows: impl Iterator<Item = &'a mut [u16]>) {
    for (row, v) in rows.zip(transpose(*v)) {
        let mut words = [0u16; 16];
        // SAFETY: sixteen words are one vector.
        unsafe { _mm256_storeu_si256(words.as_mut_ptr().cast(), v) };
        let n = row.len().min(16);
        row[..n].copy_from_slice(&words[..n]);
    }
}

/// As [`put_pairs`], for rows of dwords, of which a vector holds one of each row.
#[inline]
#[target_feature(enable = "avx2")]
pub fn put_dwords<'a>(v: &[V; 16], rows: impl Iterator<Item = &'a mut [u32]>) {
    let (halves, _) = v.as_chunks::<8>();
    let halves = [transpose(halves[0]), transpose(halves[1])];
    for (i, row) in rows.enumerate() {
        for (part, half) in row.chunks_mut(8).zip(halves) {
            let dwords = store(half[i]).map(i32::cast_unsigned);
            part.copy_from_slice(&dwords[..part.len()]);
        }
    }
}
