//! Every backend against scalar, on bits of any kind.

use super::*;
use proptest::prelude::*;

/// Bytes whose blocks have flags and selectors of every kind: random ones, with runs of zeros and ones.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let run = prop_oneof![
        3 => prop::collection::vec(any::<u8>(), 1..200),
        1 => (0usize..120).prop_map(|n| vec![0; n]),
        1 => (0usize..120).prop_map(|n| vec![0xff; n]),
    ];
    prop::collection::vec(run, 0..5).prop_map(|runs| runs.concat())
}

fn agree(bytes: &[u8], position: usize, blocks: usize) {
    for output in [Output::Fp16, Output::Bf16] {
        let mut expected = vec![[0; 32]; blocks];
        let end = decode(Backend::SCALAR, output, bytes, position, &mut expected);
        for backend in Backend::every_kind() {
            let mut out = vec![[0x5a5a; 32]; blocks];
            assert_eq!(decode(backend, output, bytes, position, &mut out), end, "{backend:?} {position}");
            assert_eq!(skip(backend, bytes, position, blocks), end, "{backend:?} {position}");
            if end.is_some() {
                assert_eq!(out, expected, "{backend:?} {output:?} {position}");
            }
        }
        if let Some(end) = end {
            assert!(end <= bytes.len() * 8);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn backends_agree_on_any_bytes_at_any_bit(bytes in bytes(), position in 0usize..700, blocks in 0usize..12) {
        agree(&bytes, position, blocks);
    }

    #[test]
    fn backends_agree_on_every_end(bytes in prop::collection::vec(any::<u8>(), 41..160), flag in 0u8..2) {
        for position in 0..8 {
            let mut bytes = bytes.clone();
            bytes[0] = bytes[0] & !(1 << position) | flag << position;
            for len in 0..=bytes.len() {
                agree(&bytes[..len], position, 1);
            }
        }
    }
}

#[test]
fn positions_that_no_bytes_have_are_refused() {
    for backend in Backend::every_kind() {
        for position in [9, usize::MAX / 3, usize::MAX] {
            assert_eq!(skip(backend, &[0], position, 1), None);
            assert_eq!(skip(backend, &[0], position, 0), None);
            assert_eq!(decode(backend, Output::Fp16, &[0], position, &mut [[0; 32]]), None);
        }
        assert_eq!(skip(backend, &[0], 8, 0), Some(8));
    }
}

/// One block, flag 0, all rests: every bit of the words is free.
fn verbatim(words: &Block) -> Vec<u8> {
    let mut bytes = vec![0; WINDOW];
    let mut put = |at: usize, width: usize, value: u16| {
        (0..width).for_each(|i| bytes[(at + i) / 8] |= ((value >> i & 1) as u8) << ((at + i) % 8));
    };
    let mut before = 0;
    for (i, &word) in words.iter().enumerate() {
        let t = word ^ before;
        before = word;
        let u = if t >> 15 == 1 { t ^ 0x7800 } else { t };
        put(1 + i, 1, 1);
        put(SIGNS + i, 1, u >> 15);
        put(CORES + 8 * i, 8, u >> 3);
        put(MIDS + 3 * i, 3, u >> 11);
        put(RESTS + 4 * i, 4, u & 7 | (u >> 14 & 1) << 3);
    }
    bytes
}

#[test]
fn every_word_comes_out_and_widens_as_defined() {
    for first in (0..=u16::MAX).step_by(32) {
        let words: Block = std::array::from_fn(|i| (first + i as u16).wrapping_mul(40_503));
        let bytes = verbatim(&words);
        for backend in Backend::every_kind() {
            let mut out = [[0; 32]];
            assert_eq!(decode(backend, Output::Fp16, &bytes, 0, &mut out), Some(545));
            assert_eq!(out[0], words, "{backend:?}");
            assert_eq!(decode(backend, Output::Bf16, &bytes, 0, &mut out), Some(545));
            assert_eq!(out[0], words.map(crate::dtype::f16_to_bf16), "{backend:?}");
        }
    }
}
