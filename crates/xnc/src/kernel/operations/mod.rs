//! Every operation of the kernels, as a list: what it makes of any bytes on a backend, as bits. Tests and
//! fuzzers hold all backends against the scalar one with it.

mod choices;
mod dense;
mod fast;
mod shared;
mod xnc;

pub use choices::Choices;

use super::Backend;

/// One operation.
pub struct Operation {
    /// Folder under `kernel/`, and function.
    pub name: &'static str,
    /// Runs it on what the choices say; every NaN of a result that is a sum counts as the same one.
    pub run: fn(Backend, &mut Choices<'_>) -> Vec<u32>,
    /// The loops behind it, which the test of the list compares with the files that are there.
    #[cfg_attr(not(test), allow(dead_code))]
    pub loops: Loops,
}

/// Whose loop runs on each instruction set that has not its own beyond doubt, the scalar one; by name of the
/// file. A new instruction set gets a field, so that all operations have to say what they do on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loops {
    /// On AVX2.
    pub avx2: &'static str,
    /// On AVX-512.
    pub avx512: &'static str,
    /// On AVX-512 without `vdpbf16ps`.
    pub avx512_no_bf16: &'static str,
}

impl Loops {
    const OWN: Loops = Loops { avx2: "avx2", avx512: "avx512", avx512_no_bf16: "avx512" };
    const BF16: Loops = Loops { avx2: "avx2", avx512: "avx512", avx512_no_bf16: "avx2" };
    const AVX2: Loops = Loops { avx2: "avx2", avx512: "avx2", avx512_no_bf16: "avx2" };
    const AVX512: Loops = Loops { avx2: "scalar", avx512: "avx512", avx512_no_bf16: "avx512" };
    const AVX512_BF16: Loops = Loops { avx2: "scalar", avx512: "avx512", avx512_no_bf16: "scalar" };
    const SCALAR: Loops = Loops { avx2: "scalar", avx512: "scalar", avx512_no_bf16: "scalar" };
}

const fn row(name: &'static str, run: fn(Backend, &mut Choices<'_>) -> Vec<u32>, loops: Loops) -> Operation {
    Operation { name, run, loops }
}

/// All operations. A new folder with a dispatch gets its lines here, and its functions in a file beside.
pub const OPERATIONS: &[Operation] = &[
    row("dense/residual decode", dense::residual_decode, Loops::OWN),
    row("dense/residual decode, one row", dense::residual_decode_one, Loops::SCALAR),
    row("dense/similar search", dense::similar_search, Loops::AVX2),
    row("dot rows_f32, BF16 words", shared::dot_f32_bf16, Loops::OWN),
    row("dot rows_f32, FP16 words", shared::dot_f32_f16, Loops::AVX2),
    row("dot rows_bf16", shared::dot_bf16, Loops::BF16),
    row("dot read", shared::dot_read, Loops::OWN),
    row("dot/batch rows_f32, BF16 words", shared::dot_batch_f32_bf16, Loops::OWN),
    row("dot/batch rows_f32, FP16 words", shared::dot_batch_f32_f16, Loops::OWN),
    row("dot/batch rows_bf16", shared::dot_batch_bf16, Loops::BF16),
    row("fast/pack group", fast::pack_group, Loops::AVX2),
    row("fast/product f32", fast::product_f32, Loops::OWN),
    row("fast/product bf16", fast::product_bf16, Loops::BF16),
    row("fast/product/batch f32, BF16 words", fast::product_batch_f32_bf16, Loops::AVX512),
    row("fast/product/batch f32, FP16 words", fast::product_batch_f32_f16, Loops::AVX512),
    row("fast/product/batch bf16", fast::product_batch_bf16, Loops::AVX512_BF16),
    row("fast/unpack rows, BF16 words", fast::unpack_rows_bf16, Loops::OWN),
    row("fast/unpack rows, FP16 words", fast::unpack_rows_f16, Loops::OWN),
    row("fast/unpack many rows", fast::unpack_many, Loops::OWN),
    row("stream copy", shared::stream_copy, Loops::AVX2),
    row("widen to_f32, BF16 words", shared::widen_to_f32_bf16, Loops::SCALAR),
    row("widen to_f32, FP16 words", shared::widen_to_f32_f16, Loops::AVX2),
    row("widen to_bf16", shared::widen_to_bf16, Loops::AVX2),
    row("widen to_f16", shared::widen_to_f16, Loops::AVX2),
    row("xnc/decode decode", xnc::decode_blocks, Loops::OWN),
    row("xnc/decode skip", xnc::skip_blocks, Loops::AVX2),
    row("xnc/encode encode", xnc::encode_blocks, Loops::OWN),
    row("xnc/encode classify", xnc::classify_blocks, Loops::AVX2),
    row("xnc/encode images", xnc::image_blocks, Loops::AVX2),
];

/// Compares all backends of this machine with the scalar one, on what `data` says.
///
/// # Panics
/// Where one differs.
pub fn compare(data: &[u8]) {
    for operation in OPERATIONS {
        compare_one(operation, data);
    }
}

fn compare_one(operation: &Operation, data: &[u8]) {
    let Operation { name, run, .. } = operation;
    let scalar = run(Backend::SCALAR, &mut Choices::new(data));
    for backend in Backend::every_kind() {
        assert!(run(backend, &mut Choices::new(data)) == scalar, "{name}: {backend:?} differs from scalar");
    }
}

fn bits(words: &[u16]) -> Vec<u32> {
    words.iter().map(|&word| word.into()).collect()
}

/// Sums as bits; any NaN is the same.
fn sums(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| if value.is_nan() { f32::NAN.to_bits() } else { value.to_bits() }).collect()
}

#[cfg(test)]
mod tests;
