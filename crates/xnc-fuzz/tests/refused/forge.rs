//! Good files in small, and one fault put into each.

use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use sha2::Digest as _;
use xnc::Codec;
use xnc::internals::parse_header;
use xnc_fuzz::container::{parts_of, put_together};
use xnc_fuzz::decoders;
use xnc_fuzz::files::{self, Tensor};
use xnc_fuzz::good::{self, bytes, images, words};
use xnc_fuzz::round_trip::compressed;
use xnc_fuzz::seal::{self, ALIGN, Part};

/// A compressed file in parts.
pub struct Forge {
    like: Vec<u8>,
    parts: Vec<Part>,
}

/// A table `a`, its duplicate `t`, a plain tensor `p` at the end.
pub fn small() -> Vec<Tensor> {
    let table = || bytes(words(1920, 24, 0x3c00));
    vec![
        ("a".into(), "BF16", vec![80, 24], table()),
        ("t".into(), "BF16", vec![80, 24], table()),
        ("p".into(), "F32", vec![3], vec![7; 12]),
    ]
}

/// A table `a` alone, of FP16 words.
pub fn half() -> Vec<Tensor> {
    vec![("a".into(), "F16", vec![31, 70], bytes(images(2170)))]
}

/// A safetensors file under a codec.
pub fn tensors(codec: Codec, tensors: &[Tensor]) -> Forge {
    Forge::of(&files::safetensors(&[], tensors), codec)
}

/// The small file under the default codec.
pub fn safetensors() -> Forge {
    tensors(Codec::Fast, &small())
}

/// The same as GGUF, with two keys.
pub fn gguf() -> Forge {
    let pairs = ["general.nama", "general.name"].map(|key| (key.to_owned(), "a".to_owned()));
    Forge::of(&files::gguf(3, 64, &pairs, &small(), 0), Codec::Fast)
}

impl Forge {
    fn of(source: &[u8], codec: Codec) -> Forge {
        let like = compressed(source, codec).expect("compresses").expect("shrinks");
        Forge { parts: parts_of(&like), like }
    }

    /// Changes a tensor of the file.
    pub fn part(mut self, name: &str, edit: impl FnOnce(&mut Part)) -> Forge {
        edit(self.parts.iter_mut().find(|part| part.name == name).expect("a tensor of the file"));
        self
    }

    /// Changes the bytes of a tensor, whose shape follows.
    pub fn bytes(self, name: &str, edit: impl FnOnce(&mut Vec<u8>)) -> Forge {
        self.part(name, |part| {
            edit(&mut part.bytes);
            part.shape = vec![part.bytes.len() as u64];
        })
    }

    /// Takes a tensor out.
    pub fn without(mut self, name: &str) -> Forge {
        self.parts.retain(|part| part.name != name);
        self
    }

    /// Puts one more list of bytes in, behind the others.
    pub fn with(mut self, name: &str, bytes: Vec<u8>) -> Forge {
        let dtype = if self.like.starts_with(b"GGUF") { "I8" } else { "U8" };
        let shape = vec![bytes.len() as u64];
        self.parts.push(Part { name: name.into(), dtype: dtype.into(), shape, bytes });
        self
    }

    /// Changes bytes of a record that stand there once, and fills it up again.
    pub fn raw(self, record: &str, from: &[u8], to: &[u8]) -> Forge {
        self.bytes(record, |bytes| {
            let mut text = replaced(bytes.trim_ascii_end(), from, to);
            text.resize(text.len().next_multiple_of(ALIGN), b' ');
            *bytes = text;
        })
    }

    /// As [`Forge::raw`], of the metadata of table `a`.
    pub fn meta(self, from: &str, to: &str) -> Forge {
        self.raw("a.xnc_meta", from.as_bytes(), to.as_bytes())
    }

    /// Changes the file record as a value.
    pub fn record(self, edit: impl FnOnce(&mut Value)) -> Forge {
        self.bytes("xnc.file", |bytes| {
            let mut record: Value = serde_json::from_slice(bytes).expect("a record");
            edit(&mut record);
            *bytes = record.to_string().into_bytes();
            bytes.resize(bytes.len().next_multiple_of(ALIGN), b' ');
        })
    }

    /// Changes the bytes of a piece; in safetensors the first is the source's header.
    pub fn piece(self, number: usize, edit: impl FnOnce(&mut Vec<u8>)) -> Forge {
        self.record(|record| {
            let packed =
                BASE64.decode(record["outside"][number]["zlib"].as_str().expect("a text")).expect("base64");
            let mut bytes = Vec::new();
            flate2::read::ZlibDecoder::new(&packed[..]).read_to_end(&mut bytes).expect("a stream");
            edit(&mut bytes);
            record["outside"][number] = piece(&bytes);
        })
    }

    /// Makes checksums right and puts the file together.
    pub fn finish(mut self) -> Vec<u8> {
        let checksums = good::checksums(&self.like);
        good::seal_dense(&mut self.parts, &checksums);
        seal::seal(&mut self.parts);
        put_together(&self.like, &self.parts)
    }

    /// The parts with checksums made right.
    pub fn sealed(mut self) -> Vec<Part> {
        seal::seal(&mut self.parts);
        self.parts
    }

    /// The tensors in another order.
    pub fn reversed(mut self) -> Forge {
        self.parts.reverse();
        self
    }

    /// The file finished, with the digests of what it holds now.
    pub fn truthful(self) -> Vec<u8> {
        let file = self.finish();
        let source = decoders::restored(&file).expect("what readers take");
        let mut forge = Forge { parts: parts_of(&file), like: file };
        for (name, _, _, place) in parse_header(&source, source.len() as u64).expect("a good header") {
            let digest = blake3::hash(&source[place.start as usize..place.end as usize]).to_hex();
            let record =
                forge.parts.iter_mut().find(|part| part.name == format!("{name}{}", seal::META_SUFFIX));
            if let Some(record) = record {
                put_digest(&mut record.bytes, "blake3", &digest);
            }
        }
        let sha256: String = sha2::Sha256::digest(&source).iter().map(|byte| format!("{byte:02x}")).collect();
        forge.part("xnc.file", |record| put_digest(&mut record.bytes, "sha256", &sha256)).finish()
    }

    /// The same, without sealing.
    pub fn unsealed(self) -> Vec<u8> {
        put_together(&self.like, &self.parts)
    }
}

/// Puts a digest into a record, over the one that is there.
fn put_digest(record: &mut [u8], member: &str, digest: &str) {
    let mark = format!("\"{member}\":\"");
    let at =
        record.windows(mark.len()).position(|part| part == mark.as_bytes()).expect("a digest") + mark.len();
    record[at..at + digest.len()].copy_from_slice(digest.as_bytes());
}

/// A piece of bytes.
pub fn piece(bytes: &[u8]) -> Value {
    // What `flate2` writes depends on what else is in a build.
    let zlib = miniz_oxide::deflate::compress_to_vec_zlib(bytes, 1);
    json!({"length": bytes.len(), "zlib": BASE64.encode(zlib)})
}

/// Bytes with other ones in place of some that are there, once.
pub fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let places: Vec<usize> = (0..bytes.len()).filter(|&at| bytes[at..].starts_with(from)).take(2).collect();
    let [at] = places[..] else { panic!("{} stands {} times", String::from_utf8_lossy(from), places.len()) };
    [&bytes[..at], to, &bytes[at + from.len()..]].concat()
}

/// A safetensors file with a change in the text of its header, whose length follows.
pub fn header(file: &[u8], from: &str, to: &str) -> Vec<u8> {
    let length = u64::from_le_bytes(*file.first_chunk().expect("a length")) as usize;
    let text = replaced(file[8..8 + length].trim_ascii_end(), from.as_bytes(), to.as_bytes());
    [&(text.len() as u64).to_le_bytes()[..], &text, &file[8 + length..]].concat()
}
