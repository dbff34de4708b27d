//! Values of 16 bits that are stored as F32 are coded as what they are, and come back bit for bit.

mod support;

use support::{
    Random, Tensor, assert_same, assert_twins, bf16_as_f32, compress_all, f16_as_f32, gguf_file, open,
    options, plain_twin, restore, safetensors_file, write,
};
use xnc::{Codec, Dtype, Error, Model, Selection, TensorReport};

const ROWS: usize = 200;
const DIM: usize = 70;

/// The oddest words of each type: NaNs, infinities, the largest and smallest numbers, subnormals, both zeros.
/// Widening makes a signalling FP16 NaN quiet, so F32 holds none.
const ODD_BF16: [u16; 12] =
    [0x7fc0, 0xffff, 0x7f81, 0xff81, 0x7f80, 0xff80, 0x7f7f, 0x0080, 0x0001, 0x807f, 0x8000, 0x0000];
const ODD_F16: [u16; 12] =
    [0x7e00, 0xffff, 0x7e01, 0xfe55, 0x7c00, 0xfc00, 0x7bff, 0x0400, 0x0001, 0x83ff, 0x8000, 0x0000];

/// FP16 words, most of which are no BF16 values.
fn f16_words(odd: &[u16]) -> Vec<u16> {
    let mut random = Random(61);
    let mut words: Vec<u16> =
        (0..ROWS * DIM).map(|_| half::f16::from_f32(random.normal()).to_bits()).collect();
    words[DIM..][..odd.len()].copy_from_slice(odd);
    words
}

fn bf16_words(odd: &[u16]) -> Vec<u16> {
    let mut words = Random(62).bf16_weights(ROWS * DIM, 0);
    words[DIM..][..odd.len()].copy_from_slice(odd);
    words
}

fn f32_tensor(name: &'static str, bytes: Vec<u8>) -> Tensor<'static> {
    (name, "F32", vec![ROWS as u64, DIM as u64], bytes)
}

fn report_of(bytes: Vec<u8>, codec: Codec) -> TensorReport {
    let source = safetensors_file(&[f32_tensor("wte.weight", bytes)]);
    let (_, report) =
        xnc::compress_bytes(source, &options(codec, Selection::Embeddings, 1)).expect("no error");
    report.tensors.into_iter().next().expect("one tensor")
}

#[test]
fn the_oddest_values_come_back_from_files_of_both_formats() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (bf16, f16) = (bf16_words(&ODD_BF16), f16_words(&ODD_F16));
    let tensors = [
        f32_tensor("model.embed_tokens.weight", bf16_as_f32(&bf16)),
        f32_tensor("half", f16_as_f32(&f16)),
        f32_tensor("lm_head.weight", bf16_as_f32(&bf16)),
        ("zeros", "F32", vec![64, 64], vec![0; 4 * 64 * 64]),
    ];
    for source in [safetensors_file(&tensors), gguf_file(&tensors, None)] {
        let plain = write(folder.path(), "plain", &source);
        for &codec in Codec::ALL {
            let (packed, back) = (folder.path().join("packed"), folder.path().join("back"));
            let report = compress_all(codec, &plain, &packed);
            for tensor in &report.tensors {
                assert_eq!((tensor.dtype.as_str(), tensor.codec), ("F32", Some(codec)), "{}", tensor.name);
                // FP16 values that use their whole mantissa take 17 bits and more under codec `xnc`, and 32
                // here.
                assert!(tensor.stored_bytes < tensor.source_bytes * 6 / 10, "{} as {codec}", tensor.name);
            }
            assert_eq!(report.tensors[2].same_as.as_deref(), Some("model.embed_tokens.weight"));
            restore(&packed, &back).expect("restores");
            assert!(std::fs::read(&back).expect("restored") == source, "{codec}");

            let model = Model::open(&packed).expect("opens");
            for (name, dtype, words) in [
                ("model.embed_tokens.weight", Dtype::Bf16, &bf16),
                ("lm_head.weight", Dtype::Bf16, &bf16),
                ("half", Dtype::F16, &f16),
            ] {
                let info = model.tensor(name).expect("is there");
                assert_eq!((info.dtype.as_str(), info.source_bytes), ("F32", (4 * ROWS * DIM) as u64));
                // Words of the type that they are, in the compressed file and in the plain one.
                let twin = plain_twin(dtype, ROWS, DIM, words);
                assert_twins(&twin, &model.table(name).expect("opens"), &format!("{name} {codec}"));
                let table = open(&plain, name);
                assert_eq!((table.codec(), table.dtype()), (None, dtype));
                assert_twins(&twin, &table, name);
            }
        }
    }
}

#[test]
fn values_are_those_of_the_source_to_the_bit() {
    let folder = tempfile::tempdir().expect("temporary folder");
    for (dtype, bytes) in
        [(Dtype::Bf16, bf16_as_f32(&bf16_words(&ODD_BF16))), (Dtype::F16, f16_as_f32(&f16_words(&ODD_F16)))]
    {
        let source = safetensors_file(&[f32_tensor("wte.weight", bytes.clone())]);
        let plain = write(folder.path(), "plain", &source);
        let expected: Vec<f32> = bytes.as_chunks().0.iter().map(|four| f32::from_le_bytes(*four)).collect();
        for &codec in Codec::ALL {
            let packed = folder.path().join("packed");
            compress_all(codec, &plain, &packed);
            let mut out = vec![0.0; ROWS * DIM];
            let table = open(&packed, "wte.weight");
            table.gather_f32(&(0..ROWS).collect::<Vec<_>>(), &mut out).expect("values");
            assert_same(&out, &expected, &format!("{dtype} {codec}"));
        }
    }
}

#[test]
fn one_value_that_is_not_of_16_bits_leaves_a_table_plain_and_says_so() {
    let change = |mut bytes: Vec<u8>, at: usize, bits: u32| {
        bytes[4 * at..4 * at + 4].copy_from_slice(&bits.to_le_bytes());
        bytes
    };
    let last = ROWS * DIM - 1;
    let (bf16, f16) = (bf16_as_f32(&bf16_words(&[])), f16_as_f32(&f16_words(&[])));
    let mixed = || {
        let mut all = bf16.clone();
        all[4 * DIM..].copy_from_slice(&f16[4 * DIM..]);
        // A BF16 value that no FP16 word has: 2^-100.
        change(all, 3, 0x0d80_0000)
    };
    for &codec in Codec::ALL {
        for bytes in [
            change(bf16.clone(), 0, 0x3f80_0001),
            change(bf16.clone(), last, 0x3f80_0001),
            // A NaN with a bit below, and a number between two FP16 values.
            change(bf16.clone(), last / 2, 0x7fc0_0001),
            change(f16.clone(), last, 0x3f80_1000),
            // Too large for FP16, too small for it, and a signalling NaN, which FP16 words do not widen to.
            change(f16.clone(), 7, 0x4780_1000),
            change(f16.clone(), 8, 0x3300_0001),
            change(f16.clone(), 9, 0x7f80_2000),
            mixed(),
        ] {
            let report = report_of(bytes, codec);
            assert_eq!((report.dtype.as_str(), report.codec), ("F32", None));
            let reason = report.plain_because.expect("a reason");
            assert!(reason.contains("not all BF16, nor all FP16"), "{reason}");
            assert_eq!(report.stored_bytes, report.source_bytes);
        }
        // Without such a value, they are coded.
        assert_eq!(report_of(bf16.clone(), codec).codec, Some(codec));
        assert_eq!(report_of(f16.clone(), codec).codec, Some(codec));
    }
}

#[test]
fn a_plain_table_of_real_f32_values_is_none() {
    let mut random = Random(63);
    let bytes: Vec<u8> = (0..ROWS * DIM).flat_map(|_| random.normal().to_le_bytes()).collect();
    let model = Model::from_bytes(safetensors_file(&[f32_tensor("wte.weight", bytes)])).expect("opens");
    let error = model.table("wte.weight").expect_err("no words");
    assert!(matches!(&error, Error::NotATable { reason, .. } if reason.contains("F32")), "{error}");
}
