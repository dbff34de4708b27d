//! One model file to a compressed file: pick tables, encode them, write the file, restore it once in memory
//! to prove it.

use std::io::{self, Cursor};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

use crate::codec::{Narrowed, Source};
use crate::container::{
    ALIGN, Container, Content, FileRecord, INDEX_SUFFIX, Map, Output, VERSION, alignment, keep,
};
use crate::digest::Sha256;
use crate::dtype::{Element, Words};
use crate::error::{Error, Result};
use crate::kernel::Backend;
use crate::model::Tensor;
use crate::model::role::{self, Selection};
use crate::options::{CompressOptions, CompressReport};
use crate::progress::{Progress, Stage};
use crate::target::Target;

use super::before::{least, refuse_other};
use super::behind::{Behind, Digest};
use super::encode::{Encoder, Entry, Form};
use super::write::{foresee, prove, write};
use super::{LET_BE, restore_into};

/// Compresses one file. `table_rows` comes from the configuration of its folder.
pub(crate) fn compress(
    source: &Path,
    path: &Path,
    options: &CompressOptions<'_>,
    table_rows: &[u64],
) -> Result<CompressReport> {
    let file = Container::open(source)?;
    let mut report = CompressReport::of(file.file_bytes());
    let Some(selected) = select(&file, options, table_rows, &mut report)? else { return Ok(report) };
    let mut target = Target::create(path, source, options.force)?;
    if !options.force {
        refuse_other(path, file.file_bytes(), options.codec)?;
    }
    target.expect(least(file.file_bytes(), &selected))?;
    let written = write_compressed(&file, &selected, target.file(), options, &mut report);
    if written.map_err(Target::blame(path))? {
        // Source and target are never mapped both.
        drop(selected);
        drop(file);
        report.output_bytes = Some(prove(target, &options.progress)?);
    }
    Ok(report)
}

/// As [`compress`], between bytes in memory.
pub(crate) fn compress_bytes(
    source: Map,
    options: &CompressOptions<'_>,
) -> Result<(Option<Vec<u8>>, CompressReport)> {
    let file = Container::new(source)?;
    let mut report = CompressReport::of(file.file_bytes());
    let Some(selected) = select(&file, options, &[], &mut report)? else { return Ok((None, report)) };
    let mut out = Cursor::new(Vec::new());
    if !write_compressed(&file, &selected, &mut out, options, &mut report)? {
        return Ok((None, report));
    }
    let written = std::sync::Arc::new(out.into_inner());
    restore_into(&Container::new(Map::shared(Shared(written.clone())))?, &mut io::sink(), &options.progress)?;
    report.output_bytes = Some(written.len() as u64);
    Ok((Some(std::sync::Arc::unwrap_or_clone(written)), report))
}

/// Bytes that a container reads and their owner takes back.
struct Shared(std::sync::Arc<Vec<u8>>);

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// The tensors to compress; none, and a reason in the report, when there are none.
fn select<'a>(
    file: &'a Container,
    options: &CompressOptions<'_>,
    table_rows: &[u64],
    report: &mut CompressReport,
) -> Result<Option<Vec<&'a Tensor>>> {
    if let Some(name) = file.evidence() {
        return Err(Error::AlreadyCompressed { name: name.into() });
    }
    let selected = role::select(file.layout(), &options.selection, table_rows)?;
    if selected.is_empty() {
        report.nothing = Some(nothing_selected(file, &options.selection));
        return Ok(None);
    }
    check_names(file, &selected)?;
    Ok(Some(selected))
}

/// Encodes and writes; false, and a reason in the report, when nothing is worth writing.
fn write_compressed(
    file: &Container,
    selected: &[&Tensor],
    out: &mut dyn Output,
    options: &CompressOptions<'_>,
    report: &mut CompressReport,
) -> Result<bool> {
    let (map, progress) = (file.map(), &options.progress);
    let head = (&map[..], file.layout());
    let steps = progress.stage(Stage::Encode, selected.iter().map(|tensor| tensor.bytes()).sum());
    let encoding = options.encoding(Backend::detect()?);
    let begin = encoding.begin().max(ALIGN);
    let places = (foresee(head, selected, begin), alignment(file.layout().header(), begin));
    let mut encoder = Encoder::new(encoding, out, places, steps);
    let digest = SourceDigest::default();
    let encode_all = || {
        let entries = selected.iter().map(|tensor| encode(file, tensor, &mut encoder)).collect();
        digest.decide(&entries);
        entries
    };
    // The digest takes one thread for long; the tables take all others meanwhile.
    let (entries, sha256) = rayon::join(encode_all, || digest.run(&map, progress));
    let entries: Vec<Entry<'_>> = entries?;
    // Whoever asks for all tensors of 16-bit values did not ask for those of F32 that are none.
    let asked_for = |entry: &&Entry<'_>| {
        options.selection != Selection::All || entry.element != Element::F32 || entry.report.codec.is_some()
    };
    report.tensors = entries.iter().filter(asked_for).map(|entry| entry.report.clone()).collect();
    if entries.iter().all(|entry| matches!(entry.form, Form::Plain(_))) {
        report.nothing = Some(all_plain(&entries));
        return Ok(false);
    }
    let record = FileRecord {
        version: VERSION.into(),
        format: file.layout().format().name().into(),
        size: file.file_bytes(),
        sha256,
        outside: keep(&map, file.layout()),
    };
    let plain = |tensor: &Tensor| Ok(Content::Bytes(file.bytes(tensor)));
    let written = write(head, &entries, plain, &record, (out, begin), (report, progress))?;
    report.sha256 = written.then_some(record.sha256);
    Ok(written)
}

/// Refuses a file that has tensors named as indexes are, and tables whose companions could not be named.
fn check_names(file: &Container, selected: &[&Tensor]) -> Result<()> {
    let mut all = file.layout().tensors().iter();
    if let Some(index) = all.find(|tensor| !selected.is_empty() && tensor.name.ends_with(INDEX_SUFFIX)) {
        return Err(Error::AlreadyCompressed { name: index.name.clone() });
    }
    let longest = file.layout().format().longest_name() - INDEX_SUFFIX.len();
    for tensor in selected {
        if tensor.name.len() > longest {
            let reason = "with a companion's suffix its name would be longer than the format allows".into();
            return Err(Error::NotATable { name: tensor.name.clone(), reason });
        }
    }
    Ok(())
}

fn nothing_selected(file: &Container, selection: &Selection) -> String {
    if *selection != Selection::Embeddings {
        return "no tensor here is BF16, F16 or F32".into();
    }
    let quantised: Vec<String> =
        role::quantised(file.layout()).map(|tensor| format!("{} is {}", tensor.name, tensor.dtype)).collect();
    if !quantised.is_empty() {
        return format!("the tables are not 16-bit: {}", quantised.join(", "));
    }
    format!(
        "no 16-bit tensor is an embedding table or output head by name; 16-bit tensors of two dimensions here: {}",
        role::list(role::candidates(file.layout()))
    )
}

/// Why nothing is written although there are tables.
fn all_plain(entries: &[Entry<'_>]) -> String {
    let reason = |entry: &Entry<'_>| entry.report.plain_because.clone().unwrap_or_default();
    match entries {
        [one] => format!("{} {}", one.report.name, reason(one)),
        _ => "no table here shrinks by 1 %".into(),
    }
}

fn encode(file: &Container, tensor: &Tensor, encoder: &mut Encoder<'_>) -> Result<Entry<'static>> {
    let bytes = file.bytes(tensor);
    let element = tensor.element().expect("selected tensors are tables");
    let mut behind = Behind::new(file, bytes);
    let known = encoder.may_have(tensor, element).then(|| behind.finish());
    if let Some(entry) = known.as_ref().and_then(|digest| encoder.duplicate(tensor, element, digest)) {
        return Ok(entry);
    }
    let mut known = known.as_deref();
    let digest: &mut dyn Digest = match &mut known {
        Some(digest) => digest,
        None => &mut behind,
    };
    if let Some(dtype) = element.dtype() {
        return encoder.encode(tensor, element, digest, (dtype, &Passing::new(file, bytes)));
    }
    match Narrowed::new(bytes) {
        Some(words) => encoder.encode(tensor, element, digest, (words.dtype(), &words)),
        None => {
            let reason = "holds F32 values that are not all BF16, nor all FP16 values";
            Ok(encoder.plain(tensor, element, reason))
        }
    }
}

/// Words of a mapped file whose pages are let go now and then, as all words are read once in each pass.
struct Passing<'a> {
    file: &'a Container,
    bytes: &'a [u8],
    /// Bytes that may have been mapped since.
    mapped: AtomicUsize,
}

impl<'a> Passing<'a> {
    fn new(file: &'a Container, bytes: &'a [u8]) -> Self {
        Passing { file, bytes, mapped: AtomicUsize::new(0) }
    }
}

impl Source for Passing<'_> {
    fn read(&self, first: usize, out: &mut [u16]) -> Result<()> {
        Words::new(self.bytes).read(first, out);
        // Of a sample of rows, each maps all that the system reads ahead: up to a huge page.
        let mapped = self.mapped.fetch_add(size_of_val(out).max(1 << 20), Relaxed);
        if mapped > LET_BE {
            self.mapped.store(0, Relaxed);
            self.file.let_go(self.bytes);
        }
        Ok(())
    }

    /// Rows of a sample lie far apart: asked for together, they do not wait for each other.
    fn rows(&self, ids: &[usize], dim: usize, out: &mut [u16]) -> Result<()> {
        ids.iter().for_each(|id| self.file.will_need(&self.bytes[2 * id * dim..][..2 * dim]));
        let mut rows = ids.iter().zip(out.chunks_exact_mut(dim.max(1)));
        rows.try_for_each(|(id, out)| self.read(id * dim, out))
    }
}

/// Parts of a source that the system is asked for before they are hashed.
const AHEAD: usize = 4;

/// The SHA-256 of a source, taken while its tables are encoded.
#[derive(Default)]
struct SourceDigest {
    encoded: AtomicBool,
    needless: AtomicBool,
}

impl SourceDigest {
    /// Hears of the tables: a file that will not be written needs no digest.
    fn decide(&self, entries: &Result<Vec<Entry<'_>>>) {
        let some =
            entries.as_ref().is_ok_and(|all| all.iter().any(|entry| !matches!(entry.form, Form::Plain(_))));
        self.needless.store(!some, Relaxed);
        self.encoded.store(true, Relaxed);
    }

    /// Progress is told of once the tables are through, so that listeners hear of one stage at a time.
    fn run(&self, bytes: &Map, progress: &Progress<'_>) -> String {
        let (mut digest, mut done, mut steps) = (Sha256::default(), 0, None);
        let parts = || bytes.chunks(1 << 22);
        for (part, ahead) in parts().zip(parts().skip(AHEAD).map(Some).chain(std::iter::repeat(None))) {
            if bytes.len() > LET_BE {
                ahead.into_iter().for_each(|ahead| bytes.will_need(ahead));
            }
            if self.needless.load(Relaxed) {
                break;
            }
            digest.update(part);
            if bytes.len() > LET_BE {
                bytes.let_go(part);
            }
            done += part.len() as u64;
            if self.encoded.load(Relaxed) {
                steps.get_or_insert_with(|| progress.stage(Stage::Digest, bytes.len() as u64)).reach(done);
            }
        }
        digest.finish()
    }
}
