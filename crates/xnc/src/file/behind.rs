//! The BLAKE3 digest of a table, taken behind its encoder, so that a file that memory does not hold is read once.

use crate::container::Container;

use super::LET_BE;

/// Bytes hashed at a time: enough for threads to share.
const HASHED: usize = 16 << 20;

/// The digest of a table's elements.
pub trait Digest {
    /// Hears how many bytes of the table the encoder has read.
    fn reach(&mut self, bytes: u64);

    /// The digest, in hexadecimal.
    fn finish(&mut self) -> String;
}

/// A digest that is known.
impl Digest for &str {
    fn reach(&mut self, _: u64) {}

    fn finish(&mut self) -> String {
        (*self).to_owned()
    }
}

/// A digest that is taken of a mapped file.
pub struct Behind<'a> {
    file: &'a Container,
    bytes: &'a [u8],
    hasher: blake3::Hasher,
    /// What was hashed.
    done: usize,
}

impl<'a> Behind<'a> {
    pub fn new(file: &'a Container, bytes: &'a [u8]) -> Behind<'a> {
        Behind { file, bytes, hasher: blake3::Hasher::new(), done: 0 }
    }

    fn hash(&mut self, end: usize) {
        let part = &self.bytes[self.done..end];
        self.hasher.update_rayon(part);
        // Hashing maps pages faster than anything else here: a table of 2 GB would be resident within a second.
        if self.bytes.len() > LET_BE {
            self.file.let_go(part);
        }
        self.done = end;
    }
}

impl Digest for Behind<'_> {
    fn reach(&mut self, bytes: u64) {
        let end = self.bytes.len().min(bytes as usize);
        while self.done + HASHED <= end {
            self.hash(self.done + HASHED);
        }
    }

    fn finish(&mut self) -> String {
        self.reach(self.bytes.len() as u64);
        self.hash(self.bytes.len());
        self.hasher.finalize().to_hex().to_string()
    }
}
