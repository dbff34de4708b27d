//! Headers: `spec/container.md`, section 9.

use crate::forge::{gguf as gguf_forge, header, replaced, safetensors as forge};
use crate::{Rule, rule};

/// A safetensors file with a change in its header.
fn changed(from: &str, to: &str) -> Vec<u8> {
    header(&forge().finish(), from, to)
}

/// What the header says of the plain tensor, which is the last, when it begins and ends elsewhere.
fn moved(begin: i64, end: i64) -> Vec<u8> {
    let file = forge().finish();
    let length = u64::from_le_bytes(*file.first_chunk().expect("a length"));
    let stop = file.len() as i64 - 8 - length as i64;
    let entry = |begin: i64, end: i64| format!(r#""shape":[3],"data_offsets":[{begin},{end}]"#);
    header(&file, &entry(stop - 12, stop), &entry(stop - 12 + begin, stop - 12 + end))
}

/// A file with bytes behind it, or with fewer.
fn resized(mut file: Vec<u8>, by: isize) -> Vec<u8> {
    file.resize(file.len().saturating_add_signed(by), 0);
    file
}

pub fn safetensors() -> Vec<Rule> {
    let good = || forge().finish();
    let with_byte = |at: usize, byte: u8| {
        let mut file = good();
        file[at] = byte;
        file
    };
    let p = r#""p":{"dtype":"F32","#;
    vec![
        rule("header-length", "cut short", with_byte(2, 64)),
        rule("header-not-an-object", "not", with_byte(8, b' ')),
        rule("header-not-json", "damaged", changed(p, r#""p" {"dtype":"F32","#)),
        rule("header-not-utf8", "damaged", {
            let file = changed(p, r#""$":{"dtype":"F32","#);
            replaced(&file, b"\"$\"", b"\"\xff\"")
        }),
        rule("header-more-text", "damaged", changed("]}}", "]}}{}")),
        rule("header-name-twice", "twice", changed(p, r#""a":{"dtype":"F32","#)),
        rule("header-metadata-twice", "twice", changed(p, &format!(r#""__metadata__":{{}},{p}"#))),
        rule(
            "header-metadata-key-twice",
            "twice",
            changed(r#"{"xnc_version":"1.0","#, r#"{"xnc_version":"1.0","xnc_version":"1.0","#),
        ),
        rule("header-metadata-number", "damaged", changed(r#""xnc_version":"1.0""#, r#""xnc_version":1"#)),
        rule("header-tensor-list", "damaged", {
            // The values of the members, in the order in which writers write them.
            let file = changed(p, r#""p":["F32","#);
            let file = header(&file, r#"["F32","shape":[3],"data_offsets":"#, r#"["F32",[3],"#);
            header(&file, "]}}", "]]}")
        }),
        rule("header-member-missing", "damaged", changed(p, r#""p":{"#)),
        rule("header-member-unknown", "damaged", changed(p, r#""p":{"dtype":"F32","x":0,"#)),
        rule("header-member-twice", "damaged", changed(p, r#""p":{"dtype":"F32","dtype":"F32","#)),
        rule("header-number", "damaged", changed(r#""shape":[3]"#, r#""shape":[3.0]"#)),
        rule("header-minus-zero", "damaged", changed(r#""shape":[3]"#, r#""shape":[3,-0]"#)),
        rule("header-surrogate", "damaged", changed(r#""p":{"#, r#""p\ud800":{"#)),
        rule("header-size", "cannot take", changed(r#""shape":[3]"#, r#""shape":[4]"#)),
        rule(
            "header-product",
            "cannot take",
            changed(r#""shape":[3]"#, r#""shape":[0,9223372036854775808,2]"#),
        ),
        rule("header-backwards", "spans", moved(12, 0)),
        rule("header-overlap", "overlaps", resized(moved(-4, 8), -4)),
        rule("header-hole", "hole", resized(moved(4, 16), 4)),
        rule("header-trailing", "follow", resized(good(), 1)),
        rule("header-cut", "cut short", resized(good(), -1)),
    ]
}

/// The place behind a text with its length, in a GGUF header.
fn behind(file: &[u8], text: &str) -> usize {
    let text = [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat();
    file.windows(text.len()).position(|part| part == text).expect("a text of the header") + text.len()
}

/// The GGUF file with other bytes at a place behind a text of its header.
fn put(text: &str, at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut file = gguf_forge().finish();
    let at = behind(&file, text) + at;
    file[at..at + bytes.len()].copy_from_slice(bytes);
    file
}

/// One more pair in front of the others, which fills 128 bytes, so that all stays aligned.
fn with_pair(kind: u32, value: &[u32]) -> Vec<u8> {
    let file = gguf_forge().finish();
    let value: Vec<u8> = value.iter().flat_map(|field| field.to_le_bytes()).collect();
    let key = vec![b'k'; 128 - 8 - 4 - value.len()];
    let pairs = u64::from_le_bytes(*file[16..].first_chunk().expect("a number")) + 1;
    let length = (key.len() as u64).to_le_bytes();
    [&file[..16], &pairs.to_le_bytes(), &length, &key, &kind.to_le_bytes(), &value, &file[24..]].concat()
}

pub fn gguf() -> Vec<Rule> {
    let u32 = |number: u32| number.to_le_bytes();
    // Behind the name of `p`: dimensions, one extent, type, offset.
    let (dims, kind, offset) = (0, 12, 16);
    let version = {
        let mut file = gguf_forge().finish();
        file[4] = 4;
        file
    };
    let swapped = |from: &[u8], to: &[u8]| replaced(&gguf_forge().finish(), from, to);
    let unaligned = {
        let file = gguf_forge().finish();
        let at = behind(&file, "p") + offset;
        let mut file = resized(file, 64);
        file[at] += 4;
        file
    };
    let product = gguf_forge().part("p", |p| (p.shape, p.bytes) = (vec![0, 1 << 63, 2], Vec::new()));
    vec![
        rule("version", "version", version),
        rule("key-not-utf8", "UTF-8", swapped(b"general.nama", b"general.nam\xff")),
        rule("key-twice", "twice", swapped(b"general.nama", b"general.name")),
        rule("value-type", "unknown type", put("general.nama", 0, &u32(13))),
        rule("array-type", "unknown type", with_pair(9, &[13, 0, 0])),
        rule("array-depth", "too deep", with_pair(9, &[9, 1, 0, 9, 1, 0, 9, 1, 0, 9, 1, 0, 0, 0, 0])),
        rule("alignment-type", "not a u32", put("general.alignment", 0, &u32(5))),
        rule("alignment", "power of two", put("general.alignment", 4, &u32(96))),
        rule("alignment-large", "power of two", put("general.alignment", 4, &u32(1 << 21))),
        rule(
            "name-not-utf8",
            "UTF-8",
            put("p", 0, &[]).tap(|file| {
                let at = behind(file, "p");
                file[at - 1] = 0xff;
            }),
        ),
        rule(
            "name-twice",
            "twice",
            put("p", 0, &[]).tap(|file| {
                let at = behind(file, "p");
                file[at - 1] = b'a';
            }),
        ),
        rule("dimensions", "dimensions", put("p", dims, &u32(5))),
        rule("type", "ggml type", put("p", kind, &u32(4))),
        rule("half-block", "cannot have", put("p", kind, &u32(8))),
        rule("product", "cannot have", product.finish()),
        rule("unaligned", "not aligned", unaligned),
        rule("overlap", "overlaps", put("p", offset, &[0; 8])),
        rule("cut", "cut short", {
            let file = gguf_forge().finish();
            let end = file.windows(12).rposition(|part| part == [7; 12]).expect("the bytes of `p`") + 12;
            file[..end - 1].to_vec()
        }),
    ]
}

/// A value after a change in place.
trait Tap: Sized {
    fn tap(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }
}

impl Tap for Vec<u8> {}
