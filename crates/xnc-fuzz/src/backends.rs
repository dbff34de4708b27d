//! Backends agree: every operation gives the same on every instruction set of this machine.

use xnc::kernel::row::{Form, RowShape, Symbols};
use xnc::kernel::unpack::{self, Ahead};
use xnc::kernel::{widen, xnc_decode, xnc_encode};
use xnc::{Backend, Dtype};

use crate::choices::Choices;

/// What one operation makes of any bytes on one backend, as bits.
pub type Operation = fn(Backend, Choices<'_>) -> Vec<u32>;

/// All operations. A new folder of `kernel/` gets a line here and a function below.
const OPERATIONS: &[(&str, Operation)] = &[
    ("unpack::rows", unpack_row),
    ("widen::to_f32", to_f32),
    ("widen::to_f16", to_f16),
    ("xnc_decode::decode", decode_blocks),
    ("xnc_decode::skip", skip_blocks),
    ("xnc_encode::classify", classify_blocks),
];

/// Target `backends`.
pub fn run(data: &[u8]) {
    for (name, operation) in OPERATIONS {
        let scalar = operation(Backend::SCALAR, Choices(data));
        for backend in Backend::available() {
            assert_eq!(operation(backend, Choices(data)), scalar, "{name} with {backend:?}");
        }
    }
}

fn words(mut choices: Choices<'_>) -> Vec<u16> {
    (0..choices.0.len() / 2).map(|_| choices.word()).collect()
}

fn bits(words: &[u16]) -> Vec<u32> {
    words.iter().map(|&word| word.into()).collect()
}

fn unpack_row(backend: Backend, mut choices: Choices<'_>) -> Vec<u32> {
    let shape = RowShape { dim: choices.below(400), form: choices.one(&[Form::Bf16, Form::F16]) };
    let upper = std::array::from_fn(|_| choices.byte());
    let bias: Vec<u16> =
        (0..shape.dim).map(|column| choices.0.get(column).map_or(0, |&byte| u16::from(byte) << 7)).collect();
    // Escapes in every place need many bytes; the choices again, turned a little.
    let turned = |i: usize| {
        choices.0.get(i % choices.0.len().max(1)).map_or(0, |byte| byte.rotate_left(i as u32 / 61))
    };
    let row: Vec<u8> = (0..shape.reach()).map(turned).collect();
    let mut out = vec![0; shape.dim];
    unpack::rows(backend, shape, Symbols { upper: &upper, bias: &bias }, &row, &[0], Ahead::NONE, &mut out);
    bits(&out)
}

fn to_f32(backend: Backend, mut choices: Choices<'_>) -> Vec<u32> {
    let dtype = choices.one(&[Dtype::F16, Dtype::Bf16]);
    let words = words(choices);
    let mut out = vec![0.0; words.len()];
    widen::to_f32(backend, dtype, &words, &mut out);
    out.iter().map(|value| value.to_bits()).collect()
}

fn to_f16(backend: Backend, choices: Choices<'_>) -> Vec<u32> {
    let mut words = words(choices);
    widen::to_f16(backend, &mut words);
    bits(&words)
}

fn decode_blocks(backend: Backend, mut choices: Choices<'_>) -> Vec<u32> {
    let form = choices.one(&[xnc_decode::Form::Fp16, xnc_decode::Form::Bf16]);
    let (position, count) = (choices.below(64), choices.below(24));
    let mut blocks = vec![[0; 32]; count];
    match xnc_decode::decode(backend, form, choices.0, position, &mut blocks) {
        Some(position) => [vec![position as u32], bits(blocks.as_flattened())].concat(),
        None => Vec::new(),
    }
}

fn skip_blocks(backend: Backend, mut choices: Choices<'_>) -> Vec<u32> {
    let (position, count) = (choices.below(64), choices.below(24));
    xnc_decode::skip(backend, choices.0, position, count)
        .into_iter()
        .map(|position| position as u32)
        .collect()
}

fn classify_blocks(backend: Backend, choices: Choices<'_>) -> Vec<u32> {
    let words = words(choices);
    let classes = words.as_chunks().0.iter().map(|block| xnc_encode::classify(backend, block));
    classes.flat_map(|classes| [classes.failing, classes.with_mid]).collect()
}
