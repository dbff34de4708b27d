//! Checksums of a compressed file, made right again after edits.

use serde_json::Value;

/// Name of the file record: `spec/container.md`, section 1.
pub const FILE_RECORD: &str = "xnc.file";
/// What follows a tensor's name in that of its index.
pub const INDEX_SUFFIX: &str = ".xnc_index";
/// What follows a tensor's name in that of its metadata.
pub const META_SUFFIX: &str = ".xnc_meta";
/// Payloads, indexes and records are multiples of this.
pub const ALIGN: usize = 64;
/// Bytes of a record before those that its checksum covers: section 2.
pub const CHECKED_FROM: usize = 21;

/// A tensor of a compressed file.
pub struct Part {
    /// Name.
    pub name: String,
    /// Element type.
    pub dtype: String,
    /// Extents.
    pub shape: Vec<u64>,
    /// The bytes.
    pub bytes: Vec<u8>,
}

impl Part {
    /// Whether it is a record with a checksum of its own.
    pub fn is_record(&self) -> bool {
        self.name == FILE_RECORD || self.name.ends_with(META_SUFFIX)
    }
}

/// Makes checksums right: of payloads (but for `dense`, whose target does that), then of indexes, then of records.
pub fn seal(parts: &mut [Part]) {
    for at in 0..parts.len() {
        if let Some(name) = parts[at].name.strip_suffix(META_SUFFIX).map(str::to_owned) {
            let find = |name: &str| parts.iter().position(|part| part.name == name);
            let (payload, index) = (find(&name), find(&format!("{name}{INDEX_SUFFIX}")));
            if let (Some(payload_at), Some(index)) = (payload, index) {
                let extent = extent(&parts[at].bytes);
                let payload = std::mem::take(&mut parts[payload_at].bytes);
                let index = &mut parts[index].bytes;
                match extent {
                    Some((codec, rows, dim)) if codec == "fast" || codec == "tight" => {
                        seal_pages(index, &payload, rows, dim);
                    }
                    Some((codec, rows, dim)) if codec == "xnc" => seal_chunks(index, &payload, rows, dim),
                    _ => {}
                }
                let check = format!("{:08x}", crc32c::crc32c(index));
                put_after(&mut parts[at].bytes, b"\"index_crc32c\":\"", check.as_bytes());
                parts[payload_at].bytes = payload;
            }
        }
        let part = &mut parts[at];
        if part.is_record() && part.bytes.len() >= CHECKED_FROM {
            let check = format!("{:08x}", crc32c::crc32c(&part.bytes[CHECKED_FROM..]));
            part.bytes[CHECKED_FROM - 10..CHECKED_FROM - 2].copy_from_slice(check.as_bytes());
        }
    }
}

/// Codec, rows and words a row of the table that a record describes.
fn extent(record: &[u8]) -> Option<(String, u64, u64)> {
    let record: Value = serde_json::from_slice(record).ok()?;
    let mut axes = record["shape"].as_array()?.iter().map(Value::as_u64);
    let rows = axes.next()??;
    let dim = axes.try_fold(1u64, |n, axis| n.checked_mul(axis?))?;
    Some((record["codec"].as_str()?.to_owned(), rows, dim))
}

/// Makes the page checksums of codec `fast` right: `spec/fast.md`, section 5.
pub fn seal_pages(index: &mut [u8], payload: &[u8], rows: u64, dim: u64) {
    let blocks = if dim == 0 { 0 } else { rows.div_ceil(32) } as usize;
    let checksums = index.get_mut(8 * blocks..).unwrap_or_default().as_chunks_mut::<4>().0;
    for (checksum, page) in checksums.iter_mut().zip(payload.chunks(4096)) {
        *checksum = crc32c::crc32c(page).to_le_bytes();
    }
}

/// Makes the checksums in the chunk records of codec `xnc` right.
fn seal_chunks(index: &mut [u8], payload: &[u8], rows: u64, dim: u64) {
    let Some(words) = rows.checked_mul(dim) else { return };
    let (chunks, mut begin) = (words.div_ceil(8192) as usize, 0);
    for record in index.as_chunks_mut::<16>().0.iter_mut().take(chunks) {
        let end = u64::from_le_bytes(*record.first_chunk().expect("sixteen bytes")) as usize;
        if let Some(chunk) = payload.get(begin..end) {
            record[8..12].copy_from_slice(&crc32c::crc32c(chunk).to_le_bytes());
        }
        begin = end;
    }
}

/// Puts a text in place of another of its length, up to a quote; JSON stays JSON.
fn put_after(bytes: &mut [u8], mark: &[u8], text: &[u8]) {
    let found = bytes.windows(mark.len()).position(|part| part == mark).map(|at| at + mark.len());
    if let Some(at) = found
        && bytes.get(at + text.len()) == Some(&b'"')
        && !bytes[at..at + text.len()].contains(&b'"')
    {
        bytes[at..at + text.len()].copy_from_slice(text);
    }
}
