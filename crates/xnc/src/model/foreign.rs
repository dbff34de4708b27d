//! Files that are no model of ours and yet often lie under a model's name. Their first bytes tell what they
//! are, so the message can say what to do about it.

use std::fmt::Write as _;

/// Bytes looked at. Everything that is told apart here is told by fewer.
const LOOKED_AT: usize = 4096;
/// Characters of a text that a message quotes.
const QUOTED: usize = 60;

const TO_SAFETENSORS: &str =
    "convert it to safetensors, with `save_pretrained` of Transformers or `safetensors.torch.save_file`";
const FROM_ARRAYS: &str = "convert it to safetensors, with `safetensors.numpy.save_file`";
const FROM_GGML: &str = "download a GGUF version of the model, or convert the file with \
                         `convert_llama_ggml_to_gguf.py`, which is a part of llama.cpp";
const UNPACK: &str = "unpack it and give xnc the model file inside";
const ANOTHER: &str = "take the safetensors or GGUF files of the same model";
const AGAIN: &str = "download it again";

/// Bytes that a kind of file begins with, what it is, and what to do.
type Signature = (&'static [u8], &'static str, &'static str);

const SIGNATURES: &[Signature] = &[
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file (.h5), as Keras and TensorFlow write them", FROM_ARRAYS),
    (b"\x93NUMPY", "a NumPy array (.npy)", FROM_ARRAYS),
    (b"tjgg", "a GGML file of the form GGJT, which came before GGUF", FROM_GGML),
    (b"lmgg", "a GGML file, which came before GGUF", FROM_GGML),
    (b"fmgg", "a GGML file of the form GGMF, which came before GGUF", FROM_GGML),
    (b"algg", "a GGML adapter (GGLA), which came before GGUF", FROM_GGML),
    (b"\x1f\x8b", "a gzip archive", UNPACK),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive", UNPACK),
    (b"\xfd7zXZ\0", "an xz archive", UNPACK),
    (b"BZh", "a bzip2 archive", UNPACK),
    (b"\x04\x22\x4d\x18", "an LZ4 archive", UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", UNPACK),
    (b"Rar!\x1a\x07", "a RAR archive", UNPACK),
    (b"PAR1", "a Parquet file", ANOTHER),
    (b"ARROW1", "an Arrow file", ANOTHER),
    (b"\x7fELF", "a program or library", ANOTHER),
    (b"%PDF-", "a PDF document", ANOTHER),
];

/// What the file is that begins with `head`, and what to do about it.
pub(super) fn describe(head: &[u8]) -> String {
    let head = &head[..head.len().min(LOOKED_AT)];
    if head.is_empty() {
        return format!("the file is empty; {AGAIN}");
    }
    if head.iter().all(|&byte| byte == 0) {
        let count = head.len();
        return format!(
            "{count} bytes of zeros and no header, as an unfinished download leaves them; {AGAIN}"
        );
    }
    for (bytes, what, remedy) in SIGNATURES {
        if head.starts_with(bytes) {
            return format!("{what}; {remedy}");
        }
    }
    let known = zip(head).or_else(|| pickle(head)).or_else(|| within(head)).or_else(|| text(head));
    known.unwrap_or_else(|| unknown(head))
}

/// Zip archives, by the name of their first member: PyTorch, NumPy and Keras pack models into them.
fn zip(head: &[u8]) -> Option<String> {
    if ![b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08"].iter().any(|magic| head.starts_with(*magic)) {
        return None;
    }
    let length = head.get(26..28).map_or(0, |bytes| usize::from(bytes[0]) | usize::from(bytes[1]) << 8);
    let name = head.get(30..).unwrap_or_default();
    let name = String::from_utf8_lossy(&name[..name.len().min(length)]);
    let is = |inside: &str| name == inside || name.ends_with(&format!("/{inside}"));
    Some(if ["data.pkl", ".format_version", ".storage_alignment", "byteorder"].into_iter().any(is) {
        format!("a PyTorch checkpoint (.bin, .pt, .pth), a zip archive of pickles; {TO_SAFETENSORS}")
    } else if name.ends_with(".npy") {
        format!("NumPy arrays in a zip archive (.npz); {FROM_ARRAYS}")
    } else if is("metadata.json") || is("config.json") || is("model.weights.h5") {
        format!("a zip archive, perhaps a Keras model (.keras); {FROM_ARRAYS}, or unpack it")
    } else {
        format!("a zip archive; if it is a PyTorch checkpoint (.bin), {TO_SAFETENSORS}; else {UNPACK}")
    })
}

/// Pickles of protocol 2 and later, and ONNX, whose files begin with a field of Protocol Buffers.
fn pickle(head: &[u8]) -> Option<String> {
    match head {
        [0x80, 2..=5, ..] => Some(format!("a Python pickle, perhaps a PyTorch checkpoint; {TO_SAFETENSORS}")),
        // Field 1, the version of the format, then one of the fields that writers put after it.
        [0x08, 1..=0x1f, 0x12 | 0x1a | 0x22 | 0x28 | 0x32 | 0x3a | 0x42, ..] => {
            Some(format!("an ONNX model; {ANOTHER}"))
        }
        _ => None,
    }
}

/// Kinds of file whose signature does not come first.
fn within(head: &[u8]) -> Option<String> {
    let at = |offset: usize, bytes: &[u8]| head.get(offset..).is_some_and(|rest| rest.starts_with(bytes));
    if at(4, b"TFL3") {
        return Some(format!("a TensorFlow Lite model; {ANOTHER}"));
    }
    if at(257, b"ustar") {
        return Some(format!("a tar archive; {UNPACK}"));
    }
    // HDF5 allows a block of the user's before the signature.
    [512, 1024, 2048].iter().any(|&offset| at(offset, b"\x89HDF\r\n\x1a\n")).then(|| {
        let (_, what, remedy) = SIGNATURES[0];
        format!("{what}; {remedy}")
    })
}

/// Pointers of version control, pages and messages of servers, files of a model that hold no tensors.
fn text(head: &[u8]) -> Option<String> {
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        // The last character may be cut.
        Err(error) if error.error_len().is_none() => str::from_utf8(&head[..error.valid_up_to()]).ok()?,
        Err(_) => return None,
    };
    if text.chars().any(|c| c.is_control() && !matches!(c, '\t' | '\r' | '\n' | '\x0c')) {
        return None;
    }
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let lower = text.to_ascii_lowercase();
    if ["version https://git-lfs", "version https://hawser"].iter().any(|pointer| lower.starts_with(pointer))
    {
        let size = text.lines().find_map(|line| line.strip_prefix("size ")?.trim().parse::<u64>().ok());
        let size = size.map(|size| format!(" of {size} bytes")).unwrap_or_default();
        return Some(format!(
            "a Git LFS pointer, which stands for a file{size}; fetch that file with `git lfs pull`"
        ));
    }
    if lower.starts_with("# xet version") {
        return Some(
            "a Xet pointer, which stands for the file; fetch that file with `git xet` or `hf download`"
                .into(),
        );
    }
    if lower.lines().next().is_some_and(|line| line.contains("/annex/objects/")) {
        return Some("a git-annex pointer; fetch the file itself with `git annex get`".into());
    }
    if ["<!doctype html", "<html", "<head", "<body"].iter().any(|tag| lower.starts_with(tag)) {
        let title =
            between(text, &lower, "<title", "</title").map(|title| format!(" titled `{}`", quote(title)));
        let title = title.unwrap_or_default();
        return Some(format!(
            "an HTML page{title}, which a server sent in place of the file; {AGAIN}, logged in if the model asks for it"
        ));
    }
    let quoted = quote(text);
    Some(if lower.starts_with('<') {
        format!("an XML text, perhaps a server's message: `{quoted}`; {AGAIN}")
    } else if !lower.starts_with(['{', '[']) {
        format!("a text, perhaps a server's message: `{quoted}`; {AGAIN}")
    } else if lower.contains("\"weight_map\"") {
        "the index of a sharded model, which holds no tensors; name the folder that it lies in".into()
    } else if ["\"architectures\"", "\"model_type\""].iter().any(|key| lower.contains(key)) {
        "the configuration of a model, which holds no tensors; name the folder that it lies in".into()
    } else {
        format!("a JSON text, perhaps a server's message: `{quoted}`; {AGAIN}")
    })
}

/// The text between the end of a tag and the beginning of another; `lower` is `text` in small letters.
fn between<'a>(text: &'a str, lower: &str, open: &str, close: &str) -> Option<&'a str> {
    let from = lower.find(open)?;
    let from = from + lower[from..].find('>')? + 1;
    let to = from + lower[from..].find(close)?;
    Some(text[from..to].trim())
}

/// The first characters of a text, safe for a terminal.
fn quote(text: &str) -> String {
    let shown: String = text.trim_end().chars().take(QUOTED).collect();
    let more = if text.trim_end().chars().nth(QUOTED).is_some() { "..." } else { "" };
    let words: Vec<&str> = shown.split_whitespace().collect();
    let mut safe = String::new();
    for c in words.join(" ").chars() {
        match c {
            '"' | '\'' | '\\' => safe.push(c),
            _ => safe.extend(c.escape_debug()),
        }
    }
    format!("{safe}{more}")
}

fn unknown(head: &[u8]) -> String {
    if head.len() <= 8 {
        return format!("{} bytes are too few for any header; {AGAIN}", head.len());
    }
    let mut bytes = String::new();
    for byte in &head[..head.len().min(8)] {
        // Writing to a text cannot fail.
        let _ = write!(bytes, " {byte:02x}");
    }
    format!("a file of unknown kind, whose first bytes are{bytes}")
}

#[cfg(test)]
mod tests;
