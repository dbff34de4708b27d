//! What the list of operations does not reach: the edge of normal numbers, and what defines the sums.

use super::*;
use crate::kernel::bytes_of;

fn random(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *seed >> 33
}

/// Equal bits, or both not a number.
fn same(a: f32, b: f32) -> bool {
    a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan()
}

/// BF16 words: any; like weights; or so small that sums come to lie around the least normal number.
fn word(kind: usize, seed: &mut u64) -> u16 {
    let any = random(seed) as u16;
    match kind {
        0 => any,
        1 => any & 0x81ff | 0x3c00,
        _ => any & 0x80ff | (64 - random(seed) as u16 % 6) << 7,
    }
}

#[test]
fn backends_agree_on_bf16_activations() {
    let seed = &mut 2;
    let mut zeros = 0;
    for round in 0..400 {
        for dim in [2, 63, 64, 200] {
            let kind = round % 3;
            let rows: Vec<u16> = (0..5 * dim).map(|_| word(kind, seed)).collect();
            let mut x: Vec<u16> = (0..dim).map(|_| word(kind, seed)).collect();
            x.resize(padded(dim), 0);
            let mut expected = vec![9.0; 5];
            rows_bf16(Backend::SCALAR, bytes_of(&rows), dim, &x, 0, &mut expected);
            zeros += expected.iter().filter(|&&y| y == 0.0).count();
            for backend in Backend::every_kind() {
                let mut out = vec![9.0; 5];
                rows_bf16(backend, bytes_of(&rows), dim, &x, AHEAD[round % AHEAD.len()], &mut out);
                assert!(
                    out.iter().zip(&expected).all(|(&a, &b)| same(a, b)),
                    "{backend:?} {dim} kind {kind}: {out:?} {expected:?}"
                );
            }
        }
    }
    assert!(zeros > 0, "no result was small enough to be flushed");
}

/// Sums within half a step of the least normal number, where rounding and flushing to zero meet.
#[test]
fn the_edge_of_normal_numbers() {
    let least = 0x0080_u16; // 2^-126
    for (a, b) in
        [(0x3f80_u16, 0xb300_u16), (0x3f80, 0xb380), (0x3f80, 0xb3ff), (0x3f80, 0x8000), (0x2000, 0x9f80)]
    {
        for c in 0..=0xff_u16 {
            // The odd words make the number, the even ones take a little away.
            let mut rows = vec![0_u16; 64];
            let mut x = vec![0_u16; 64];
            (rows[1], x[1]) = (least, 0x3f80);
            (rows[0], x[0]) = (a.wrapping_add(c), 0x8000 | (b & 0x7fff).wrapping_sub(0x3180));
            (rows[3], x[3]) = (0x1f80 + (c & 0x7f), 0x2000);
            (rows[2], x[2]) = (0x1f80, 0x9f80 + c % 3);
            let mut expected = [9.0];
            rows_bf16(Backend::SCALAR, bytes_of(&rows), 64, &x, 0, &mut expected);
            for backend in Backend::every_kind() {
                let mut out = [9.0];
                rows_bf16(backend, bytes_of(&rows), 64, &x, 0, &mut out);
                assert!(same(out[0], expected[0]), "{backend:?} {a:#x} {b:#x} {c:#x}: {out:?} {expected:?}");
            }
        }
    }
}

/// What spec/fast.md, section 6, says of results just below 2^-126.
#[test]
fn a_result_is_subnormal_once_rounded() {
    let power = |exponent: i32| ((127 + exponent) as u16) << 7;
    let (least, next) = (power(-126), power(-75) + 1);
    // What is taken from 2^-126, as a product; what is left.
    let cases = [
        ([power(-76), power(-76)], f32::MIN_POSITIVE), // 2^-152: nearer to 2^-126 than to the number below
        ([power(-75), power(-76)], f32::MIN_POSITIVE), // 2^-151: half way, and 2^-126 is even
        ([next, power(-76)], 0.0), // little more; rounded as a subnormal it would be 2^-126 too
        ([power(-75), power(-75)], 0.0), // 2^-150, the same
        ([power(-75), power(-74)], 0.0),
    ];
    for (taken, left) in cases {
        for sign in [0, 0x8000] {
            let (mut rows, mut x) = (vec![0_u16; 64], vec![0_u16; 64]);
            (rows[1], x[1]) = (least | sign, power(0));
            (rows[0], x[0]) = (taken[0] | (sign ^ 0x8000), taken[1]);
            for backend in Backend::every_kind() {
                let mut out = [9.0];
                rows_bf16(backend, bytes_of(&rows), 64, &x, 0, &mut out);
                // The other lanes add zeros, so a zero loses its sign.
                let expected = if sign == 0 || left == 0.0 { left } else { -left };
                assert_eq!(out[0].to_bits(), expected.to_bits(), "{backend:?} {taken:x?}");
            }
        }
    }
}

#[test]
fn the_order_of_additions_is_the_one_written_down() {
    // Lanes of sizes so different that any other order of adding them gives another sum.
    let rows: Vec<u16> = (0..64).map(|i| 0x3f80 + (i * 37 % 96) * 16).collect();
    let x: Vec<f32> = (0..64).map(|i| if i % 3 == 0 { -1.1 } else { 0.7 } * (1.0 + i as f32)).collect();
    let mut lane = [0.0f32; 32];
    for w in 0..64 {
        lane[w % 32] = Dtype::Bf16.to_f32(rows[w]).mul_add(x[w], lane[w % 32]);
    }
    let a: Vec<f32> = (0..16).map(|l| lane[l] + lane[l + 16]).collect();
    let b: Vec<f32> = (0..8).map(|j| a[2 * j] + a[2 * j + 1]).collect();
    let c: Vec<f32> = (0..4).map(|j| b[j] + b[j + 4]).collect();
    let expected = (c[0] + c[2]) + (c[1] + c[3]);
    for backend in Backend::every_kind() {
        let (mut arranged, mut out) = (vec![0.0; 64], [0.0]);
        arrange(backend, Dtype::Bf16, &x, &mut arranged);
        rows_f32(backend, Dtype::Bf16, bytes_of(&rows), 64, &arranged, 0, &mut out);
        assert_eq!(out[0].to_bits(), expected.to_bits(), "{backend:?}");
    }
}
