//! One model file to a compressed file: pick tables, encode them, write the file, restore it once in memory to prove it.

use std::path::Path;

use crate::container::{Container, Content, FileRecord, INDEX_SUFFIX, VERSION, keep};
use crate::digest::Sha256;
use crate::dtype::Words;
use crate::error::{Error, Result};
use crate::model::role::{self, Selection};
use crate::model::{Element, Tensor};
use crate::options::{CompressOptions, CompressReport};
use crate::progress::{Progress, Stage};
use crate::target::Target;

use super::encode::{Encoder, Entry, Form};
use super::write::{in_folder, prove, write};

/// Compresses one file. `table_rows` comes from the configuration of its folder.
pub(crate) fn compress(
    source: &Path,
    target: &Path,
    options: &CompressOptions<'_>,
    table_rows: &[u64],
) -> Result<CompressReport> {
    let file = Container::open(source)?;
    if let Some(name) = file.evidence() {
        return Err(Error::AlreadyCompressed { name: name.into() });
    }
    let selected = role::select(file.layout(), &options.selection, table_rows, Element::WORDS)?;
    let mut report = CompressReport {
        source_bytes: file.file_bytes(),
        output_bytes: None,
        tensors: Vec::new(),
        nothing: None,
    };
    if selected.is_empty() {
        report.nothing = Some(nothing_selected(&file, &options.selection));
        return Ok(report);
    }
    check_names(&file, &selected)?;

    let mut target = Target::create(target, source, options.force)?;
    let total = selected.iter().map(|tensor| tensor.bytes()).sum();
    let steps = options.progress.stage(Stage::Encode, total);
    let mut encoder = Encoder::new(options.codec, options.effort, &target, steps)?;
    let encode = |tensor: &&Tensor| encode(&file, tensor, &mut encoder);
    let entries: Vec<Entry<'_>> =
        selected.iter().map(encode).collect::<Result<_>>().map_err(in_folder(&target))?;
    report.tensors = entries.iter().map(|entry| entry.report.clone()).collect();
    if entries.iter().all(|entry| matches!(entry.form, Form::Plain)) {
        report.nothing = Some("no table here shrinks by 1 %".into());
        return Ok(report);
    }

    let record = source_record(&file, &options.progress)?;
    let plain = |tensor: &Tensor| Ok(Content::Bytes(file.bytes(tensor)));
    let (map, progress) = (file.map(), &options.progress);
    write((&map, file.layout()), entries, plain, &record, &mut encoder, &mut target, progress)?;
    drop((map, encoder, file));
    report.output_bytes = Some(prove(target, progress)?);
    Ok(report)
}

/// Refuses tables whose companions the file has already, or could not be named.
fn check_names(file: &Container, selected: &[&Tensor]) -> Result<()> {
    let is_selected = |name: &str| selected.iter().any(|tensor| tensor.name == name);
    let mut names = file.layout().tensors().iter().map(|tensor| tensor.name.as_str());
    if let Some(name) = names.find(|name| name.strip_suffix(INDEX_SUFFIX).is_some_and(is_selected)) {
        return Err(Error::AlreadyCompressed { name: name.into() });
    }
    let longest = file.layout().format().longest_name() - INDEX_SUFFIX.len();
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
        "no 16-bit tensor is an embedding table or output head by name; 16-bit 2-D tensors here: {}; name one with --tensors",
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

/// Records size, digest and the bytes outside the tensors, which restoring cannot derive.
fn source_record(file: &Container, progress: &Progress<'_>) -> Result<FileRecord> {
    let map = file.map();
    let mut steps = progress.stage(Stage::Digest, map.len() as u64);
    let mut digest = Sha256::default();
    for part in map.chunks(1 << 22) {
        digest.update(part);
        steps.add(part.len() as u64);
    }
    Ok(FileRecord {
        version: VERSION.into(),
        format: file.layout().format().name().into(),
        size: map.len() as u64,
        sha256: digest.finish(),
        outside: keep(&map, file.layout()),
    })
}
