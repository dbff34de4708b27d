use super::describe;
use crate::model::Layout;

/// Bytes, and what a message about them says.
const CASES: &[(&[u8], &[&str])] = &[
    (b"", &["empty", "download it again"]),
    (&[0; 5], &["5 bytes of zeros", "download it again"]),
    (&[0; 10_000], &["zeros", "download it again"]),
    (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 4965799096\n",
        &["of 4965799096 bytes", "git lfs pull"],
    ),
    (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize x\n",
        &["stands for a file;", "git lfs pull"],
    ),
    (b"version https://hawser.github.com/spec/v1\n", &["git lfs pull"]),
    (b"/annex/objects/SHA256E-s3--98ea\n", &["git annex get"]),
    (b"# xet version 0\nfilesize = 3\n", &["Xet pointer"]),
    (b"<!DOCTYPE html><title>401 Unauthorized</title>", &["HTML", "`401 Unauthorized`", "download it again"]),
    (b"\xef\xbb\xbf\r\n <HTML lang=en><Title a=b>x\x20\n y</TITLE>", &["HTML", "`x y`"]),
    (b"<html>no title", &["an HTML page, which"]),
    (b"<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>", &["XML", "AccessDenied"]),
    (
        b"{\"error\":\"Repository not found\"}",
        &["JSON", "`{\"error\":\"Repository not found\"}`", "download it again"],
    ),
    (b"[1, 2, 3, 4]", &["JSON"]),
    (b"{\"metadata\": {}, \"weight_map\": {\"a\": \"b\"}}", &["index of a sharded model", "folder"]),
    (b"{\"architectures\": [\"LlamaForCausalLM\"]}", &["configuration", "folder"]),
    (b"Entry not found", &["text", "`Entry not found`", "download it again"]),
    ("Nicht gefunden: äöü".as_bytes(), &["text", "äöü"]),
    (b"PK\x03\x04\x14\0\0\0\x08\0aaaaaaaaaaaaaaaaaaaaaa", &["zip archive", "safetensors"]),
    (b"PK\x03\x04", &["zip archive"]),
    (b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", &["zip archive"]),
    (
        b"PK\x03\x04\0\0\x08\x08\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x10\0\0\0archive/data.pklFB",
        &["PyTorch", "safetensors"],
    ),
    (
        b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x05\0\0\0a.npy\x93NUMPY",
        &[".npz", "safetensors"],
    ),
    (b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xff\xff\0\0metadata.json", &["zip archive"]),
    (b"\x89HDF\r\n\x1a\n\0\0\0\0", &["HDF5", "safetensors"]),
    (b"\x93NUMPY\x01\0v\0{'descr'", &[".npy"]),
    (b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02", &["pickle", "safetensors"]),
    (b"\x80\x04\x95\x10\0\0\0\0\0\0\0}\x94", &["pickle"]),
    (b"tjgg\x03\0\0\0aaaaaaaaaaaaaaaaaaaaaa", &["GGML", "GGUF version"]),
    (b"lmgg\0\0\0\0", &["GGML"]),
    (b"fmgg\x01\0\0\0", &["GGML"]),
    (b"algg\x01\0\0\0", &["GGML adapter"]),
    (b"\x08\x07\x12\x07pytorch\x1a\x05", &["ONNX"]),
    (b"\x08\x0a:\xf4\xc1\x02", &["ONNX"]),
    (b"\x1f\x8b\x08\0\0\0\0\0\0\x03", &["gzip", "unpack"]),
    (b"\x28\xb5\x2f\xfd\x04\0\0\0\0", &["Zstandard"]),
    (b"\xfd7zXZ\0\0\x04", &["xz"]),
    (b"BZh91AY&SY", &["bzip2"]),
    (b"\x1c\0\0\0TFL3\x14\0", &["TensorFlow Lite"]),
    (b"\xde\xad\xbe\xef\xde\xad\xbe\xef\xde", &["unknown kind", "are de ad be ef de ad be ef"]),
    (b"\xff\0{", &["3 bytes are too few", "download it again"]),
];

#[test]
fn every_kind_of_file_is_named_with_a_remedy() {
    for (bytes, says) in CASES {
        // What a user meets is the message of the parser.
        let error = Layout::parse(bytes, bytes.len() as u64).expect_err("no model").to_string();
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(40)]);
        for part in *says {
            assert!(error.contains(part), "{shown:?}: {error}");
        }
        assert!(!error.contains("upgrade"), "{shown:?}: {error}");
    }
    let mut tar = vec![b'a'; 257];
    tar.extend(b"ustar\0\x000");
    assert!(describe(&tar).contains("tar archive"));
    let mut hdf = vec![1; 512];
    hdf.extend(b"\x89HDF\r\n\x1a\n");
    assert!(describe(&hdf).contains("HDF5"));
}

#[test]
fn every_beginning_of_every_case_has_a_message() {
    for (bytes, _) in CASES {
        for end in 0..=bytes.len().min(100) {
            assert!(Layout::parse(&bytes[..end], end as u64).is_err());
            // A member's name, a title, a character may be cut anywhere.
            assert!(!describe(&bytes[..end]).is_empty());
        }
    }
}

#[test]
fn a_quote_is_short_and_safe_for_a_terminal() {
    let told = describe("é\u{202e}x".repeat(1000).as_bytes());
    assert!(told.contains("...") && told.len() < 1000 && !told.contains('\u{202e}'), "{told}");
    assert!(describe(b"text \x1b[31mred").contains("unknown kind"), "control characters are no text");
}
