//! One model file to a compressed file: pick tables, encode them, write the file, restore it once in memory to prove it.

use std::collections::HashMap;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::Path;

use crate::codec::{self, TableShape};
use crate::container::{
    self, ALIGN, Container, Content, FILE_RECORD, FileRecord, INDEX_SUFFIX, Item, META_SUFFIX, Storage,
    TensorMeta, VERSION, keep, seal,
};
use crate::digest::Sha256;
use crate::dtype::Words;
use crate::error::{Error, Result};
use crate::model::Tensor;
use crate::model::role::{self, Selection};
use crate::options::{CompressOptions, CompressReport, TensorReport};
use crate::progress::{Progress, Stage};
use crate::target::Target;

use super::restore_into;

/// A table on its way into the file.
struct Encoded {
    report: TensorReport,
    scratch: Range<u64>,
    index: Vec<u8>,
    meta: Vec<u8>,
}

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
    let selected = role::select(file.layout(), &options.selection, table_rows)?;
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

    let is_selected = |name: &str| selected.iter().any(|tensor| tensor.name == name);
    let mut names = file.layout().tensors.iter().map(|tensor| tensor.name.as_str());
    if let Some(name) = names.find(|name| name.strip_suffix(INDEX_SUFFIX).is_some_and(is_selected)) {
        return Err(Error::AlreadyCompressed { name: name.into() });
    }
    let longest = file.layout().format.longest_name() - INDEX_SUFFIX.len();
    if let Some(tensor) = selected.iter().find(|tensor| tensor.name.len() > longest) {
        let reason = "with a companion's suffix its name would be longer than the format allows".into();
        return Err(Error::NotATable { name: tensor.name.clone(), reason });
    }

    let mut target = Target::create(target, source, options.force)?;
    let mut scratch = target.scratch()?;
    let mut encoded: Vec<Encoded> = Vec::new();
    let total = selected.iter().map(|tensor| tensor.bytes()).sum();
    let mut steps = options.progress.stage(Stage::Encode, total);
    let mut originals = HashMap::new();
    for tensor in selected {
        let one = encode_tensor(&file, tensor, options, &mut scratch, &mut originals, &mut |bytes| {
            steps.add(bytes)
        })
        .map_err(|e| in_scratch(e, &target))?;
        report.tensors.push(one.report.clone());
        if one.report.codec.is_some() {
            encoded.push(one);
        }
    }
    if encoded.is_empty() {
        report.nothing = Some("no table here shrinks by 1 %".into());
        return Ok(report);
    }

    let record = source_record(&file, &options.progress)?;
    write_target(&file, &encoded, &record, &mut scratch, &mut target, &options.progress)?;
    drop(file); // one file mapped at a time: resident memory stays near the larger of the two
    let written = Container::open(target.temporary_path())?;
    restore_into(&written, &mut io::sink(), &options.progress)?;
    report.output_bytes = Some(written.file_bytes());
    drop(written);
    target.commit()?;
    Ok(report)
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

/// Encodes one tensor into the scratch file, or finds that it stays plain, or that an earlier one holds its bytes.
fn encode_tensor(
    file: &Container,
    tensor: &Tensor,
    options: &CompressOptions<'_>,
    scratch: &mut std::fs::File,
    originals: &mut HashMap<(String, Vec<u64>, String), String>,
    advance: &mut dyn FnMut(u64),
) -> io::Result<Encoded> {
    let bytes = file.bytes(tensor);
    let dtype = tensor.table_dtype().expect("selected tensors are tables");
    let mut digest = blake3::Hasher::new();
    digest.update_rayon(bytes);
    let digest = digest.finalize().to_hex().to_string();
    let mut report = TensorReport {
        name: tensor.name.clone(),
        dtype,
        shape: tensor.shape.clone(),
        codec: Some(options.codec),
        same_as: None,
        source_bytes: tensor.bytes(),
        stored_bytes: 0,
    };
    let meta = |storage| {
        let (name, shape) = (tensor.name.clone(), tensor.shape.clone());
        seal(&TensorMeta { version: VERSION.into(), name, dtype, shape, blake3: digest.clone(), storage })
    };
    let start = scratch.seek(SeekFrom::End(0))?;
    let Some(shape) = TableShape::new(dtype, &tensor.shape) else {
        // A scalar, or an empty tensor with axes that no machine could hold.
        report.codec = None;
        report.stored_bytes = tensor.bytes();
        return Ok(Encoded { report, scratch: start..start, index: Vec::new(), meta: Vec::new() });
    };

    let key = (dtype.name().to_owned(), tensor.shape.clone(), digest.clone());
    if let Some(original) = originals.get(&key)
        && !bytes.is_empty()
    {
        let meta = meta(Storage::SameAs { same_as: original.clone() });
        report.same_as = Some(original.clone());
        report.stored_bytes = meta.len() as u64;
        advance(tensor.bytes());
        return Ok(Encoded { report, scratch: start..start, index: Vec::new(), meta });
    }

    let mut payload = BufWriter::with_capacity(1 << 20, &mut *scratch);
    let words = Words::new(bytes);
    let told = &mut |words| advance(2 * words as u64);
    let coded = codec::encode(options.codec, shape, words, options.effort, &mut payload, told)?;
    payload.flush()?;
    drop(payload);
    let mut index = coded.index;
    index.resize(index.len().next_multiple_of(ALIGN), 0);
    let index_crc32c = format!("{:08x}", crc32c::crc32c(&index));
    let meta =
        meta(Storage::Coded { codec: options.codec.name().into(), index_crc32c, params: coded.params });
    let stored = coded.payload_bytes.next_multiple_of(ALIGN as u64) + (index.len() + meta.len()) as u64;
    if stored.saturating_mul(100) > tensor.bytes().saturating_mul(99) {
        scratch.set_len(start)?;
        report.codec = None;
        report.stored_bytes = tensor.bytes();
    } else {
        report.stored_bytes = stored;
        originals.insert(key, tensor.name.clone());
    }
    Ok(Encoded { report, scratch: start..start + coded.payload_bytes, index, meta })
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
        format: file.layout().format.name().into(),
        size: map.len() as u64,
        sha256: digest.finish(),
        outside: keep(&map, file.layout()),
    })
}

/// Payloads first, so that each begins on 64 bytes; then the companions, then everything else as it was.
fn write_target(
    file: &Container,
    encoded: &[Encoded],
    record: &FileRecord,
    scratch: &mut std::fs::File,
    target: &mut Target,
    progress: &Progress<'_>,
) -> Result<()> {
    let format = file.layout().format;
    let mut items = Vec::new();
    for one in encoded {
        items.push(Item::bytes(format, one.report.name.clone(), Content::Scratch(one.scratch.clone())));
    }
    for one in encoded {
        if one.report.same_as.is_none() {
            items.push(Item::bytes(
                format,
                format!("{}{INDEX_SUFFIX}", one.report.name),
                Content::Bytes(&one.index),
            ));
        }
        items.push(Item::bytes(
            format,
            format!("{}{META_SUFFIX}", one.report.name),
            Content::Bytes(&one.meta),
        ));
    }
    let sealed = seal(record);
    items.push(Item::bytes(format, FILE_RECORD.into(), Content::Bytes(&sealed)));
    for tensor in &file.layout().tensors {
        if !encoded.iter().any(|one| one.report.name == tensor.name) {
            items.push(Item {
                name: tensor.name.clone(),
                dtype: tensor.dtype.clone(),
                shape: tensor.shape.clone(),
                content: Content::Bytes(file.bytes(tensor)),
            });
        }
    }
    let names: Vec<&str> = encoded.iter().map(|one| one.report.name.as_str()).collect();
    let summary = [
        ("xnc.version".into(), VERSION.into()),
        ("xnc.tensors".into(), names.join(",")),
        ("xnc.source_sha256".into(), record.sha256.clone()),
    ];
    let map = file.map();
    let mut steps = progress.stage(Stage::Write, items.iter().map(|item| item.content.len()).sum());
    let source = (&map[..], &file.layout().header);
    let written = container::write(target.file(), source, &summary, &items, scratch, &mut |bytes| {
        steps.add(bytes as u64)
    });
    written.map_err(|e| in_scratch(e, target))
}

fn in_scratch(source: io::Error, target: &Target) -> Error {
    Error::Io { path: target.temporary_path().to_owned(), source }
}
