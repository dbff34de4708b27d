//! Every operation of the kernels, as a list: what it makes of any bytes on a backend, as bits. Tests and
//! fuzzers hold all backends against the scalar one with it.

mod choices;
mod dense;
mod fast;
mod shared;
mod tight;
mod xnc;

pub use choices::Choices;

use super::Backend;

/// One operation.
pub struct Operation {
    /// Folder under `kernel/`, and function.
    pub name: &'static str,
    /// Runs it on what the choices say; every NaN of a result that is a sum counts as the same one.
    pub run: Run,
    /// The loops behind it on x86-64, which the test of the list compares with the files that are there.
    #[cfg_attr(not(test), allow(dead_code))]
    pub loops: Loops,
    /// The same on ARM.
    #[cfg_attr(not(test), allow(dead_code))]
    pub arm: Arm,
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
    const ONLY_AVX512: Loops = Loops { avx2: "scalar", avx512: "avx512", avx512_no_bf16: "avx512" };
    const ONLY_AVX512_BF16: Loops = Loops { avx2: "scalar", avx512: "avx512", avx512_no_bf16: "scalar" };
    const SCALAR: Loops = Loops { avx2: "scalar", avx512: "scalar", avx512_no_bf16: "scalar" };
}

/// As [`Loops`], for NEON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arm {
    /// With all extensions that loops know.
    pub neon: &'static str,
    /// Without `bf16`.
    pub neon_no_bf16: &'static str,
    /// Without `dotprod`.
    pub neon_no_dotprod: &'static str,
}

impl Arm {
    const NEON: Arm = Arm { neon: "neon", neon_no_bf16: "neon", neon_no_dotprod: "neon" };
    const SCALAR: Arm = Arm { neon: "scalar", neon_no_bf16: "scalar", neon_no_dotprod: "scalar" };
}

type Run = fn(Backend, &mut Choices<'_>) -> Vec<u32>;

const fn row(name: &'static str, run: Run, loops: Loops, arm: Arm) -> Operation {
    Operation { name, run, loops, arm }
}

/// All operations. A new folder with a dispatch gets its lines here, and its functions in a file beside.
pub const OPERATIONS: &[Operation] = &[
    row("dense/residual decode", dense::residual_decode, Loops::OWN, Arm::NEON),
    row("dense/residual decode, one row", dense::residual_decode_one, Loops::AVX2, Arm::SCALAR),
    row("dense/factor subtract", dense::factor_subtract, Loops::AVX2, Arm::SCALAR),
    row("dense/gram products", dense::gram_products, Loops::OWN, Arm::SCALAR),
    row("dense/residual encode", dense::residual_encode, Loops::AVX2, Arm::SCALAR),
    row("dense/similar dot", dense::similar_dot, Loops::OWN, Arm::SCALAR),
    row("dense/similar search", dense::similar_search, Loops::OWN, Arm::NEON),
    row("dot rows_f32, BF16 words", shared::dot_f32_bf16, Loops::OWN, Arm::NEON),
    row("dot rows_f32, FP16 words", shared::dot_f32_f16, Loops::AVX2, Arm::NEON),
    row("dot rows_bf16", shared::dot_bf16, Loops::BF16, Arm::NEON),
    row("dot read", shared::dot_read, Loops::OWN, Arm::SCALAR),
    row("dot/batch rows_f32, BF16 words", shared::dot_batch_f32_bf16, Loops::OWN, Arm::NEON),
    row("dot/batch rows_f32, FP16 words", shared::dot_batch_f32_f16, Loops::OWN, Arm::NEON),
    row("dot/batch rows_bf16", shared::dot_batch_bf16, Loops::BF16, Arm::NEON),
    row("fast/pack group", fast::pack_group, Loops::AVX2, Arm::NEON),
    row("fast/product f32", fast::product_f32, Loops::OWN, Arm::NEON),
    row("fast/product bf16", fast::product_bf16, Loops::BF16, Arm::NEON),
    row("fast/product/batch f32, BF16 words", fast::product_batch_f32_bf16, Loops::ONLY_AVX512, Arm::SCALAR),
    row("fast/product/batch f32, FP16 words", fast::product_batch_f32_f16, Loops::ONLY_AVX512, Arm::SCALAR),
    row("fast/product/batch bf16", fast::product_batch_bf16, Loops::ONLY_AVX512_BF16, Arm::SCALAR),
    row("fast/unpack rows, BF16 words", fast::unpack_rows_bf16, Loops::OWN, Arm::NEON),
    row("fast/unpack rows, FP16 words", fast::unpack_rows_f16, Loops::OWN, Arm::NEON),
    row("fast/unpack many rows", fast::unpack_many, Loops::OWN, Arm::NEON),
    row("stream copy", shared::stream_copy, Loops::AVX2, Arm::SCALAR),
    row("tight/product f32", tight::product_f32, Loops::ONLY_AVX512, Arm::SCALAR),
    row("tight/product bf16", tight::product_bf16, Loops::ONLY_AVX512_BF16, Arm::SCALAR),
    row("tight/unpack rows, BF16 words", tight::unpack_rows_bf16, Loops::OWN, Arm::NEON),
    row("tight/unpack rows, FP16 words", tight::unpack_rows_f16, Loops::OWN, Arm::NEON),
    row("widen to_f32, BF16 words", shared::widen_to_f32_bf16, Loops::SCALAR, Arm::SCALAR),
    row("widen to_f32, FP16 words", shared::widen_to_f32_f16, Loops::AVX2, Arm::NEON),
    row("widen to_bf16", shared::widen_to_bf16, Loops::AVX2, Arm::NEON),
    row("widen to_f16", shared::widen_to_f16, Loops::AVX2, Arm::NEON),
    row("xnc/decode decode", xnc::decode_blocks, Loops::OWN, Arm::NEON),
    row("xnc/decode skip", xnc::skip_blocks, Loops::AVX2, Arm::SCALAR),
    row("xnc/encode encode", xnc::encode_blocks, Loops::OWN, Arm::NEON),
    row("xnc/encode classify", xnc::classify_blocks, Loops::AVX2, Arm::NEON),
    row("xnc/encode images", xnc::image_blocks, Loops::AVX2, Arm::NEON),
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
