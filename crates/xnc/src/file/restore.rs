//! One compressed file back to the source's bytes.

use std::io::Write;
use std::path::Path;

use rayon::prelude::*;

use crate::container::{Coded, Container, Standing};
use crate::digest::Sha256;
use crate::error::{Error, Result};
use crate::model::Layout;
use crate::options::{RestoreOptions, RestoreReport};
use crate::progress::{Progress, Stage, Steps};
use crate::target::Target;

/// Plain bytes taken at a time.
const PART: usize = 4 << 20;

/// Restores one file.
pub(crate) fn restore(source: &Path, path: &Path, options: &RestoreOptions<'_>) -> Result<RestoreReport> {
    let container = Container::open(source)?;
    let size = container.record()?.size;
    let mut target = Target::create(path, source, options.force)?;
    target.expect(size)?;
    let report = restore_into(&container, target.file(), &options.progress);
    let report = report.map_err(Target::blame(path))?;
    target.commit()?;
    Ok(report)
}

/// Takes bytes in order: written and hashed at the same time.
struct Taker<'a> {
    out: &'a mut (dyn Write + Send),
    sha256: Sha256,
    bytes: u64,
    steps: Steps<'a>,
}

impl Taker<'_> {
    /// Takes parts one after another, `also` among those who do.
    fn take<P: AsRef<[u8]> + Sync>(&mut self, parts: &[P], also: impl FnMut(&[u8]) + Send) -> Result<()> {
        let Taker { out, sha256, .. } = self;
        let bytes = || parts.iter().map(AsRef::as_ref);
        let write = || bytes().try_for_each(|part| out.write_all(part));
        let hash = || bytes().for_each(|part| sha256.update(part));
        let (written, _) = rayon::join(write, || rayon::join(hash, || bytes().for_each(also)));
        written.map_err(|cause| Error::Write { cause })?;
        let taken = bytes().map(|part| part.len() as u64).sum();
        self.bytes += taken;
        self.steps.add(taken);
        Ok(())
    }
}

/// Writes the source's bytes in order, checking all that can be checked, on the current rayon pool. What was
/// written before an error is to be thrown away.
///
/// # Errors
/// [`Error::Corrupt`] wherever a checksum or a structure does not hold; [`Error::Write`] with those of `out`.
pub fn restore_into(
    container: &Container,
    out: &mut (dyn Write + Send),
    progress: &Progress<'_>,
) -> Result<RestoreReport> {
    let record = container.record()?;
    let format = container.layout().format;
    if record.format != format.name() {
        return Err(Error::corrupt(format!("a {} file records a {} source", format.name(), record.format)));
    }
    let outside = container.outside()?;
    let source = Layout::parse(&outside, record.size)?;
    let steps = progress.stage(Stage::Restore, record.size);
    let mut taker = Taker { out, sha256: Sha256::default(), bytes: 0, steps };
    let mut outside = outside.as_slice();
    let mut gaps = source.gaps(record.size).into_iter().peekable();
    let mut fill = |taker: &mut Taker<'_>, until: u64| -> Result<()> {
        while let Some(gap) = gaps.next_if(|gap| gap.start < until) {
            let bytes = outside
                .split_off(..(gap.end - gap.start) as usize)
                .ok_or_else(|| Error::corrupt("the source's header does not cover its own gaps"))?;
            taker.take(&[bytes], |_| ())?;
        }
        Ok(())
    };
    for tensor in &source.tensors {
        fill(&mut taker, tensor.range.start)?;
        match container.stands_for(tensor)? {
            Standing::Coded(meta) => {
                let coded = container.coded(&tensor.name)?;
                decode_tensor(&coded, &meta.blake3, &mut taker).map_err(|e| e.in_tensor(&tensor.name))?;
            }
            Standing::Plain(bytes) => bytes.chunks(PART).try_for_each(|part| taker.take(&[part], |_| ()))?,
        }
    }
    fill(&mut taker, record.size)?;
    taker.out.flush().map_err(|cause| Error::Write { cause })?;
    let sha256 = taker.sha256.finish();
    if (taker.bytes, &sha256) != (record.size, &record.sha256) {
        return Err(Error::corrupt(format!(
            "restored bytes have SHA-256 {sha256}, the source had {}",
            record.sha256
        )));
    }
    let (bytes, sha256, tensors) = (record.size, Some(sha256), container.metas().len());
    Ok(RestoreReport { bytes, sha256, tensors, files: 1, warnings: Vec::new() })
}

/// Decodes a whole tensor in order, with chunk checksums and the tensor's digest checked. While some chunks
/// are taken, the next are decoded.
fn decode_tensor(coded: &Coded, expected: &str, taker: &mut Taker<'_>) -> Result<()> {
    let (opened, stored) = (&coded.opened, coded.stored());
    let mut digest = blake3::Hasher::new();
    let decode = |number: usize| -> Result<Vec<u8>> {
        opened.check(stored, number)?;
        let words = opened.words_of(number);
        let mut buffer = vec![0; words.len()];
        opened.decode(stored, number, words.start, &mut buffer, None)?;
        Ok(buffer.iter().flat_map(|word| word.to_le_bytes()).collect())
    };
    // Enough to keep threads busy, small enough to stay in cache.
    let batch = 16 * rayon::current_num_threads();
    let (mut start, mut ready) = (0, Vec::new());
    while start < opened.chunks() || !ready.is_empty() {
        let end = opened.chunks().min(start + batch);
        let (taken, decoded): (_, Result<Vec<_>>) = rayon::join(
            || {
                taker.take(&ready, |part| {
                    digest.update(part);
                })
            },
            || (start..end).into_par_iter().map(decode).collect(),
        );
        taken?;
        (start, ready) = (end, decoded?);
    }
    if digest.finalize().to_hex().as_str() != expected {
        return Err(Error::corrupt("it does not decode to its BLAKE3 digest"));
    }
    Ok(())
}
