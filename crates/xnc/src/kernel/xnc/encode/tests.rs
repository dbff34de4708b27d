//! Every backend against the codec's block writer, which goes word by word.

use super::*;
use crate::codec::BitWriter;
use crate::codec::xnc::block;
use crate::dtype::{bf16_to_f16, f16_to_bf16};
use proptest::prelude::*;

/// Blocks of the kinds that tables have: any words, words that pass, words that are short, and mixtures.
fn block() -> impl Strategy<Value = Block> {
    let word = |mask: u16| prop::array::uniform32(any::<u16>().prop_map(move |word| word & mask));
    let rare = (word(0xfff8), 0usize..32, any::<u16>()).prop_map(|(mut block, at, word)| {
        block[at] = word;
        block
    });
    prop_oneof![word(0xffff), word(0xbff8), word(0x87f8), word(0x8ff8), rare]
}

fn agree(blocks: &[Block], before: usize) {
    let mut writer = BitWriter::default();
    (0..before).for_each(|i| writer.put((i as u32 % 3) & 1, 1));
    let prefix = writer.len() as usize;
    blocks.iter().for_each(|words| block::encode(words, &mut writer));
    let end = writer.len() as usize;
    let expected = writer.finish();
    for backend in Backend::every_kind() {
        let mut bytes = vec![0xa5; prefix / 8 + room(blocks.len())];
        bytes[..prefix.div_ceil(8)].copy_from_slice(&expected[..prefix.div_ceil(8)]);
        assert_eq!(encode(backend, blocks, &mut bytes, prefix), end, "{backend:?}");
        if !blocks.is_empty() {
            assert_eq!(bytes[..expected.len()], expected, "{backend:?} from bit {prefix}");
        }
        for words in blocks {
            assert_eq!(classify(backend, words), scalar::classify(words), "{backend:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn backends_write_what_the_codec_defines(blocks in prop::collection::vec(block(), 0..6), before in 0usize..40) {
        agree(&blocks, before);
    }

    #[test]
    fn decoding_undoes_encoding(blocks in prop::collection::vec(block(), 1..6), position in 0usize..40) {
        for backend in Backend::every_kind() {
            let mut bytes = vec![0; position / 8 + room(blocks.len())];
            let end = encode(backend, &blocks, &mut bytes, position);
            let mut out = vec![[0; 32]; blocks.len()];
            let bytes = &bytes[..end.div_ceil(8)];
            let output = crate::kernel::xnc::decode::Output::Fp16;
            let read = crate::kernel::xnc::decode::decode(backend, output, bytes, position, &mut out);
            prop_assert_eq!(read, Some(end));
            prop_assert_eq!(&out, &blocks);
        }
    }
}

#[test]
fn images_are_those_of_the_casts() {
    for backend in Backend::every_kind() {
        for first in (0..=u16::MAX).step_by(32) {
            let run: Block = std::array::from_fn(|i| first + i as u16);
            // A run of neighbours, and each word of it alone.
            for words in run.iter().map(|&word| [word; 32]).chain([run]) {
                let (mut image, mut survives) = ([[0; 32]], [false]);
                images(backend, &[words], &mut image, &mut survives);
                let expected = words.map(bf16_to_f16);
                assert_eq!(image[0], expected, "{backend:?}");
                assert_eq!(survives[0], expected.map(f16_to_bf16) == words, "{backend:?} {first:04x}");
            }
        }
    }
}

#[test]
#[should_panic(expected = "needs its room")]
fn too_little_room_is_refused() {
    encode(Backend::SCALAR, &[[0; 32]], &mut [0; 76], 0);
}
