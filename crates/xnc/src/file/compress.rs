//! One model file to a compressed file: pick tables, encode them, write the file, restore it once in memory
//! to prove it.

use std::collections::HashSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use crate::container::{Container, Content, FileRecord, INDEX_SUFFIX, VERSION, alignment, keep};
use crate::digest::Sha256;
use crate::dtype::Words;
use crate::error::{Error, Result};
use crate::model::Tensor;
use crate::model::role::{self, Selection};
use crate::options::{CompressOptions, CompressReport};
use crate::progress::{Progress, Stage};
use crate::target::Target;

use super::encode::{Encoder, Entry, Form};
use super::write::{foresee, prove, write};

/// Compresses one file. `table_rows` comes from the configuration of its folder.
pub(crate) fn compress(
    source: &Path,
    path: &Path,
    options: &CompressOptions<'_>,
    table_rows: &[u64],
) -> Result<CompressReport> {
    let file = Container::open(source)?;
    if let Some(name) = file.evidence() {
        return Err(Error::AlreadyCompressed { name: name.into() });
    }
    let selected = role::select(file.layout(), &options.selection, table_rows)?;
    let mut report = CompressReport {
        source_bytes: file.file_bytes(),
        output_bytes: None,
        tensors: Vec::new(),
        nothing: None,
        warnings: Vec::new(),
    };
    if selected.is_empty() {
        report.nothing = Some(nothing_selected(&file, &options.selection));
        return Ok(report);
    }
    check_names(&file, &selected)?;

    let mut target = Target::create(path, source, options.force)?;
    target.expect(file.file_bytes())?;
    let (map, progress) = (file.map(), &options.progress);
    let head = (&map[..], file.layout());
    let steps = progress.stage(Stage::Encode, selected.iter().map(|tensor| tensor.bytes()).sum());
    let places = (foresee(head, &selected), alignment(&file.layout().header));
    let mut encoder = Encoder::new((options.codec, options.effort), target.file(), places, steps);
    let digest = Digest::default();
    let encode_all = || {
        let entries = selected.iter().map(|tensor| encode(&file, tensor, &mut encoder)).collect();
        digest.decide(&entries);
        entries
    };
    // The digest takes one thread for long; the tables take all others meanwhile.
    let (entries, sha256) = rayon::join(encode_all, || digest.run(&map, progress));
    let entries: Vec<Entry<'_>> = entries.map_err(Target::blame(path))?;
    report.tensors = entries.iter().map(|entry| entry.report.clone()).collect();
    if entries.iter().all(|entry| matches!(entry.form, Form::Plain)) {
        report.nothing = Some("no table here shrinks by 1 %".into());
        return Ok(report);
    }

    let record = FileRecord {
        version: VERSION.into(),
        format: file.layout().format.name().into(),
        size: file.file_bytes(),
        sha256,
        outside: keep(&map, file.layout()),
    };
    let plain = |tensor: &Tensor| Ok(Content::Bytes(file.bytes(tensor)));
    let told = (&mut report, progress);
    let written = write(head, &entries, plain, &record, &mut target, told).map_err(Target::blame(path))?;
    drop((entries, map, file));
    if written {
        report.output_bytes = Some(prove(target, progress)?);
    }
    Ok(report)
}

/// Refuses tables whose companions the file has already, or could not be named.
fn check_names(file: &Container, selected: &[&Tensor]) -> Result<()> {
    let by_name: HashSet<&str> = selected.iter().map(|tensor| tensor.name.as_str()).collect();
    let is_selected = |name: &str| by_name.contains(name);
    let mut names = file.layout().tensors.iter().map(|tensor| tensor.name.as_str());
    if let Some(name) = names.find(|name| name.strip_suffix(INDEX_SUFFIX).is_some_and(is_selected)) {
        return Err(Error::AlreadyCompressed { name: name.into() });
    }
    let longest = file.layout().format.longest_name() - INDEX_SUFFIX.len();
    if let Some(tensor) = selected.iter().find(|tensor| tensor.name.len() > longest) {
        let reason = "with a companion's suffix its name would be longer than the format allows".into();
        return Err(Error::NotATable { name: tensor.name.clone(), reason });
    }
    Ok(())
}

fn nothing_selected(file: &Container, selection: &Selection) -> String {
    if *selection != Selection::Embeddings {
        return "no tensor here is BF16 or F16".into();
    }
    let quantised: Vec<String> =
        role::quantised(file.layout()).map(|tensor| format!("{} is {}", tensor.name, tensor.dtype)).collect();
    if !quantised.is_empty() {
        return format!("the tables are not 16-bit: {}", quantised.join(", "));
    }
    format!(
        "no 16-bit tensor is an embedding table or output head by name; \
         16-bit 2-D tensors here, any of which can be selected: {}",
        role::list(role::candidates(file.layout()))
    )
}

fn encode(file: &Container, tensor: &Tensor, encoder: &mut Encoder<'_>) -> Result<Entry<'static>> {
    let bytes = file.bytes(tensor);
    let dtype = tensor.table_dtype().expect("selected tensors are tables");
    let mut digest = blake3::Hasher::new();
    digest.update_rayon(bytes);
    let digest = digest.finalize().to_hex();
    match encoder.duplicate(tensor, dtype, &digest) {
        Some(entry) => Ok(entry),
        None => encoder.encode(tensor, dtype, &digest, &Words::new(bytes)),
    }
}

/// The SHA-256 of a source, taken while its tables are encoded.
#[derive(Default)]
struct Digest {
    encoded: AtomicBool,
    needless: AtomicBool,
}

impl Digest {
    /// Hears of the tables: a file that will not be written needs no digest.
    fn decide(&self, entries: &Result<Vec<Entry<'_>>>) {
        let some =
            entries.as_ref().is_ok_and(|all| all.iter().any(|entry| !matches!(entry.form, Form::Plain)));
        self.needless.store(!some, Relaxed);
        self.encoded.store(true, Relaxed);
    }

    /// Progress is told of once the tables are through, so that listeners hear of one stage at a time.
    fn run(&self, bytes: &[u8], progress: &Progress<'_>) -> String {
        let (mut digest, mut done, mut steps) = (Sha256::default(), 0, None);
        for part in bytes.chunks(1 << 22) {
            if self.needless.load(Relaxed) {
                break;
            }
            digest.update(part);
            done += part.len() as u64;
            if self.encoded.load(Relaxed) {
                steps.get_or_insert_with(|| progress.stage(Stage::Digest, bytes.len() as u64)).reach(done);
            }
        }
        digest.finish()
    }
}
