//! Which loops are estimated: where each stands, and how many words a turn of it takes.
//!
//! How many words a turn takes is written down and counted too: each word meets one lane of a multiplication, or
//! is in one store. A loop that is unrolled otherwise no longer fits, and stops the task.

use super::assembly::Family;
use super::assembly::Mark::{Op, Store};
use super::part::{Part, part};

/// A line of the table.
pub struct Hot {
    pub operation: Operation,
    pub set: Set,
    /// What runs over the same words, one after the other.
    pub parts: &'static [Part],
}

/// What is done with words.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operation {
    PlainF32,
    FastF32,
    PlainBf16,
    FastBf16,
    PlainBatchF32,
    PlainBatchBf16,
    FastBatchF32,
    FastBatchBf16,
    PlainCopy,
    FastLookup,
    FastMany,
    FastPack,
    XncDecode,
    XncDecodeShort,
    XncEncode,
    XncEncodeShort,
}

impl Operation {
    pub fn name(self) -> &'static str {
        match self {
            Operation::PlainF32 => "plain product, F32 activations",
            Operation::FastF32 => "`fast` product, F32 activations",
            Operation::PlainBf16 => "plain product, BF16 activations",
            Operation::FastBf16 => "`fast` product, BF16 activations",
            Operation::PlainBatchF32 => "plain product, 8 vectors of F32",
            Operation::PlainBatchBf16 => "plain product, 8 vectors of BF16",
            Operation::FastBatchF32 => "`fast` product, 8 vectors of F32",
            Operation::FastBatchBf16 => "`fast` product, 8 vectors of BF16",
            Operation::PlainCopy => "plain copy around the caches",
            Operation::FastLookup => "`fast` unpack, lookup",
            Operation::FastMany => "`fast` unpack, many rows",
            Operation::FastPack => "`fast` pack",
            Operation::XncDecode => "`xnc` decode, blocks with rests",
            Operation::XncDecodeShort => "`xnc` decode, blocks without",
            Operation::XncEncode => "`xnc` encode, blocks with rests",
            Operation::XncEncodeShort => "`xnc` encode, blocks without",
        }
    }
}

/// An instruction set as kernels are written for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Set {
    Avx2,
    Avx512,
    Neon,
    /// And the instructions that multiply BF16 values.
    NeonBf16,
}

impl Set {
    pub fn name(self) -> &'static str {
        match self {
            Set::Avx2 => "AVX2",
            Set::Avx512 => "AVX-512",
            Set::Neon => "NEON",
            Set::NeonBf16 => "NEON, bf16",
        }
    }

    pub fn family(self) -> Family {
        match self {
            Set::Avx2 | Set::Avx512 => Family::X86,
            Set::Neon | Set::NeonBf16 => Family::Arm,
        }
    }
}

const fn hot(operation: Operation, set: Set, parts: &'static [Part]) -> Hot {
    Hot { operation, set, parts }
}

use Operation::*;
use Set::*;

/// Every line, in the order of the table.
pub const HOT: &[Hot] = &[
    hot(PlainF32, Avx2, &[part("kernel::dot::avx2::bf16_rows::<0>", Op("vfmadd"), 8, 64).rows(1)]),
    hot(
        FastF32,
        Avx2,
        &[part("<kernel::fast::product::avx2::Desk<false>>::rows", Op("vfmadd"), 8, 64).rows(1)],
    ),
    hot(PlainBf16, Avx2, &[part("kernel::dot::avx2::pair_rows::<0>", Op("vfmadd"), 8, 64).rows(1)]),
    hot(
        FastBf16,
        Avx2,
        &[part("<kernel::fast::product::avx2::Desk<true>>::rows", Op("vfmadd"), 8, 64).rows(1)],
    ),
    hot(
        PlainBatchF32,
        Avx2,
        &[
            part("kernel::dot::batch::avx2::bf16_rows", Op("vfmadd"), 8, 64).vectors(3).times(2),
            part("kernel::dot::batch::avx2::bf16_rows", Op("vfmadd"), 8, 64).vectors(2),
        ],
    ),
    hot(PlainBatchBf16, Avx2, &[part("kernel::dot::batch::avx2::pair_rows", Op("vfmadd"), 8, 64).times(8)]),
    hot(PlainCopy, Avx2, &[part("kernel::stream::avx2::copy", Store("vmovntdq %ymm"), 16, 32)]),
    hot(
        FastLookup,
        Avx2,
        &[part("kernel::fast::unpack::avx2::rows::<false>", Store("vmovdqu %ymm"), 16, 64)],
    ),
    hot(
        FastMany,
        Avx2,
        &[part("kernel::fast::unpack::avx2::many::<false, true>", Store("vmovnt"), 16, 64).rows(1)],
    ),
    hot(FastPack, Avx2, &[part("kernel::fast::pack::avx2::group", Store("vmovdqu %ymm"), 16, 64).whole()]),
    hot(
        XncDecode,
        Avx2,
        &[part("kernel::xnc::decode::avx2::decode::<true>", Store("vmovdqu %ymm"), 16, 32).calls(SPREAD)],
    ),
    hot(
        XncDecodeShort,
        Avx2,
        &[part("kernel::xnc::decode::avx2::decode::<true>", Store("vmovdqu %ymm"), 16, 32)
            .calls(SPREAD)
            .short()],
    ),
    hot(XncEncode, Avx2, &[part("kernel::xnc::encode::avx2::encode", Op("vpsraw"), 16, 32)]),
    hot(XncEncodeShort, Avx2, &[part("kernel::xnc::encode::avx2::encode", Op("vpsraw"), 16, 32).short()]),
    hot(PlainF32, Avx512, &[part("kernel::dot::avx512::bf16_rows::<0>", Op("vfmadd"), 16, 64).rows(1)]),
    hot(FastF32, Avx512, &[part(FAST_F32, Op("vfmadd"), 16, 128).rows(2)]),
    hot(PlainBf16, Avx512, &[part("kernel::dot::avx512::pair_rows::<0>", Op("vdpbf16ps"), 32, 128).rows(1)]),
    hot(
        FastBf16,
        Avx512,
        &[part("<kernel::fast::product::avx512::Desk<u16>>::rows", Op("vdpbf16ps"), 32, 128).rows(2)],
    ),
    hot(
        PlainBatchF32,
        Avx512,
        &[part("kernel::dot::batch::avx512::bf16_through::<4, 2>", Op("vfmadd"), 16, 128)
            .vectors(4)
            .times(2)],
    ),
    hot(
        PlainBatchBf16,
        Avx512,
        &[part("kernel::dot::batch::avx512::pair_through::<4, 2>", Op("vdpbf16ps"), 32, 128)
            .vectors(4)
            .times(2)],
    ),
    hot(
        FastBatchF32,
        Avx512,
        &[
            part("<kernel::fast::product::batch::avx512::Desk<f32, false>>::rows", Op("vfmadd"), 16, 128)
                .vectors(4),
            part("kernel::dot::batch::avx512::bf16_through::<4, 2>", Op("vfmadd"), 16, 128).vectors(4),
        ],
    ),
    hot(
        FastBatchBf16,
        Avx512,
        &[
            part("<kernel::fast::product::batch::avx512::Desk<u16, false>>::rows", Op("vdpbf16ps"), 32, 128)
                .vectors(4),
            part("kernel::dot::batch::avx512::pair_through::<4, 2>", Op("vdpbf16ps"), 32, 128).vectors(4),
        ],
    ),
    hot(
        FastLookup,
        Avx512,
        &[part("kernel::fast::unpack::avx512::rows::<false>", Store("vmovdqu64 %zmm"), 32, 64)],
    ),
    hot(
        FastMany,
        Avx512,
        &[part("kernel::fast::unpack::avx512::many::<false, true>", Store("vmovntdq %zmm"), 32, 128).rows(2)],
    ),
    hot(
        XncDecode,
        Avx512,
        &[part("kernel::xnc::decode::avx512::decode::<true>", Store("vmovdqu64 %zmm"), 32, 32)],
    ),
    hot(
        XncDecodeShort,
        Avx512,
        &[part("kernel::xnc::decode::avx512::decode::<true>", Store("vmovdqu64 %zmm"), 32, 32).short()],
    ),
    hot(XncEncode, Avx512, &[part("kernel::xnc::encode::avx512::encode", Store("vmovdqu64 %zmm"), 32, 32)]),
    hot(
        XncEncodeShort,
        Avx512,
        &[part("kernel::xnc::encode::avx512::encode", Store("vmovdqu64 %zmm"), 32, 32).short()],
    ),
    hot(
        PlainF32,
        Neon,
        &[part("kernel::dot::neon::bf16_pair::<0>", Op("fmla"), 4, 128)
            .rows(2)
            .around("kernel::dot::rows_f32")],
    ),
    hot(FastF32, Neon, &[part(FUSED, Op("fmla"), 4, 128).rows(2).calls(PUT)]),
    hot(PlainBf16, Neon, &[part(PAIR_ROW, Op("fmla"), 4, 64).rows(1).around("kernel::dot::rows_bf16")]),
    // It runs under a control word of its own.
    hot(FastBf16, Neon, &[part(FUSED, Op("fmla"), 4, 128).rows(2).calls(PUT).row_has(Op("msr"))]),
    hot(
        PlainBf16,
        NeonBf16,
        &[part(PAIRS_BF16, Op("bfmlal"), 4, 64).rows(1).calls(&[PAIR_ROW]).around("kernel::dot::rows_bf16")],
    ),
    hot(
        FastBf16,
        NeonBf16,
        &[part("<kernel::fast::product::neon::turn::Turn<u16>>::pairs::<false>", Op("bfmlal"), 4, 128)
            .rows(2)
            .calls(PUT)
            .around(FUSED)],
    ),
    // FP16 words would be widened by an instruction; BF16 words are shifted.
    hot(
        PlainBatchF32,
        Neon,
        &[
            part("kernel::dot::batch::rows_f32", Op("fmla"), 4, 64).vectors(3).times(2).has(Op("shl")),
            part("kernel::dot::batch::rows_f32", Op("fmla"), 4, 64).vectors(2).has(Op("shl")),
        ],
    ),
    hot(PlainBatchBf16, Neon, &[part(PAIR_ROW, Op("fmla"), 4, 64).times(8)]),
    hot(PlainBatchBf16, NeonBf16, &[part(PAIRS_BF16, Op("bfmlal"), 4, 64).times(8)]),
    hot(FastLookup, Neon, &[part("kernel::fast::unpack::rows", Op("zip"), 8, 64)]),
    hot(FastMany, Neon, &[part("<kernel::fast::unpack::Many>::rows", Op("zip"), 8, 64).rows(1).calls(PUT)]),
    hot(FastPack, Neon, &[part("kernel::fast::pack::neon::group", Op("cmlt"), 16, 64).whole()]),
    hot(XncDecode, Neon, &[part("kernel::xnc::decode::decode::{closure#0}", Op("fcvtl"), 4, 32)]),
    hot(
        XncDecodeShort,
        Neon,
        &[part("kernel::xnc::decode::decode::{closure#0}", Op("fcvtl"), 4, 32).short()],
    ),
    hot(XncEncode, Neon, &[part("kernel::xnc::encode::encode", Op("shrn"), 8, 32)]),
    hot(XncEncodeShort, Neon, &[part("kernel::xnc::encode::encode", Op("shrn"), 8, 32).short()]),
];

// All ARM processors have NEON, so its loops are inlined into what picks them.
const FUSED: &str = "<kernel::fast::product::Fused>::times";
const PUT: &[&str] = &["<kernel::fast::rooms::neon::Lists>::put"];
const PAIR_ROW: &str = "kernel::dot::neon::pair_row";
const PAIRS_BF16: &str = "kernel::dot::neon::pairs_bf16";
const FAST_F32: &str = "<kernel::fast::product::avx512::Desk<f32>>::rows";
const SPREAD: &[&str] = &["kernel::xnc::decode::avx2::spread::<3>", "kernel::xnc::decode::avx2::spread::<4>"];
