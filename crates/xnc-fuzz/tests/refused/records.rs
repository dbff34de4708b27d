//! Records: `spec/container.md`, sections 1 to 5, as far as they are looked at when a file is opened.

use crate::forge::{Forge, safetensors as forge};
use crate::{Rule, rule};

/// The metadata of table `a` with a change.
fn meta(from: &str, to: &str) -> Vec<u8> {
    forge().meta(from, to).finish()
}

/// The metadata of table `a` with one more member, which no reader knows.
fn more(member: &str) -> Vec<u8> {
    meta(r#""name":"a","#, &format!(r#""name":"a",{member},"#))
}

fn shape(shape: &str) -> Vec<u8> {
    meta(r#""shape":[80,24]"#, &format!(r#""shape":{shape}"#))
}

fn part(edit: impl FnOnce(&mut xnc_fuzz::seal::Part)) -> Vec<u8> {
    forge().part("a.xnc_meta", edit).finish()
}

pub fn all() -> Vec<Rule> {
    let mut all = json();
    all.extend(metadata());
    all.extend(file_record());
    all
}

fn json() -> Vec<Rule> {
    let unsealed = forge().raw("xnc.file", b"\"size\":", b"\"size\": ");
    let list = "[".repeat(64) + &"]".repeat(64);
    vec![
        rule("record-type", "tensor of bytes", part(|part| part.dtype = "I8".into())),
        rule("record-axes", "tensor of bytes", part(|part| part.shape.push(1))),
        rule(
            "record-size",
            "tensor of bytes",
            forge().bytes("a.xnc_meta", |bytes| bytes.push(b' ')).finish(),
        ),
        rule("record-begin", "begin", meta(r#"{"crc32c""#, r#"{"crc32d""#)),
        rule("record-checksum", "checksum", unsealed.unsealed()),
        rule(
            "record-version-second",
            "version first",
            meta(r#""version":"1.0","name":"a""#, r#""name":"a","version":"1.0""#),
        ),
        rule("record-version-blank", "version first", meta(r#""version":"1.0""#, r#""version": "1.0""#)),
        rule("record-version-sign", "version", meta(r#""version":"1.0""#, r#""version":"+1.0""#)),
        rule("record-version-zeros", "version", meta(r#""version":"1.0""#, r#""version":"1.00""#)),
        rule("record-version-three", "version", meta(r#""version":"1.0""#, r#""version":"1.0.0""#)),
        rule("record-version-minor", "version", meta(r#""version":"1.0""#, r#""version":"1.1""#)),
        rule("record-version-major", "version", meta(r#""version":"1.0""#, r#""version":"2.0""#)),
        rule("record-not-json", "a", meta(r#""name":"a","#, r#""name":"a",,"#)),
        rule(
            "record-not-utf8",
            "a",
            forge().raw("a.xnc_meta", br#""name":"a","#, b"\"name\":\"a\",\"x\":\"\xff\",").finish(),
        ),
        rule("record-more-text", "trailing", {
            let end = |bytes: &mut Vec<u8>| {
                let at = bytes.trim_ascii_end().len();
                bytes.splice(at..at, *b"{}");
                bytes.truncate(bytes.len() - 2);
            };
            forge().bytes("a.xnc_meta", end).finish()
        }),
        rule("record-name-twice", "twice", more(r#""x":1,"x":1"#)),
        rule("record-name-twice-inside", "twice", more(r#""x":[{"y":1,"\u0079":1}]"#)),
        rule("record-fraction", "", more(r#""x":1.0"#)),
        rule("record-exponent", "", more(r#""x":1e0"#)),
        rule("record-sign", "", more(r#""x":-0"#)),
        rule("record-number", "", more(r#""x":18446744073709551616"#)),
        rule("record-depth", "too deep", more(&format!(r#""x":{list}"#))),
        rule("record-surrogate", "", more(r#""x":"\ud800""#)),
    ]
}

fn metadata() -> Vec<Rule> {
    let copied = |forge: Forge, name: &str| {
        let bytes = std::cell::RefCell::new(Vec::new());
        let forge = forge.part("a.xnc_meta", |part| bytes.replace(part.bytes.clone()).clear());
        forge.with(name, bytes.into_inner())
    };
    let of_companion = copied(forge(), "a.xnc_index.xnc_meta").raw(
        "a.xnc_index.xnc_meta",
        br#""name":"a""#,
        br#""name":"a.xnc_index""#,
    );
    let of_none = copied(forge(), "b.xnc_meta").raw("b.xnc_meta", br#""name":"a""#, br#""name":"b""#);
    vec![
        rule("meta-name", "records tensor", meta(r#""name":"a""#, r#""name":"p""#)),
        rule("meta-of-none", "records tensor", of_none.finish()),
        rule("meta-of-companion", "records tensor", of_companion.finish()),
        rule("meta-dtype", "type", meta(r#""dtype":"BF16""#, r#""dtype":"F64""#)),
        rule("meta-dtype-object", "", meta(r#""dtype":"BF16""#, r#""dtype":{"BF16":null}"#)),
        rule("meta-words", "words", meta(r#""words":"BF16""#, r#""words":"F32""#)),
        rule("meta-shape-empty", "shape", shape("[]")),
        rule("meta-shape-zero", "shape", shape("[80,24,0]")),
        rule("meta-shape-product", "shape", shape("[80,24,1152921504606846976]")),
        rule("meta-shape-text", "", shape(r#""40""#)),
        rule("meta-missing", "members", meta(r#""codec":"fast","#, "")),
        rule("meta-null", "", meta(r#""codec":"fast""#, r#""codec":null"#)),
        rule("meta-params", "", meta(r#"{"align":1,"page":0}"#, "[1,0]")),
        rule("meta-both", "duplicate", meta(r#""codec":"fast","#, r#""codec":"fast","same_as":"a","#)),
        rule(
            "meta-same-as-number",
            "",
            forge().raw("t.xnc_meta", br#""same_as":"a""#, br#""same_as":0"#).finish(),
        ),
        rule("index-of-plain", "index of no", forge().with("p.xnc_index", vec![0; 64]).finish()),
        rule("index-of-duplicate", "index of no", forge().with("t.xnc_index", vec![0; 64]).finish()),
        rule("index-without-record", "index of no", forge().without("a.xnc_meta").finish()),
    ]
}

fn file_record() -> Vec<Rule> {
    let raw = |from: &str, to: &str| forge().raw("xnc.file", from.as_bytes(), to.as_bytes()).finish();
    let piece = |piece: serde_json::Value| forge().record(|record| record["outside"] = piece).finish();
    vec![
        rule("file-format", "records a gguf", raw(r#""format":"safetensors""#, r#""format":"gguf""#)),
        rule("file-missing", "", raw(r#""format":"safetensors","#, "")),
        rule("file-kind", "", raw(r#""size":"#, r#""size":"1","was":"#)),
        rule("piece-list", "", piece(serde_json::json!([[0, ""]]))),
        rule("piece-missing", "piece", piece(serde_json::json!([{"length": 0}]))),
        rule("piece-more", "piece", piece(serde_json::json!([{"from": 0, "length": 0, "x": 0}]))),
        rule("piece-kind", "piece", piece(serde_json::json!([{"length": "0", "zlib": ""}]))),
    ]
}
