//! Every type and backend against candle's exact values.

use std::borrow::Cow;

use candle_core::CpuStorage;
use candle_core::quantized::GgmlDType;

use super::{Backend, ROWS, Rounded, Rounding, pack};

const TYPES: [(&str, GgmlDType); 7] = [
    ("Q4_0", GgmlDType::Q4_0),
    ("Q4_1", GgmlDType::Q4_1),
    ("Q5_0", GgmlDType::Q5_0),
    ("Q5_1", GgmlDType::Q5_1),
    ("Q8_0", GgmlDType::Q8_0),
    ("Q4_K", GgmlDType::Q4K),
    ("Q6_K", GgmlDType::Q6K),
];

/// Rows of any bits, but for scales, which are small and finite.
fn blocks(kind: GgmlDType, weights: usize) -> Vec<u8> {
    let size = kind.type_size();
    let mut all: Vec<u8> =
        (0..weights / kind.block_size() * size).map(|i| ((i * 2_654_435_761) >> 9) as u8).collect();
    let scales: &[usize] = match kind {
        GgmlDType::Q4_1 | GgmlDType::Q5_1 | GgmlDType::Q4K => &[0, 2],
        GgmlDType::Q6K => &[208],
        _ => &[0],
    };
    for (number, block) in all.chunks_exact_mut(size).enumerate() {
        for &at in scales {
            let scale = half::f16::from_f32(0.002 * (number % 13) as f32 - 0.01 * (at % 3) as f32 + 0.001);
            block[at..at + 2].copy_from_slice(&scale.to_le_bytes());
        }
    }
    all
}

/// What the rounded bytes stand for.
fn values(x: &[Rounded]) -> Vec<f64> {
    let value = |x: &Rounded| {
        x.fours.as_flattened().iter().map(|&byte| f64::from(byte) * f64::from(x.step)).collect()
    };
    x.iter().flat_map(|x| -> Vec<f64> { value(x) }).collect()
}

fn backends() -> Vec<Backend> {
    #[cfg(target_arch = "x86_64")]
    return [
        Some(Backend::Plain),
        pulp::x86::V3::try_new().map(Backend::Avx2),
        pulp::x86::V4::try_new().map(Backend::Avx512),
    ]
    .into_iter()
    .flatten()
    .collect();
    #[cfg(not(target_arch = "x86_64"))]
    vec![Backend::Plain]
}

#[test]
fn products_are_those_of_the_weights_on_every_backend() {
    let (rows, dim) = (2 * ROWS + 8, 512);
    for (name, kind) in TYPES {
        let packed = blocks(kind, rows * dim);
        let exact = kind.from_data(Cow::Borrowed(&packed)).dequantize(rows * dim).expect("dequantises");
        let CpuStorage::F32(weights) = exact else { panic!("F32") };
        for vectors in [1, 3, 4, 9] {
            let x: Vec<f32> = (0..vectors * dim).map(|i| ((i * 37 % 101) as f32 - 47.0) / 20.0).collect();
            let mut first: Option<Vec<f32>> = None;
            for backend in backends() {
                let tiles = pack(name, &packed, dim, backend).expect("a type with tiles");
                let mut rounded = Vec::new();
                tiles.rounding().round(&x, &mut rounded);
                let mut out = vec![0.0; vectors * rows];
                tiles.times(0, &rounded, vectors, &mut out);
                let mut last = vec![0.0; vectors * (rows - ROWS)];
                tiles.times(ROWS, &rounded, vectors, &mut last);
                for (out, last) in out.chunks_exact(rows).zip(last.chunks_exact(rows - ROWS)) {
                    assert_eq!(&out[ROWS..], last, "{name}: rows from the second tile on");
                }
                let x = values(&rounded);
                for (vector, out) in out.chunks_exact(rows).enumerate() {
                    for (row, &found) in out.iter().enumerate() {
                        let x = &x[vector * dim..][..dim];
                        let terms = || weights[row * dim..].iter().zip(x).map(|(w, x)| f64::from(*w) * x);
                        let (sum, size) = (terms().sum::<f64>(), terms().map(f64::abs).sum::<f64>());
                        // The total that offsets are multiplied with is rounded to FP16.
                        assert!(
                            (f64::from(found) - sum).abs() < 2e-4 * size,
                            "{name} {vector} {row}: {found} {sum}"
                        );
                    }
                }
                assert_eq!(first.get_or_insert(out.clone()), &out, "{name}: the same bits everywhere");
            }
        }
    }
}

#[test]
fn activations_are_rounded_to_the_nearest() {
    let mut x: Vec<f32> = (0..512).map(|i| ((i * 37 % 101) as f32 - 50.0) / 20.0).collect();
    x[256..].fill(0.0);
    for (rounding, together) in [(Rounding::Blocks, 32), (Rounding::Superblocks, 256)] {
        let mut out = Vec::new();
        rounding.round(&x, &mut out);
        let found = values(&out);
        for (x, found) in x.chunks(together).zip(found.chunks(together)) {
            let largest = x.iter().fold(0.0f32, |largest, x| largest.max(x.abs()));
            for (x, found) in x.iter().zip(found) {
                // Half a step, and 127 times what FP16 rounds of the step.
                assert!((f64::from(*x) - found).abs() <= f64::from(largest) * (0.5 / 127.0 + 1.0 / 2048.0));
            }
        }
        for block in &out {
            let bytes: Vec<i32> = block.fours.as_flattened().iter().map(|&byte| i32::from(byte)).collect();
            assert_eq!(block.sums, [bytes[..16].iter().sum::<i32>(), bytes[16..].iter().sum::<i32>()]);
        }
    }
}
