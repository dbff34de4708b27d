//! One compressed file back to the source's bytes.

use std::io::{self, BufWriter, Write};
use std::path::Path;

use crate::codec::ordered::for_each_in_order;
use crate::container::{Coded, Container, Standing};
use crate::digest::Sha256;
use crate::error::{Error, Result};
use crate::model::Layout;
use crate::options::{RestoreOptions, RestoreReport};
use crate::progress::{Progress, Stage, Steps};
use crate::target::Target;

use super::write::in_folder;

/// Restores one file.
pub(crate) fn restore(source: &Path, target: &Path, options: &RestoreOptions<'_>) -> Result<RestoreReport> {
    let container = Container::open(source)?;
    container.record()?;
    let mut target = Target::create(target, source, options.force)?;
    let report = restore_into(&container, target.file(), &options.progress);
    let report = report.map_err(in_folder(&target))?;
    target.commit()?;
    Ok(report)
}

/// Passes bytes on and hashes them.
struct Hashing<'a> {
    out: &'a mut dyn Write,
    digest: Sha256,
    bytes: u64,
}

impl Write for Hashing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.digest.update(bytes);
        self.bytes += bytes.len() as u64;
        self.out.write_all(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Writes the source's bytes in order, checking all that can be checked, on the current rayon pool. What was written before an
/// error is to be thrown away.
///
/// # Errors
/// [`Error::Corrupt`] wherever a checksum or a structure does not hold; those of `out`.
pub fn restore_into(
    container: &Container,
    out: &mut dyn Write,
    progress: &Progress<'_>,
) -> Result<RestoreReport> {
    let record = container.record()?;
    let format = container.layout().format();
    if record.format != format.name() {
        return Err(Error::corrupt(format!("a {} file records a {} source", format.name(), record.format)));
    }
    let outside = container.outside()?;
    let source = Layout::parse(&outside, record.size)?;
    let mut steps = progress.stage(Stage::Restore, record.size);
    let mut out = BufWriter::with_capacity(1 << 20, Hashing { out, digest: Sha256::default(), bytes: 0 });
    let mut outside = outside.as_slice();
    let mut gaps = source.gaps(record.size).into_iter().peekable();
    let mut fill = |out: &mut dyn Write, until: u64| -> Result<()> {
        while let Some(gap) = gaps.next_if(|gap| gap.start < until) {
            let bytes = outside
                .split_off(..(gap.end - gap.start) as usize)
                .ok_or_else(|| Error::corrupt("the source's header does not cover its own gaps"))?;
            out.write_all(bytes).map_err(write_failed)?;
        }
        Ok(())
    };
    for tensor in source.tensors() {
        fill(&mut out, tensor.range.start)?;
        match container.stands_for(tensor)? {
            Standing::Coded(meta) => {
                let coded = container.coded(&tensor.name)?;
                decode_tensor(&coded, &tensor.name, &meta.blake3, &mut out, &mut steps)?;
            }
            Standing::Plain(bytes) => {
                for part in bytes.chunks(1 << 20) {
                    out.write_all(part).map_err(write_failed)?;
                    steps.add(part.len() as u64);
                }
            }
        }
    }
    fill(&mut out, record.size)?;
    let hashing = out.into_inner().map_err(|e| write_failed(e.into_error()))?;
    let sha256 = hashing.digest.finish();
    if (hashing.bytes, &sha256) != (record.size, &record.sha256) {
        return Err(Error::corrupt(format!(
            "restored bytes have SHA-256 {sha256}, the source had {}",
            record.sha256
        )));
    }
    Ok(RestoreReport { bytes: record.size, sha256: Some(sha256), tensors: container.metas().len(), files: 1 })
}

/// Decodes a whole tensor in order, with chunk checksums and the tensor's digest checked.
fn decode_tensor(
    coded: &Coded,
    name: &str,
    expected: &str,
    out: &mut dyn Write,
    steps: &mut Steps<'_>,
) -> Result<()> {
    let (opened, stored) = (&coded.opened, coded.stored());
    let mut digest = blake3::Hasher::new();
    let decode = |number: usize| -> Result<Vec<u8>> {
        opened.check(stored, number)?;
        let words = opened.words_of(number);
        let mut buffer = vec![0; words.len()];
        opened.decode(stored, number, words.start, &mut buffer, None)?;
        Ok(buffer.iter().flat_map(|word| word.to_le_bytes()).collect())
    };
    for_each_in_order(0..opened.chunks(), decode, |bytes| {
        let bytes = bytes.map_err(|e| e.in_tensor(name))?;
        digest.update(&bytes);
        steps.add(bytes.len() as u64);
        out.write_all(&bytes).map_err(write_failed)
    })?;
    if digest.finalize().to_hex().as_str() != expected {
        return Err(Error::corrupt(format!("tensor `{name}` does not decode to its BLAKE3 digest")));
    }
    Ok(())
}

fn write_failed(cause: io::Error) -> Error {
    Error::Io { path: "restored file".into(), cause }
}
