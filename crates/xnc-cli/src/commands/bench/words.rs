//! What plain words cost: reading them, copying them, multiplying them, in several variants.

use xnc::Dtype;
use xnc::kernel::{Aligned, Backend, dot};

/// Plain products: their names, and how far ahead of use they ask for words.
pub const VARIANTS: [(&str, usize); 4] = [
    ("no prefetch", dot::AHEAD[0]),
    ("prefetch 512", dot::AHEAD[1]),
    ("prefetch 2048", dot::AHEAD[2]),
    ("prefetch 8192", dot::AHEAD[3]),
];

/// Reads every byte.
pub fn read(bytes: &[u8], threads: usize) -> u64 {
    let share = bytes.len().div_ceil(threads).next_multiple_of(256);
    let fold = |part: &[u8]| {
        let mut sums = [0_u64; 32];
        for line in part.as_chunks::<256>().0 {
            for (sum, word) in sums.iter_mut().zip(line.as_chunks().0) {
                *sum ^= u64::from_le_bytes(*word);
            }
        }
        sums.into_iter().fold(0, |a, b| a ^ b)
    };
    std::thread::scope(|scope| {
        let mut parts = bytes.chunks(share);
        let first = parts.next().unwrap_or_default();
        let workers: Vec<_> = parts.map(|part| scope.spawn(move || fold(part))).collect();
        let first = fold(first);
        workers
            .into_iter()
            .map(|worker| worker.join().expect("reading cannot fail"))
            .fold(first, |a, b| a ^ b)
    })
}

/// Activations of plain rows.
pub enum Activations {
    F32(Dtype, Vec<Aligned<f32>>),
    Bf16(Vec<Aligned<u16>>),
}

impl Activations {
    pub fn f32(dtype: Dtype, vectors: &[Vec<f32>]) -> Self {
        let arrange = |x: &Vec<f32>| {
            let mut out = Aligned::new(dot::padded(x.len()), 0.0);
            dot::arrange(Backend::best(), dtype, x, &mut out);
            out
        };
        Activations::F32(dtype, vectors.iter().map(arrange).collect())
    }

    pub fn bf16(vectors: &[Vec<u16>]) -> Self {
        let pad = |x: &Vec<u16>| {
            let mut out = Aligned::new(dot::padded(x.len()), 0);
            out[..x.len()].copy_from_slice(x);
            out
        };
        Activations::Bf16(vectors.iter().map(pad).collect())
    }

    fn times(&self, vector: usize, rows: &[u8], dim: usize, ahead: usize, out: &mut [f32]) {
        let backend = Backend::best();
        match self {
            Activations::F32(dtype, x) => dot::rows_f32(backend, *dtype, rows, dim, &x[vector], ahead, out),
            Activations::Bf16(x) => dot::rows_bf16(backend, rows, dim, &x[vector], ahead, out),
        }
    }

    fn vectors(&self) -> usize {
        match self {
            Activations::F32(_, x) => x.len(),
            Activations::Bf16(x) => x.len(),
        }
    }

    /// The plain product: rows split evenly between threads, one pass over memory for all vectors.
    pub fn product(&self, words: &[u8], dim: usize, threads: usize, ahead: usize, out: &mut [f32]) {
        let rows = out.len() / self.vectors();
        let share = rows.div_ceil(threads);
        // With one vector a thread's rows are one call, so that nothing is lost between rows.
        let block = if self.vectors() == 1 { share } else { 16 };
        let work = |first: usize, parts: &mut [&mut [f32]]| {
            let held = parts.first().map_or(0, |part| part.len());
            for at in (0..held).step_by(block) {
                let end = held.min(at + block);
                let bytes = &words[2 * (first + at) * dim..2 * (first + end) * dim];
                for (vector, part) in parts.iter_mut().enumerate() {
                    self.times(vector, bytes, dim, ahead, &mut part[at..end]);
                }
            }
        };
        let mut columns: Vec<_> = out.chunks_exact_mut(rows).map(|column| column.chunks_mut(share)).collect();
        let mut parts: Vec<(usize, Vec<&mut [f32]>)> = (0..rows)
            .step_by(share)
            .map(|first| (first, columns.iter_mut().filter_map(Iterator::next).collect()))
            .collect();
        if let [(first, part)] = &mut parts[..] {
            return work(*first, part);
        }
        std::thread::scope(|scope| {
            for (first, mut part) in parts {
                scope.spawn(move || work(first, &mut part));
            }
        });
    }
}
