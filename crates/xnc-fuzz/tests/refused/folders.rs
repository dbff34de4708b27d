//! Folders: `spec/container.md`, section 8.

use serde_json::{Value, json};
use xnc::Codec;
use xnc_fuzz::seal::CHECKED_FROM;

use crate::forge::{piece, small, tensors};
use crate::{Made, Rule};

/// A file of tensors, and a text of which the record tells another.
const MODEL: &str = "model.safetensors";
const TEXT: &str = "config.json";

/// SHA-256 and size of the source of `model.safetensors`, as its own record tells them.
fn recorded(file: &[u8]) -> (Value, Value) {
    let parts = xnc_fuzz::container::parts_of(file);
    let record = parts.iter().find(|part| part.name == "xnc.file").expect("a file record");
    let record: Value = serde_json::from_slice(&record.bytes).expect("a record");
    (record["size"].clone(), record["sha256"].clone())
}

/// A record of some members, sealed.
fn sealed(members: Value) -> Vec<u8> {
    let text = members.to_string();
    let mut record = format!("{{\"crc32c\":\"00000000\",{}", &text[1..]).into_bytes();
    record.resize(record.len().next_multiple_of(64), b' ');
    let check = format!("{:08x}", crc32c::crc32c(&record[CHECKED_FROM..]));
    record[CHECKED_FROM - 10..CHECKED_FROM - 2].copy_from_slice(check.as_bytes());
    record
}

/// A folder with one fault.
fn folder(
    name: &str,
    told: &'static str,
    edit: impl FnOnce(&mut Value, &mut Vec<(&'static str, Vec<u8>)>),
) -> Rule {
    let file = tensors(Codec::Fast, &small()).finish();
    let (size, sha256) = recorded(&file);
    // SHA-256 of no bytes.
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let mut record = json!({
        "version": "1.0",
        "files": {
            MODEL: {"size": size, "sha256": sha256, "state": "compressed"},
            TEXT: {"size": 0, "sha256": empty, "state": "rewritten", "source": [piece(b"")]},
        },
    });
    let mut files = vec![(MODEL, file), (TEXT, b"{}".to_vec())];
    edit(&mut record, &mut files);
    files.push(("xnc.json", sealed(record)));
    Rule { name: format!("folder-{name}"), told, made: Made::Folder(files) }
}

/// The folder with its text under another path.
fn path(name: &str, path: &str) -> Rule {
    folder(name, "file name", |record, _| {
        let files = record["files"].as_object_mut().expect("an object");
        let entry = files.remove(TEXT).expect("an entry");
        files.insert(path.into(), entry);
    })
}

pub fn all() -> Vec<Rule> {
    vec![
        path("path-up", "../config.json"),
        path("path-absolute", "/config.json"),
        path("path-empty", "a//b"),
        path("path-dot", "./config.json"),
        path("path-zero", "a\0b"),
        path("path-record", "xnc.json"),
        folder("path-below-file", "", |record, _| {
            let entry = record["files"][TEXT].clone();
            record["files"][format!("{MODEL}/a")] = entry;
        }),
        folder("version", "version", |record, _| record["version"] = "1.1".into()),
        folder("files", "files", |record, _| {
            let files = record["files"].take();
            *record = json!({"version": "1.0", "were": files});
        }),
        folder("entry", "", |record, _| record["files"][TEXT] = json!([0, "", "copied"])),
        folder("state", "file that is kept", |record, _| record["files"][TEXT]["state"] = "kept".into()),
        folder("member", "size", |record, _| {
            drop(record["files"][MODEL].as_object_mut().expect("an object").remove("size"));
        }),
        folder("source-missing", "rewritten", |record, _| {
            drop(record["files"][TEXT].as_object_mut().expect("an object").remove("source"));
        }),
        folder("source-more", "copied", |record, _| {
            record["files"][TEXT]["state"] = "copied".into();
        }),
        folder("source-pairs", "pairs", |record, _| {
            record["files"][TEXT]["source"] = json!([{"from": 0, "length": 0}]);
        }),
        folder("rewritten", "SHA-256", |record, _| {
            record["files"][TEXT]["source"] = json!([piece(b"{}")]);
        }),
        folder("compressed", "SHA-256", |record, _| {
            record["files"][MODEL]["sha256"] = record["files"][TEXT]["sha256"].clone();
        }),
        folder("size", "SHA-256", |record, _| record["files"][MODEL]["size"] = 1.into()),
        folder("gone", "", |_, files| files.retain(|file| file.0 != MODEL)),
        folder("copied", "SHA-256", |record, files| {
            let entry = record["files"][TEXT].clone();
            record["files"]["a.gguf"] = json!({"size": 4, "sha256": entry["sha256"], "state": "copied"});
            files.push(("a.gguf", b"GGUF".to_vec()));
        }),
        folder("copied-data", "SHA-256", |record, files| {
            let entry = record["files"][TEXT].clone();
            record["files"]["a.bin"] = json!({"size": 1, "sha256": entry["sha256"], "state": "copied"});
            files.push(("a.bin", vec![0]));
        }),
    ]
}
