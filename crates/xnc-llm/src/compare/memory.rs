//! Resident memory, as Linux tells it. Elsewhere there are no numbers.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;

/// Resident memory of this process, in bytes.
pub struct Memory {
    /// Now.
    pub resident: Option<u64>,
    /// At most, so far.
    pub peak: Option<u64>,
}

/// Resident memory, all of it.
pub fn now() -> Memory {
    Memory { resident: field("VmRSS:"), peak: field("VmHWM:") }
}

/// Resident memory that is no file's.
pub fn anonymous() -> Option<u64> {
    field("RssAnon:")
}

/// A number of `/proc/self/status`, in bytes.
fn field(name: &str) -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok().map(|kilo| kilo * 1024)
}

/// Bytes of the parts `ranges` of a file that are resident in this process's mappings of it: pages that
/// `/proc/self/pagemap` says are present, at the places where `/proc/self/maps` says the file is mapped.
pub fn resident_of(path: &Path, ranges: &[Range<u64>]) -> Option<u64> {
    let path = fs::canonicalize(path).ok()?;
    let maps = fs::read_to_string("/proc/self/maps").ok()?;
    let mut pagemap = File::open("/proc/self/pagemap").ok()?;
    let mut resident = 0;
    for line in maps.lines().filter(|line| line.ends_with(path.to_str().unwrap_or("\0"))) {
        let mut fields = line.split_whitespace();
        let (from, to) = fields.next()?.split_once('-')?;
        let [from, to, offset] = [from, to, fields.nth(1)?].map(|hex| u64::from_str_radix(hex, 16).ok());
        let (from, to, offset) = (from?, to?, offset?);
        for range in ranges {
            let start = (range.start / PAGE * PAGE).max(offset);
            let end = range.end.next_multiple_of(PAGE).min(offset + (to - from));
            if start < end {
                let pages = (from + start - offset) / PAGE..(from + end - offset) / PAGE;
                resident += present(&mut pagemap, pages)? * PAGE;
            }
        }
    }
    Some(resident)
}

/// Size of a page on the machines where `pagemap` is read; elsewhere the numbers would be too small, never too large.
const PAGE: u64 = 4096;

/// Pages of `pages` that are in memory.
fn present(pagemap: &mut File, pages: Range<u64>) -> Option<u64> {
    let mut entries = vec![0; 8 * (pages.end - pages.start) as usize];
    pagemap.seek(SeekFrom::Start(8 * pages.start)).ok()?;
    pagemap.read_exact(&mut entries).ok()?;
    Some(entries.as_chunks::<8>().0.iter().filter(|entry| entry[7] & 0x80 != 0).count() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn a_table_is_resident_once_it_was_read() {
        let sample = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../samples/all-MiniLM-L6-v2.rows-1000-5095.bf16.safetensors");
        let table =
            xnc::Model::open(&sample).and_then(|file| file.table("embeddings.word_embeddings.weight"));
        let table = table.expect("opens");
        let bytes = (2 * table.rows() * table.dim()) as u64;
        let last = fs::metadata(&sample).expect("a file").len();
        let range = last - bytes..last;
        let mut words = vec![0; table.rows() * table.dim()];
        table.read(0, &mut words).expect("reads");
        let resident = resident_of(&sample, &[range]).expect("told");
        assert!((bytes..=bytes + 2 * PAGE).contains(&resident), "{resident} of {bytes}");
        let memory = now();
        assert!(memory.resident.expect("told") >= resident && memory.peak >= memory.resident);
    }
}
