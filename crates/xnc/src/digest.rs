//! SHA-256 as files and hubs write it.

use sha2::Digest as _;

/// A running SHA-256.
#[derive(Default)]
pub struct Sha256(sha2::Sha256);

impl Sha256 {
    /// Takes more bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest in lower-case hexadecimal.
    pub fn finish(self) -> String {
        self.0.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The digest of bytes in memory.
    pub fn of(bytes: &[u8]) -> String {
        let mut digest = Sha256::default();
        digest.update(bytes);
        digest.finish()
    }
}
