//! Blocks of codec `xnc`.

use super::{Choices, bits};
use crate::kernel::Backend;
use crate::kernel::xnc::decode::{Output, decode, skip};
use crate::kernel::xnc::encode::{classify, encode, images, room};

/// Bytes whose blocks have flags and selectors of every kind: any, or runs of zeros and ones among them.
fn stream(choices: &mut Choices<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..choices.below(5) {
        let n = choices.below(200);
        match choices.below(4) {
            0 => bytes.resize(bytes.len() + n, 0),
            1 => bytes.resize(bytes.len() + n, 0xff),
            _ => bytes.extend(choices.bytes(n)),
        }
    }
    bytes
}

pub fn decode_blocks(backend: Backend, choices: &mut Choices<'_>) -> Vec<u32> {
    let output = choices.one(&[Output::Fp16, Output::Bf16]);
    let (bytes, position, count) = (stream(choices), choices.below(700), choices.below(16));
    let mut blocks = vec![[0x5a5a; 32]; count];
    match decode(backend, output, &bytes, position, &mut blocks) {
        Some(position) => [vec![position as u32], bits(blocks.as_flattened())].concat(),
        // What the blocks hold then is unspecified.
        None => Vec::new(),
    }
}

pub fn skip_blocks(backend: Backend, choices: &mut Choices<'_>) -> Vec<u32> {
    let (bytes, position, count) = (stream(choices), choices.below(700), choices.below(16));
    skip(backend, &bytes, position, count).into_iter().map(|position| position as u32).collect()
}

pub fn encode_blocks(backend: Backend, choices: &mut Choices<'_>) -> Vec<u32> {
    let (position, count) = (choices.below(40), choices.below(8));
    let blocks = choices.blocks(count);
    let mut bytes = choices.bytes(position / 8 + room(count));
    let end = encode(backend, &blocks, &mut bytes, position);
    // What lies behind the byte of the end is unspecified.
    [end as u32].into_iter().chain(bytes[..end.div_ceil(8)].iter().map(|&byte| byte.into())).collect()
}

pub fn classify_blocks(backend: Backend, choices: &mut Choices<'_>) -> Vec<u32> {
    let blocks = choices.blocks(4);
    let classes = blocks.iter().map(|block| classify(backend, block));
    classes.flat_map(|classes| [classes.failing, classes.with_mid]).collect()
}

pub fn image_blocks(backend: Backend, choices: &mut Choices<'_>) -> Vec<u32> {
    let blocks = choices.blocks(4);
    let (mut to, mut survives) = (vec![[0; 32]; 4], vec![false; 4]);
    images(backend, &blocks, &mut to, &mut survives);
    bits(to.as_flattened()).into_iter().chain(survives.into_iter().map(u32::from)).collect()
}
