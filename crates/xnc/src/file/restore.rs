//! One compressed file back to the source's bytes.

use std::io::Write;
use std::path::Path;

use rayon::prelude::*;

use super::LET_BE;
use super::walk::{Part, walk};
use crate::codec::element_bytes;
use crate::container::{Container, Opened};
use crate::digest::Sha256;
use crate::error::{Error, Result};
use crate::kernel::Backend;
use crate::options::{RestoreOptions, RestoreReport};
use crate::progress::{Progress, Stage, Steps};
use crate::target::Target;

/// Restores one file.
pub(crate) fn restore(source: &Path, path: &Path, options: &RestoreOptions<'_>) -> Result<RestoreReport> {
    let container = Container::open(source)?;
    let size = container.record()?.size;
    let mut target = Target::create(path, source, options.force)?;
    // Another file is refused before the work; one of the same size is compared after it.
    if !options.force && path.metadata().is_ok_and(|there| there.len() != size) {
        return Err(Error::TargetExists { path: path.to_owned() });
    }
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
    let report = restore_unchecked(container, out, progress, true)?;
    let (found, expected) = (report.sha256.as_deref().unwrap_or_default(), &container.record()?.sha256);
    if found != expected {
        return Err(Error::corrupt(format!(
            "restored bytes have SHA-256 {found}, the source had {expected}"
        )));
    }
    Ok(report)
}

/// As [`restore_into`], but the source's SHA-256 is only told; those of tensors are compared on demand.
///
/// # Errors
/// As [`restore_into`].
pub fn restore_unchecked(
    container: &Container,
    out: &mut (dyn Write + Send),
    progress: &Progress<'_>,
    digests: bool,
) -> Result<RestoreReport> {
    let size = container.record()?.size;
    let steps = progress.stage(Stage::Restore, size);
    let mut taker = Taker { out, sha256: Sha256::default(), bytes: 0, steps };
    let backend = Backend::detect()?;
    walk(container, &mut |_, part| match part {
        Part::Bytes(bytes) => bytes.chunks(LET_BE).try_for_each(|part| {
            taker.take(&[part], |_| ())?;
            if bytes.len() > LET_BE {
                container.let_go(part);
            }
            Ok(())
        }),
        Part::Coded(tensor, meta) => {
            let opened = container.table(&tensor.name, backend, None)?;
            let found =
                decode_tensor(container, &opened, &mut taker).map_err(|e| e.in_tensor(&tensor.name))?;
            if digests && found != meta.blake3 {
                let faulty = Error::corrupt("it does not decode to its BLAKE3 digest");
                return Err(faulty.in_tensor(&tensor.name));
            }
            Ok(())
        }
    })?;
    taker.out.flush().map_err(|cause| Error::Write { cause })?;
    if taker.bytes != size {
        return Err(Error::corrupt("tensors do not decode to the source's size"));
    }
    let sha256 = taker.sha256.finish();
    let (bytes, sha256, tensors) = (size, Some(sha256), container.metas().len());
    Ok(RestoreReport { bytes, sha256, tensors, files: 1, warnings: Vec::new() })
}

/// Words decoded together at the least, before threads wait for each other.
const BATCH: usize = 1 << 20;

/// Bytes of a payload that the system is asked for before they are decoded.
const ASKED: usize = 16 << 20;

/// Decodes a whole tensor in order, with chunk checksums checked, and gives its digest. While some chunks are
/// taken, the next are decoded. Pages of the payload are asked for ahead, and let go where none is read again.
fn decode_tensor(container: &Container, opened: &Opened, taker: &mut Taker<'_>) -> Result<String> {
    let view = opened.view();
    let payload = view.stored.payload;
    // Where the words of a chunk lie, nearly.
    let place =
        |chunk: usize| (payload.len() as u128 * chunk as u128 / view.chunks().max(1) as u128) as usize;
    let mut asked = 0;
    let mut digest = blake3::Hasher::new();
    let decode = |number: usize| -> Result<Vec<u8>> {
        let words = view.words_of(number);
        let mut buffer = vec![0; words.len()];
        view.read(words.start, &mut buffer)?;
        Ok(element_bytes(view.reader.backend(), opened.words(), opened.element, &mut buffer))
    };
    // Enough to keep threads busy, small enough to stay in cache.
    let batch = (4 * rayon::current_num_threads()).max(BATCH / view.reader.chunk_words().max(1));
    let (mut start, mut ready, mut mapped) = (0, Vec::new(), 0);
    while start < view.chunks() || !ready.is_empty() {
        let end = view.chunks().min(start + batch);
        let soon = payload.len().min(place(end) + ASKED);
        if payload.len() > LET_BE && soon > asked + ASKED / 4 {
            container.will_need(&payload[asked..soon]);
            asked = soon;
        }
        let (taken, decoded): (_, Result<Vec<_>>) = rayon::join(
            || {
                taker.take(&ready, |part| {
                    digest.update(part);
                })
            },
            || (start..end).into_par_iter().map(decode).collect(),
        );
        taken?;
        mapped += ready.iter().map(Vec::len).sum::<usize>();
        if mapped > LET_BE {
            container.let_go(&payload[..place(start)]);
            mapped = 0;
        }
        (start, ready) = (end, decoded?);
    }
    Ok(digest.finalize().to_hex().to_string())
}
