//! `spec/vectors/taken/`: files that no encoder writes and that readers take all the same. Their digests are right.

use xnc::Codec;
use xnc_fuzz::container::put_together;
use xnc_fuzz::{files, good};

use crate::forge::{gguf, half, piece, safetensors as forge, small, tensors};

/// Name, and file.
pub type Taken = (String, Vec<u8>);

fn taken(name: &str, file: Vec<u8>) -> Taken {
    let extension = if file.starts_with(b"GGUF") { "gguf" } else { "safetensors" };
    (format!("{name}.{extension}"), file)
}

pub fn all() -> Vec<Taken> {
    let mut all = containers();
    all.extend(codecs());
    all
}

fn containers() -> Vec<Taken> {
    let more = |text: &str| forge().meta(r#""name":"a","#, text).finish();
    let deep = "[".repeat(63) + &"]".repeat(63);
    let pieces = forge().record(|record| {
        let pieces = record["outside"].as_array_mut().expect("a list");
        pieces.insert(0, piece(b""));
        pieces.push(piece(b""));
    });
    vec![
        taken("record-members", more(r#""name":"a","x":[1,{"y":null,"z":true}],"":"\ud83d\ude00","#)),
        taken("record-blanks", more("\n\t\"name\" :\r \"a\" , ")),
        taken("record-escapes", more(r#""n\u0061me":"\u0061","#)),
        taken("record-depth", more(&format!(r#""name":"a","x":{deep},"#))),
        taken("record-numbers", more(r#""name":"a","x":[0,18446744073709551615],"#)),
        taken("pieces-empty", pieces.finish()),
        taken("order", forge().reversed().finish()),
        taken("no-summary", put_together(&files::safetensors(&[], &small()), &forge().sealed())),
        taken("tail", [gguf().finish(), b"more than tensors".to_vec()].concat()),
    ]
}

/// The rows of table `a` of codec `fast` at other places, with other bytes than zero between them.
fn placed(align: usize, page: usize) -> Vec<u8> {
    let (rows, dim) = (80, 24);
    let (coded, mut payload, mut starts) = (dim + dim / 4 + dim / 8, Vec::new(), Vec::new());
    let mut forge = forge().meta(r#"{"align":1,"page":0}"#, &format!(r#"{{"align":{align},"page":{page}}}"#));
    forge = forge.bytes("a", |bytes| payload.append(bytes)).bytes("a.xnc_index", |index| {
        let (counts, mut from, mut to) = (index[28..28 + rows].to_vec(), 0, Vec::new());
        for (row, &count) in counts.iter().enumerate() {
            let length = if count == 255 { 2 * dim } else { 2 * usize::from(count) + coded };
            let mut begin = to.len().next_multiple_of(align);
            if length <= page && begin % page + length > page {
                begin = begin.next_multiple_of(page);
            }
            to.resize(begin, 0xa5);
            if row % 32 == 0 {
                starts.extend((begin as u64).to_le_bytes());
            }
            to.extend_from_slice(&payload[from..from + length]);
            from += length;
        }
        to.resize((to.len() + 64).next_multiple_of(if page > 0 { page } else { 64 }), 0);
        // Checksums of pages are made when the file is sealed.
        let behind = index[28..28 + rows + 20 + dim].to_vec();
        *index = [&starts[..], &vec![0; 4 * to.len().div_ceil(4096)], &behind].concat();
        index.resize(index.len().next_multiple_of(64), 0);
        payload = to;
    });
    forge.bytes("a", |bytes| *bytes = payload).finish()
}

fn codecs() -> Vec<Taken> {
    // Places in the index of codec `fast`: see `fast.rs`.
    let (counts, symbols) = (3 * 8 + 4, 3 * 8 + 4 + 80);
    let coded =
        |codec, name: &str, edit: fn(&mut Vec<u8>)| tensors(codec, &small()).bytes(name, edit).truthful();
    let first_listed = {
        let mut at = 0;
        let mut forge = forge().bytes("a.xnc_index", |index| {
            let lengths = index[counts..symbols].iter().map(|&count| match count {
                255 => 48,
                count => 33 + 2 * usize::from(count),
            });
            let row =
                index[counts..symbols].iter().position(|&count| (1..255).contains(&count)).expect("a list");
            at = lengths.take(row).sum();
        });
        forge = forge.bytes("a", |bytes| bytes[at..at + 2].copy_from_slice(&[0xff, 0x0f]));
        forge.truthful()
    };
    let unused = tensors(Codec::Fast, &good::several_chunks()).bytes("wte", |bytes| {
        // Row 0 has no list: a group, then ranks of six words, their signs.
        bytes[88 + 1] |= 0xf0;
        bytes[88 + 2] |= 0xc0;
    });
    let bits = |record: &mut Vec<u8>| {
        let text = String::from_utf8(record.clone()).expect("a text");
        let at = text.find(r#"{"bits":"#).expect("params") + 8;
        let end = at + text[at..].find('}').expect("an end");
        record.splice(at..end, *b"1");
        record.resize(record.len().next_multiple_of(64), b' ');
    };
    let unit = tensors(Codec::Dense, &good::predicted("BF16", 24, 32));
    let near = tensors(Codec::Fast, &half()).bytes("a.xnc_index", |index| {
        // Behind one block, one page and 31 counts: the exponents of most words, now too small for FP16.
        index[8 + 4 + 31] = 0x30;
    });
    vec![
        taken("fast-lines", placed(64, 0)),
        taken("fast-pages", placed(1, 4096)),
        taken("fast-lines-and-pages", placed(16, 4096)),
        taken("fast-unused-bits", unused.truthful()),
        taken(
            "fast-symbol-bits",
            coded(Codec::Fast, "a.xnc_index", |index| index[3 * 8 + 4 + 80 + 1] ^= 0x81),
        ),
        taken("fast-entry-behind", first_listed),
        taken("image-near", near.truthful()),
        taken("xnc-bits", tensors(Codec::Xnc, &small()).bytes("a.xnc_meta", bits).finish()),
        taken("xnc-cores", coded(Codec::Xnc, "a", |payload| payload[200] ^= 0xff)),
        taken(
            "dense-unit",
            unit.bytes("a.xnc_index", |index| index[4..6].copy_from_slice(&[0xfe, 0x00])).truthful(),
        ),
    ]
}
