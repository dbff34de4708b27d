//! Files whose checksums are right and whose contents lie: an error, quickly and without large allocations.

mod support;

use std::path::Path;

use support::{Random, compress_all, le, safetensors_file, safetensors_header, seal, write};
use xnc::{Codec, Model, OpenOptions, Progress, Verify};

const NAME: &str = "wte.weight";

/// The parts of a compressed file, to be changed and put together again.
struct Parts {
    payload: Vec<u8>,
    index: Vec<u8>,
    meta: serde_json::Value,
    file: serde_json::Value,
}

impl Parts {
    fn good(folder: &Path, codec: Codec) -> Parts {
        let words = Random(1).bf16_weights(500 * 40, 200);
        let source = safetensors_file(&[(NAME, "BF16", vec![500, 40], le(&words))]);
        let packed = folder.join("good");
        compress_all(codec, &write(folder, "plain", &source), &packed);
        let file = Model::open(&packed).expect("opens");
        let part = |name: &str| file.bytes(name).expect("is there").to_vec();
        let json = |name: &str| serde_json::from_slice(&part(name)).expect("is JSON");
        Parts {
            payload: part(NAME),
            index: part("wte.weight.xnc_index"),
            meta: json("wte.weight.xnc_meta"),
            file: json("xnc.file"),
        }
    }

    /// A file with all checksums right.
    fn file(mut self) -> Vec<u8> {
        if self.meta.get("index_crc32c").is_some() {
            self.meta["index_crc32c"] = format!("{:08x}", crc32c::crc32c(&self.index)).into();
        }
        let (meta, file) = (seal(&self.meta), seal(&self.file));
        let tensors: [(&str, Vec<u8>); 4] = [
            (NAME, self.payload),
            ("wte.weight.xnc_index", self.index),
            ("wte.weight.xnc_meta", meta),
            ("xnc.file", file),
        ];
        let sizes = tensors.iter().map(|(name, bytes)| (*name, bytes.len() as u64));
        let mut out = safetensors_header(&[], sizes.map(|(name, size)| (name, "U8", vec![size], size)), 64);
        tensors.iter().for_each(|(_, bytes)| out.extend_from_slice(bytes));
        out
    }
}

/// Metadata of a duplicate whose original it is itself.
fn duplicate_of_itself(parts: &mut Parts) {
    let (name, meta) = (parts.meta["name"].clone(), parts.meta.as_object_mut().expect("an object"));
    ["codec", "words", "index_crc32c", "params"].iter().for_each(|key| drop(meta.shift_remove(*key)));
    meta.insert("same_as".into(), name);
}

#[test]
fn lies_under_right_checksums_are_errors() {
    let lies: &[(&str, Lie)] = &[
        ("cannot hold", |p| p.meta["shape"] = serde_json::json!([1u64 << 40, 1u64 << 20])),
        ("that of no table", |p| p.meta["shape"] = serde_json::json!([u64::MAX, 2])),
        ("that of no table", |p| p.meta["shape"] = serde_json::json!([])),
        ("not what the source's header says", |p| p.meta["shape"] = serde_json::json!([40, 500])),
        ("codec `rot13`", |p| p.meta["codec"] = "rot13".into()),
        ("version 7.0", |p| p.meta["version"] = "7.0".into()),
        ("version 1.9", |p| p.file["version"] = "1.9".into()),
        ("version", |p| p.meta["version"] = "one".into()),
        ("records tensor", |p| p.meta["name"] = "other".into()),
        ("F64", |p| p.meta["dtype"] = "F64".into()),
        ("`-1`", |p| p.meta["params"] = serde_json::json!({"bits": -1})),
        ("params", |p| p.meta["params"] = serde_json::json!({"bits": "1"})),
        ("BLAKE3", |p| p.meta["blake3"] = "00".repeat(32).into()),
        ("chunk 0", |p| p.index[..8].copy_from_slice(&u64::MAX.to_le_bytes())),
        ("chunk 1", |p| p.index[16..24].copy_from_slice(&1u64.to_le_bytes())),
        ("chunk 0", |p| p.index[12..16].copy_from_slice(&u32::MAX.to_le_bytes())),
        ("checksum of chunk 0", |p| p.index[8] ^= 1),
        ("padding", |p| *p.index.last_mut().expect("not empty") = 1),
        ("padding", |p| *p.payload.last_mut().expect("not empty") = 1),
        ("cannot hold", |p| p.index.clear()),
        ("checksum of chunk 1", |p| p.payload[15_000] ^= 1),
        ("index of no coded tensor", duplicate_of_itself),
        ("follow the last tensor", |p| p.file["size"] = u64::MAX.into()),
        ("SHA-256", |p| p.file["sha256"] = "00".repeat(32).into()),
        ("header of the source", |p| p.file["outside"][0]["zlib"] = "AAAA".into()),
        ("header of the source", |p| p.file["outside"][0]["length"] = u64::MAX.into()),
        ("chunk 2", |p| p.payload.truncate(p.payload.len() - 64)),
        ("padding", |p| p.payload.extend_from_slice(&[0; 64])),
        ("cannot hold F16 words", |p| p.meta["words"] = "F16".into()),
        ("not what the source's header says", |p| p.meta["dtype"] = "F32".into()),
        ("chunk 0", |p| {
            p.meta["dtype"] = "F16".into();
            p.meta["words"] = "F16".into();
        }),
        ("key-value pairs", |p| p.file["outside"] = serde_json::json!([{"from": 1, "length": u64::MAX}])),
        ("records a gguf source", |p| p.file["format"] = "gguf".into()),
    ];
    tell(Codec::Xnc, lies);
}

/// Where the index of a table of codec `fast` has its page checksums and its counts: behind the starts of
/// sixteen blocks of 32 rows, and a checksum for each page of 4096 bytes.
const CHECKSUMS: usize = 8 * 16;

fn counts(parts: &Parts) -> usize {
    CHECKSUMS + 4 * parts.payload.len().div_ceil(4096)
}

/// Makes the checksum of the first page right again.
fn recheck(parts: &mut Parts) {
    let crc = crc32c::crc32c(&parts.payload[..4096]);
    parts.index[CHECKSUMS..CHECKSUMS + 4].copy_from_slice(&crc.to_le_bytes());
}

#[test]
fn lies_in_codec_fast_are_errors() {
    let lies: &[(&str, Lie)] = &[
        ("is not that of", |p| p.meta["shape"] = serde_json::json!([1u64 << 40, 1u64 << 20])),
        ("params", |p| p.meta["params"] = serde_json::json!({"coding": "bf16"})),
        ("expected a map", |p| p.meta["params"] = serde_json::json!([])),
        ("expected a map", |p| p.meta["params"] = serde_json::json!([1, 0])),
        ("params", |p| p.meta["params"] = serde_json::json!({"align": 3, "page": 0})),
        ("params", |p| p.meta["params"] = serde_json::json!({"align": 128, "page": 0})),
        ("params", |p| p.meta["params"] = serde_json::json!({"align": 1, "page": 8192})),
        ("rows do not lie", |p| p.meta["params"] = serde_json::json!({"align": 1, "page": 4096})),
        ("rows do not lie", |p| p.meta["params"] = serde_json::json!({"align": 2, "page": 0})),
        ("cannot hold F16 words", |p| p.meta["words"] = "F16".into()),
        ("unknown type `F64`", |p| p.meta["words"] = "F64".into()),
        ("rows do not lie", |p| p.index[..8].copy_from_slice(&u64::MAX.to_le_bytes())),
        ("rows do not lie", |p| p.index[8..16].copy_from_slice(&100u64.to_le_bytes())),
        ("rows do not lie", |p| {
            let at = counts(p);
            p.index[at] ^= 1;
        }),
        // Longer than a plain row.
        ("rows do not lie", |p| {
            let at = counts(p);
            p.index[at] = 254;
        }),
        ("a phase is 0 or 1", |p| {
            let at = counts(p) + 500 + 19;
            p.index[at] = 2;
        }),
        ("is not that of", |p| p.index.truncate(64)),
        ("is not that of", |p| p.index.extend_from_slice(&[0; 64])),
        ("is not that of", |p| *p.index.last_mut().expect("not empty") = 1),
        ("rows do not lie", |p| p.payload.truncate(p.payload.len() - 64)),
        ("rows do not lie", |p| p.payload.extend_from_slice(&[0; 64])),
        ("rows do not lie", |p| *p.payload.last_mut().expect("not empty") = 1),
        ("checksum of page 1", |p| p.payload[5_000] ^= 1),
        ("BLAKE3", |p| {
            p.payload[30] ^= 1;
            recheck(p);
        }),
        // Entries of the first row's list that lie behind the row.
        ("BLAKE3", |p| {
            let row = p.index[counts(p)..].iter().position(|&count| (1..255).contains(&count));
            assert_eq!(row, Some(0), "the first row has a list");
            p.payload[..2].fill(0xff);
            recheck(p);
        }),
    ];
    tell(Codec::Fast, lies);
}

type Lie = fn(&mut Parts);

fn tell(codec: Codec, lies: &[(&str, Lie)]) {
    let folder = tempfile::tempdir().expect("temporary folder");
    let good = write(folder.path(), "a", &Parts::good(folder.path(), codec).file());
    xnc::verify(&good, None, 1, &Progress::default()).expect("parts put together unchanged are good");
    for (number, (says, lie)) in lies.iter().enumerate() {
        let mut parts = Parts::good(folder.path(), codec);
        lie(&mut parts);
        let path = write(folder.path(), "lying", &parts.file());
        let restoring = xnc::verify(&path, None, 1, &Progress::default()).map_err(|e| e.to_string());
        let restoring = restoring.expect_err(&format!("lie {number}, which is of `{says}`"));
        // Lookups may not need the lie; then they must only not panic.
        let mut unchecked = OpenOptions::default();
        unchecked.verify = Verify::Never;
        let opening = match Model::open(&path).and_then(|model| model.table_with(NAME, &unchecked)) {
            Ok(table) => {
                let mut row = vec![0; table.dim()];
                (0..table.rows().min(500)).for_each(|id| drop(table.row(id, &mut row)));
                String::new()
            }
            Err(error) => error.to_string(),
        };
        let told = restoring.contains(says) || opening.contains(says);
        assert!(told, "lie {number}: neither `{restoring}` nor `{opening}` says `{says}`");
    }
}

#[test]
fn a_bomb_of_zeros_unpacks_no_further_than_it_says() {
    use std::io::Write as _;
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    (0..300).for_each(|_| zlib.write_all(&[0; 1 << 20]).expect("memory"));
    let mut parts = Parts::good(folder.path(), Codec::Xnc);
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(zlib.finish().expect("memory"));
    parts.file["outside"][0]["zlib"] = text.into();
    let path = write(folder.path(), "bomb", &parts.file());
    let error = xnc::verify(&path, None, 1, &Progress::default()).expect_err("a bomb").to_string();
    assert!(error.contains("one zlib stream"), "{error}");
}
