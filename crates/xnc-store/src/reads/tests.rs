//! Reads that go wrong, on a ring and on threads.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Faults, Reads, Source, Span, Work};

/// Bytes that tell where they stand.
fn byte(at: u64) -> u8 {
    (at / 256 * 7 + at) as u8
}

/// Spans, and what became of them.
struct Wanted {
    spans: Vec<Span>,
    given: usize,
    taken: Vec<usize>,
}

impl Work for Wanted {
    fn next(&mut self) -> Option<Span> {
        let span = self.spans.get(self.given).copied();
        self.given += usize::from(span.is_some());
        span
    }

    fn take(&mut self, number: usize, bytes: io::Result<&[u8]>) -> xnc::Result<()> {
        let Span { at, length, .. } = self.spans[number];
        let bytes = bytes.map_err(|cause| xnc::Error::Io { path: PathBuf::new(), cause })?;
        assert!(bytes.len() >= length + 100, "room for a guard");
        assert!((at..).zip(&bytes[..length]).all(|(at, &found)| found == byte(at)), "span {number}");
        self.taken.push(number);
        Ok(())
    }
}

/// Reads spans of all kinds of a file of 300,000 bytes: in turn on a ring and on threads, with and without the page
/// cache.
fn read_all(faults: impl Fn() -> Faults, check: impl Fn(xnc::Result<u64>, &Wanted)) {
    let mut file = tempfile::NamedTempFile::new().expect("temporary files");
    file.write_all(&(0..300_000).map(byte).collect::<Vec<u8>>()).expect("writes");
    for threads in [false, true] {
        for direct in [false, true] {
            // Not every file system of a test machine knows reads that by-pass the cache.
            let Ok(mut source) = Source::open(file.path(), direct) else { continue };
            source.faults = faults();
            let span = |i: u64| {
                let at = i * 7919 % 290_000;
                Span { source: 0, at, length: (1 + i * 613 % 9000).min(300_000 - at) as usize }
            };
            let mut wanted = Wanted { spans: (0..200).map(span).collect(), given: 0, taken: Vec::new() };
            let mut reads = Reads::new(7, 9000, 100, threads).expect("works");
            let told = reads.all(&[Arc::new(source)], &mut wanted);
            check(told, &wanted);
        }
    }
}

fn all_came(told: xnc::Result<u64>, wanted: &Wanted) {
    assert!(told.expect("works") > 0);
    let mut taken = wanted.taken.clone();
    taken.sort_unstable();
    assert!(taken.iter().copied().eq(0..wanted.spans.len()), "each once");
}

#[test]
fn reads_give_what_stands_there() {
    read_all(|| None, all_came);
}

#[test]
fn short_reads_are_gone_on_with() {
    read_all(|| Some(Box::new(|_, read| Ok(if read > 4096 { read / 2 } else { read }))), all_came);
}

#[test]
fn reads_that_a_signal_ended_are_done_again() {
    let faults = || -> Faults {
        let count = AtomicUsize::new(0);
        Some(Box::new(move |_, read| match count.fetch_add(1, Ordering::Relaxed) % 3 {
            0 => Err(io::ErrorKind::Interrupted.into()),
            _ => Ok(read),
        }))
    };
    read_all(faults, all_came);
}

#[test]
fn an_error_of_the_disk_ends_the_call_and_nothing_else() {
    let faults = || -> Faults {
        Some(Box::new(|at, read| if at < 100_000 { Ok(read) } else { Err(io::Error::from_raw_os_error(5)) }))
    };
    read_all(faults, |told, wanted| {
        assert!(told.expect_err("is refused").to_string().contains("os error 5"));
        assert!(wanted.taken.len() < wanted.given, "no more are begun");
    });
}

#[test]
fn the_end_of_a_file_is_an_error() {
    let mut file = tempfile::NamedTempFile::new().expect("temporary files");
    file.write_all(&[1; 5000]).expect("writes");
    for threads in [false, true] {
        let source = Source::open(file.path(), false).expect("opens");
        let spans = vec![Span { source: 0, at: 4000, length: 2000 }];
        let mut wanted = Wanted { spans, given: 0, taken: Vec::new() };
        let told = Reads::new(2, 9000, 100, threads).expect("works").all(&[Arc::new(source)], &mut wanted);
        assert!(told.expect_err("is refused").to_string().contains("the file ends at byte 5000"));
    }
}
