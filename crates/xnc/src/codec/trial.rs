//! Tables of every kind, and what a codec whose rows decode alone has to make of them, on every backend.

use std::io::Write;
use std::sync::Arc;

use super::{Checks, Codec, Encoded, Reader, Source, Stored, TableShape, Vectors, View, open};
use crate::dtype::{Dtype, Words, bf16_to_f16};
use crate::error::Result;
use crate::kernel::{Backend, bytes_of, dot};
use crate::random::Random;

/// A codec, and its encoder, which is there in every build of the tests.
pub struct Trial {
    pub codec: Codec,
    pub encode: fn(TableShape, &dyn Source, &mut dyn Write) -> Result<Encoded>,
}

/// A table that was encoded.
pub struct Coded {
    codec: Codec,
    shape: TableShape,
    payload: Vec<u8>,
    encoded: Encoded,
}

impl Coded {
    pub fn new(
        codec: Codec,
        shape: TableShape,
        words: &[u16],
        encode: impl Fn(TableShape, &dyn Source, &mut dyn Write) -> Result<Encoded>,
    ) -> Coded {
        let mut payload = Vec::new();
        let encoded = encode(shape, &Words::new(bytes_of(words)), &mut payload);
        let mut encoded = encoded.expect("a Vec takes it");
        assert_eq!(payload.len() as u64, encoded.payload_bytes);
        encoded.index.resize(encoded.index.len().next_multiple_of(64), 0);
        Coded { codec, shape, payload, encoded }
    }

    /// Opens the table and looks at it.
    pub fn with(&self, backend: Backend, look: impl FnOnce(&Arc<dyn Reader>, &View<'_>)) {
        let stored = Stored { index: &self.encoded.index, payload: &self.payload };
        let reader = open(self.codec, self.shape, &self.encoded.params, stored, backend).expect("opens");
        let checks = Checks::on_touch(&*reader, stored);
        look(&reader, &View { reader: &*reader, stored, checks: &checks });
    }
}

fn tables(dtype: Dtype, words: usize) -> Vec<Vec<u16>> {
    let mut random = Random(3);
    let cast = |x: f32| match dtype {
        Dtype::Bf16 => (x.to_bits() >> 16) as u16,
        Dtype::F16 => half::f16::from_f32(x).to_bits(),
    };
    let normal: Vec<u16> = (0..words).map(|_| cast(0.03 * random.normal())).collect();
    let disguised = normal.iter().map(|&w| bf16_to_f16(w)).collect();
    let spiked =
        normal.iter().map(|&w| if random.next().is_multiple_of(40) { random.next() as u16 } else { w });
    let spiked = spiked.collect();
    let zero_rows = normal.iter().enumerate().map(|(i, &w)| if i % 1000 < 500 { 0 } else { w }).collect();
    let all = (0..words).map(|i| (i as u16).wrapping_mul(40_503)).collect();
    vec![normal, disguised, spiked, zero_rows, all, vec![0; words], vec![0x8000; words]]
}

impl Trial {
    pub fn every_table_comes_back_whole_in_ranges_and_by_row(&self) {
        for dtype in [Dtype::Bf16, Dtype::F16] {
            for dim in [1, 7, 63, 64, 65, 100, 128, 160, 576, 1000, 20_000] {
                let rows = 70_000 / dim + 1;
                let shape = TableShape { dtype, rows, dim };
                for (kind, words) in tables(dtype, rows * dim).into_iter().enumerate() {
                    let coded = Coded::new(self.codec, shape, &words, self.encode);
                    for backend in Backend::every_kind() {
                        coded.with(backend, |_, view| {
                            assert!(comes_back(view, &words), "{dtype} {dim} kind {kind} {backend:?}");
                        });
                    }
                }
            }
        }
    }

    pub fn products_equal_those_of_the_words_whatever_these_are(&self) {
        let mut random = Random(11);
        for (rows, dim) in
            [(101, 320), (70, 64), (33, 96), (5, 31), (600, 128), (9, 2048), (2, 18_000), (2, 32_768)]
        {
            let shape = TableShape { dtype: Dtype::Bf16, rows, dim };
            for (kind, words) in tables(Dtype::Bf16, rows * dim).into_iter().enumerate() {
                let coded = Coded::new(self.codec, shape, &words, self.encode);
                let x: Vec<f32> = (0..dim).map(|_| random.normal()).collect();
                let x_bf16: Vec<u16> = x.iter().map(|x| (x.to_bits() >> 16) as u16).collect();
                for backend in Backend::every_kind() {
                    let (f32, bf16) = plain_products(backend, shape, &words, &x, &x_bf16);
                    coded.with(backend, |reader, view| {
                        for (x, expected) in [(Vectors::F32(&x), &f32), (Vectors::Bf16(&x_bf16), &bf16)] {
                            let product = reader.clone().product(x);
                            for range in [0..rows, rows / 2..rows / 2 + rows / 3] {
                                let mut out = vec![0.0; range.len()];
                                product.times(view, range.clone(), &mut [&mut out]).expect("good rows");
                                let expected = &expected[range.clone()];
                                assert!(
                                    out.iter().zip(expected).all(same),
                                    "{backend:?} {rows} x {dim}, kind {kind}, {range:?}: {out:?} for {expected:?}"
                                );
                            }
                        }
                    });
                }
            }
        }
    }
}

fn comes_back(view: &View<'_>, words: &[u16]) -> bool {
    let TableShape { rows, dim, .. } = view.reader.shape();
    let mut out = vec![0; words.len()];
    let mut parts = true;
    for range in (0..view.chunks()).map(|chunk| view.words_of(chunk)) {
        view.read(range.start, &mut out[range.clone()]).expect("decodes");
        let part = range.start + range.len() / 3..range.start + range.len() / 2;
        let mut some = vec![0; part.len()];
        view.read(part.start, &mut some).expect("decodes");
        parts &= some == words[part];
    }
    let ids: Vec<usize> = (0..150).map(|i| i * 61 % rows).collect();
    let mut some = vec![0; ids.len() * dim];
    view.gather(&ids, &mut some).expect("gathers");
    let expected: Vec<u16> = ids.iter().flat_map(|id| words[id * dim..][..dim].to_vec()).collect();
    parts && out == words && some == expected
}

fn plain_products(
    backend: Backend,
    shape: TableShape,
    words: &[u16],
    x: &[f32],
    x_bf16: &[u16],
) -> (Vec<f32>, Vec<f32>) {
    let TableShape { dtype, rows, dim } = shape;
    let (mut arranged, mut padded) = (vec![0.0; dot::padded(dim)], vec![0; dot::padded(dim)]);
    dot::arrange(backend, dtype, x, &mut arranged);
    padded[..dim].copy_from_slice(x_bf16);
    let (mut f32, mut bf16) = (vec![0.0; rows], vec![0.0; rows]);
    dot::rows_f32(backend, dtype, bytes_of(words), dim, &arranged, 0, &mut f32);
    dot::rows_bf16(backend, bytes_of(words), dim, &padded, 0, &mut bf16);
    (f32, bf16)
}

fn same((a, b): (&f32, &f32)) -> bool {
    a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())
}
