//! A payload that is checked page by page.

use std::io::Write;

use super::write_failed;
use crate::error::Result;

/// Bytes of payload that share a checksum.
pub const PAGE: usize = 4096;

/// Passes a payload on, page after page checked.
pub struct Pages<'a> {
    out: &'a mut dyn Write,
    bytes: usize,
    /// Of the page at hand.
    crc: u32,
    checksums: Vec<u8>,
}

impl<'a> Pages<'a> {
    /// Nothing yet.
    pub fn new(out: &'a mut dyn Write) -> Pages<'a> {
        Pages { out, bytes: 0, crc: 0, checksums: Vec::new() }
    }

    /// Bytes passed on.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Passes bytes on.
    ///
    /// # Errors
    /// [`crate::Error::Write`] when writing fails.
    pub fn add(&mut self, mut bytes: &[u8]) -> Result<()> {
        self.out.write_all(bytes).map_err(write_failed)?;
        while !bytes.is_empty() {
            let room = PAGE - self.bytes % PAGE;
            let part = bytes.split_off(..bytes.len().min(room)).expect("no more than there is");
            self.crc = crc32c::crc32c_append(self.crc, part);
            self.bytes += part.len();
            if self.bytes.is_multiple_of(PAGE) {
                self.end_page();
            }
        }
        Ok(())
    }

    fn end_page(&mut self) {
        self.checksums.extend_from_slice(&self.crc.to_le_bytes());
        self.crc = 0;
    }

    /// Bytes passed on, and the checksums of all pages.
    pub fn finish(mut self) -> (usize, Vec<u8>) {
        if !self.bytes.is_multiple_of(PAGE) {
            self.end_page();
        }
        (self.bytes, self.checksums)
    }
}
