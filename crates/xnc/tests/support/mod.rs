//! Model files made in memory, and the calls that all integration tests share.
#![allow(dead_code, unused_imports)] // each test binary uses its own part

mod files;
pub mod folders;
mod random;

use std::path::{Path, PathBuf};

use xnc::{
    Backend, Codec, CompressOptions, CompressReport, Model, OpenOptions, RestoreOptions, Selection, Table,
};

pub use files::{Tensor, gguf_file, gguf_file_with, safetensors_file, safetensors_header};
pub use random::Random;

/// Bytes of words.
pub fn le(words: &[u16]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

impl Random {
    /// BF16 words as weights have them; one in `rare` is any word at all, 0 for none.
    pub fn bf16_weights(&mut self, n: usize, rare: u64) -> Vec<u16> {
        (0..n)
            .map(|_| match rare {
                1.. if self.next().is_multiple_of(rare) => self.next() as u16,
                _ => half::bf16::from_f32(0.02 * self.normal()).to_bits(),
            })
            .collect()
    }
}

/// Every 16-bit pattern once, in an order that is far from sorted.
pub fn every_word() -> Vec<u16> {
    (0..=u16::MAX).map(|i| i.wrapping_mul(40_503)).collect()
}

/// A record with its checksum made right.
pub fn seal(record: &serde_json::Value) -> Vec<u8> {
    let mut members = record.as_object().expect("an object").clone();
    members.shift_remove("crc32c");
    let text = serde_json::Value::Object(members).to_string();
    let mut body = text.into_bytes().split_off(1);
    body.resize((body.len() + 21).next_multiple_of(64) - 21, b' ');
    [format!("{{\"crc32c\":\"{:08x}\",", crc32c::crc32c(&body)).as_bytes(), &body].concat()
}

/// Writes a source file into `folder`.
pub fn write(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, bytes).expect("temporary folder takes files");
    path
}

/// FP16 words of the same values, as an F16 model made of a BF16 one holds them.
pub fn as_f16(words: &[u16]) -> Vec<u16> {
    words.iter().map(|&w| half::f16::from_f32(half::bf16::from_bits(w).to_f32()).to_bits()).collect()
}

/// F32 bytes of BF16 values.
pub fn bf16_as_f32(words: &[u16]) -> Vec<u8> {
    words.iter().flat_map(|&word| (u32::from(word) << 16).to_le_bytes()).collect()
}

/// F32 bytes of FP16 values.
pub fn f16_as_f32(words: &[u16]) -> Vec<u8> {
    words.iter().flat_map(|&word| half::f16::from_bits(word).to_f32_const().to_le_bytes()).collect()
}

/// Options with a codec and selection, that replace what is there.
pub fn options(codec: Codec, selection: Selection, threads: usize) -> CompressOptions<'static> {
    let mut options = CompressOptions::default();
    (options.codec, options.selection, options.threads, options.force) = (codec, selection, threads, true);
    options
}

/// Compresses every tensor of `source` that can be into `target`; one at least must have been.
pub fn compress_all(codec: Codec, source: &Path, target: &Path) -> CompressReport {
    let report = xnc::compress(source, target, &options(codec, Selection::All, 2)).expect("compresses");
    let codecs: Vec<_> = report.tensors.iter().map(|tensor| tensor.codec).collect();
    assert!(codecs.contains(&Some(codec)), "nothing was compressed: {:?} {codecs:?}", report.nothing);
    assert!(target.exists());
    report
}

/// Restores into `target`.
pub fn restore(source: &Path, target: &Path) -> xnc::Result<xnc::RestoreReport> {
    let mut options = RestoreOptions::default();
    (options.threads, options.force) = (1, true);
    xnc::restore(source, target, &options)
}

/// All files below a folder, with their paths in it, sorted.
pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in next.read_dir().expect("lists") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push(path.strip_prefix(folder).expect("below it").to_owned());
            }
        }
    }
    files.sort();
    files
}

/// All tensors of a safetensors file as another library sees them, companions among them, and their sizes.
pub fn stored_tensors(path: &Path) -> Vec<(String, u64)> {
    let bytes = std::fs::read(path).expect("reads");
    let file = safetensors::SafeTensors::deserialize(&bytes).expect("a valid file");
    file.tensors().into_iter().map(|(name, view)| (name, view.data().len() as u64)).collect()
}

/// Opens a table of a file.
pub fn open(path: &Path, name: &str) -> Table {
    Model::open(path).expect("opens").table(name).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// A table of plain words in memory: what compressed ones are compared with.
pub fn plain_twin(dtype: xnc::Dtype, rows: usize, dim: usize, words: &[u16]) -> Table {
    Table::from_bytes(dtype, rows, dim, le(words), &OpenOptions::default())
        .expect("as many words as asked for")
}

/// All words of a table.
pub fn all_words(table: &Table) -> Vec<u16> {
    let mut words = vec![0; table.rows() * table.dim()];
    table.read(0, &mut words).expect("reads");
    words
}

/// Asserts that two results of products are the same to the last bit; any NaN is any NaN.
pub fn assert_same(a: &[f32], b: &[f32], what: &str) {
    assert_eq!(a.len(), b.len(), "{what}");
    for (i, (a, b)) in a.iter().zip(b).enumerate() {
        assert!(a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan(), "{what}: value {i} is {a} and {b}");
    }
}

/// Asserts that a table answers every call as its plain twin: rows, ranges, values, products.
pub fn assert_twins(plain: &Table, packed: &Table, what: &str) {
    let (rows, dim) = (plain.rows(), plain.dim());
    assert_eq!((rows, dim, plain.dtype()), (packed.rows(), packed.dim(), packed.dtype()), "{what}");
    assert!(all_words(plain) == all_words(packed), "{what}: read");
    let mut random = Random(77);
    let mut ids: Vec<usize> = (0..50.min(rows * 50)).map(|_| random.next() as usize % rows).collect();
    ids.extend(0..rows);
    let [mut a, mut b] = [vec![1; ids.len() * dim], vec![2; ids.len() * dim]];
    plain.gather(&ids, &mut a).expect("plain rows");
    packed.gather(&ids, &mut b).expect("packed rows");
    assert!(a == b, "{what}: gather");
    let [mut a, mut b] = [vec![1.0; ids.len() * dim], vec![2.0; ids.len() * dim]];
    plain.gather_f32(&ids, &mut a).expect("plain values");
    packed.gather_f32(&ids, &mut b).expect("packed values");
    assert_same(&a, &b, &format!("{what}: gather_f32"));
    for vectors in [1, 3] {
        let x: Vec<f32> = (0..vectors * dim).map(|_| random.normal()).collect();
        let [mut a, mut b] = [vec![1.0; vectors * rows], vec![2.0; vectors * rows]];
        // Without columns there are no vectors either.
        let results = if dim == 0 { 0 } else { vectors * rows };
        plain.product(&x, 1, &mut a[..results]).expect("plain product");
        packed.product(&x, 2, &mut b[..results]).expect("packed product");
        assert_same(&a[..results], &b[..results], &format!("{what}: product of {vectors}"));
        let x: Vec<u16> = x.iter().map(|&x| half::bf16::from_f32(x).to_bits()).collect();
        let [of_plain, of_packed] = [(plain, &mut a), (packed, &mut b)]
            .map(|(table, out)| table.product_bf16(&x, 2, &mut out[..results]).is_ok());
        // FP16 words that are BF16 values all are BF16 words to a codec that sees it, and to nobody else.
        if of_plain {
            assert!(of_packed, "{what}: product_bf16");
            assert_same(&a[..results], &b[..results], &format!("{what}: product_bf16 of {vectors}"));
        }
    }
}

/// Every backend of this machine.
pub fn backends() -> Vec<Backend> {
    ["scalar", "avx2", "avx512"].iter().filter_map(|name| name.parse().ok()).collect()
}

/// This test program, to be started as another process; through what the environment names, a line a word,
/// where programs of this machine need an emulator.
pub fn this_program() -> std::process::Command {
    let program = std::env::current_exe().expect("this program");
    let runner = std::env::var("XNC_TEST_RUNNER").unwrap_or_default();
    let mut words = runner.lines();
    let Some(first) = words.next() else { return std::process::Command::new(program) };
    let mut command = std::process::Command::new(first);
    command.args(words).arg(program);
    command
}
