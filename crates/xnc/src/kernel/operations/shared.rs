//! What the codecs share: plain products, values of words, copies around the caches.

use super::{Choices, bits, sums};
use crate::dtype::Dtype;
use crate::kernel::{Backend, bytes_of, dot, stream, widen};

pub fn dot_f32_bf16(backend: Backend, choices: &mut Choices<'_>) -> Vec<u32> {
    dot_f32(backend, Dtype::Bf16, choices)
}

pub fn dot_f32_f16(backend: Backend, choices: &mut Choices<'_>) -> Vec<u32> {
    dot_f32(backend, Dtype::F16, choices)
}

fn dot_f32(backend: Backend, dtype: Dtype, choices: &mut Choices<'_>) -> Vec<u32> {
    let (dim, rows, ahead) = (choices.below(300), choices.below(8), choices.one(&dot::AHEAD));
    let words = choices.bf16(rows * dim);
    let x = activations(choices, dim);
    let (mut arranged, mut out) = (vec![9.0; dot::padded(dim)], vec![9.0; rows]);
    dot::arrange(backend, dtype, &x, &mut arranged);
    dot::rows_f32(backend, dtype, bytes_of(&words), dim, &arranged, ahead, &mut out);
    sums(&out)
}

pub fn dot_batch_f32_bf16(backend: Backend, choices: &mut Choices<'_>) -> Vec<u32> {
    dot_batch_f32(backend, Dtype::Bf16, choices)
}

pub fn dot_batch_f32_f16(backend: Backend, choices: &mut Choices<'_>) -> Vec<u32> {
    dot_batch_f32(backend, Dtype::F16, choices)
}

fn dot_batch_f32(backend: Backend, dtype: Dtype, choices: &mut Choices<'_>) -> Vec<u32> {
    let (dim, rows, ahead) = (choices.below(300), choices.below(8), choices.one(&dot::AHEAD));
    let vectors = if dim == 0 { 0 } else { 1 + choices.below(dot::batch::MOST) };
    let words = choices.bf16(rows * dim);
    let x: Vec<f32> = (0..vectors).flat_map(|_| activations(choices, dim)).collect();
    let mut arranged = vec![9.0; vectors * dot::padded(dim)];
    dot::batch::arrange_f32(backend, dtype, dim, &x, &mut arranged);
    let mut out = vec![9.0; vectors * rows];
    let mut parts: Vec<&mut [f32]> = out.chunks_mut(rows.max(1)).collect();
    parts.resize_with(vectors, Default::default);
    dot::batch::rows_f32(backend, dtype, bytes_of(&words), dim, &arranged, ahead, &mut parts);
    sums(&out)
}

pub fn dot_batch_bf16(backend: Backend, choices: &mut Choices<'_>) -> Vec<u32> {
    let (dim, rows, ahead) = (1 + choices.below(300), choices.below(8), choices.one(&dot::AHEAD));
    let vectors = 1 + choices.below(dot::batch::MOST);
    let words = choices.bf16(rows * dim);
    let x: Vec<u16> = (0..vectors).flat_map(|_| choices.bf16(dim)).collect();
    let mut arranged = vec![9; vectors * dot::padded(dim)];
    dot::batch::arrange_bf16(dim, &x, &mut arranged);
    let mut out = vec![9.0; vectors * rows];
    let mut parts: Vec<&mut [f32]> = out.chunks_mut(rows.max(1)).collect();
    parts.resize_with(vectors, Default::default);
    dot::batch::rows_bf16(backend, bytes_of(&words), dim, &arranged, ahead, &mut parts);
    sums(&out)
}

/// F32 activations with all bits of their mantissas; now and then one that is any number.
pub fn activations(choices: &mut Choices<'_>, dim: usize) -> Vec<f32> {
    let (words, strange) = (choices.bf16(dim), choices.below(2) == 0);
    let mut value = |(i, word): (usize, u16)| match strange && choices.below(50) == 0 {
        true => f32::from_bits(choices.dword()),
        false => f32::from_bits(u32::from(word) << 16) * (1.0 + i as f32 / 7.0),
    };
    words.into_iter().enumerate().map(&mut value).collect()
}

pub fn dot_bf16(backend: Backend, choices: &mut Choices<'_>) -> Vec<u32> {
    let (dim, rows, ahead) = (choices.below(300), choices.below(8), choices.one(&dot::AHEAD));
    let (words, mut x) = (choices.bf16(rows * dim), choices.bf16(dim));
    x.resize(dot::padded(dim), 0);
    let mut out = vec![9.0; rows];
    dot::rows_bf16(backend, bytes_of(&words), dim, &x, ahead, &mut out);
    sums(&out)
}

pub fn dot_read(backend: Backend, choices: &mut Choices<'_>) -> Vec<u32> {
    let (length, ahead) = (choices.below(2000), choices.one(&dot::AHEAD));
    let words = dot::read(backend, &choices.bytes(length), ahead);
    vec![words as u32, (words >> 32) as u32]
}

pub fn widen_to_f32_bf16(backend: Backend, choices: &mut Choices<'_>) -> Vec<u32> {
    widen_to_f32(backend, Dtype::Bf16, choices)
}

pub fn widen_to_f32_f16(backend: Backend, choices: &mut Choices<'_>) -> Vec<u32> {
    widen_to_f32(backend, Dtype::F16, choices)
}

fn widen_to_f32(backend: Backend, dtype: Dtype, choices: &mut Choices<'_>) -> Vec<u32> {
    let words = some_words(choices);
    let mut out = vec![0.0; words.len()];
    widen::to_f32(backend, dtype, &words, &mut out);
    out.iter().map(|value| value.to_bits()).collect()
}

pub fn widen_to_bf16(backend: Backend, choices: &mut Choices<'_>) -> Vec<u32> {
    let mut words = some_words(choices);
    widen::to_bf16(backend, &mut words);
    bits(&words)
}

pub fn widen_to_f16(backend: Backend, choices: &mut Choices<'_>) -> Vec<u32> {
    let mut words = some_words(choices);
    widen::to_f16(backend, &mut words);
    bits(&words)
}

pub fn stream_copy(backend: Backend, choices: &mut Choices<'_>) -> Vec<u32> {
    let (from, place) = (some_words(choices), choices.below(40));
    let mut to = vec![0x5a5a; place + from.len() + 7];
    stream::scope(backend, |stream| stream.copy(&from, &mut to[place..][..from.len()]));
    bits(&to)
}

fn some_words(choices: &mut Choices<'_>) -> Vec<u16> {
    let n = choices.below(300);
    choices.words(n)
}
