//! What a batch makes of each vector is what the vector alone gives, on every backend.

use super::super as dot;
use super::*;
use crate::kernel::bytes_of;

fn random(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *seed >> 33
}

fn words(n: usize, seed: &mut u64) -> Vec<u16> {
    (0..n).map(|_| random(seed) as u16 & 0x81ff | 0x3c00).collect()
}

/// As bits, each vector apart.
fn results(vectors: usize, rows: usize, run: impl FnOnce(&mut [&mut [f32]])) -> Vec<Vec<u32>> {
    let mut out = vec![9.0; vectors * rows];
    run(&mut out.chunks_exact_mut(rows).collect::<Vec<_>>());
    out.chunks_exact(rows).map(|out| out.iter().map(|y| y.to_bits()).collect()).collect()
}

#[test]
fn a_batch_gives_what_its_vectors_give_alone() {
    let seed = &mut 7;
    for backend in Backend::every_kind() {
        for (dim, rows) in [(1, 1), (63, 2), (64, 5), (200, 3), (576, 4)] {
            for vectors in 1..=MOST {
                let ahead = dot::AHEAD[vectors % dot::AHEAD.len()];
                let table = words(rows * dim, seed);
                let table = bytes_of(&table);
                let x: Vec<f32> = (0..vectors * dim).map(|_| random(seed) as f32 / 1e9 - 1.0).collect();
                for dtype in [Dtype::Bf16, Dtype::F16] {
                    let mut all = vec![9.0; vectors * padded(dim)];
                    arrange_f32(backend, dtype, dim, &x, &mut all);
                    let batch = results(vectors, rows, |out| {
                        rows_f32(backend, dtype, table, dim, &all, ahead, out);
                    });
                    for (x, batch) in x.chunks_exact(dim).zip(batch) {
                        let mut one = vec![9.0; padded(dim)];
                        dot::arrange(backend, dtype, x, &mut one);
                        let alone = results(1, rows, |out| {
                            dot::rows_f32(backend, dtype, table, dim, &one, 0, out[0]);
                        });
                        assert_eq!(
                            alone[0], batch,
                            "{backend:?} {dtype:?} {dim} x {rows}, {vectors} vectors"
                        );
                    }
                }
                let x = words(vectors * dim, seed);
                let mut all = vec![9; vectors * padded(dim)];
                arrange_bf16(dim, &x, &mut all);
                let batch = results(vectors, rows, |out| rows_bf16(backend, table, dim, &all, ahead, out));
                for (x, batch) in x.chunks_exact(dim).zip(batch) {
                    let mut one = x.to_vec();
                    one.resize(padded(dim), 0);
                    let alone = results(1, rows, |out| dot::rows_bf16(backend, table, dim, &one, 0, out[0]));
                    assert_eq!(alone[0], batch, "{backend:?} pairs {dim} x {rows}, {vectors} vectors");
                }
            }
        }
    }
}
