//! One compressed file to another of the same source, its tables under another codec.

use std::collections::HashMap;
use std::path::Path;

use crate::container::{
    ALIGN, Container, Content, Elements, INDEX_SUFFIX, META_SUFFIX, Standing, Storage, TensorMeta, alignment,
};
use crate::error::Result;
use crate::kernel::Backend;
use crate::model::{Layout, Tensor};
use crate::options::{CompressOptions, CompressReport};
use crate::progress::Stage;
use crate::table::Table;
use crate::target::Target;

use super::before::{least, refuse_other};
use super::encode::{Encoder, Entry, Form};
use super::write::{foresee, prove, write};

/// Tables that were compressed and are not any more: they are read once again when the file is written.
type Plain = HashMap<String, Table>;

/// Transcodes one file: what [`super::compress`] makes of its source when it selects the same tensors. Words
/// are read from the compressed tables, a few rows at a time where the codec reads them so.
pub(crate) fn transcode(source: &Path, path: &Path, options: &CompressOptions<'_>) -> Result<CompressReport> {
    let file = Container::open(source)?;
    let record = file.record()?.clone();
    let outside = file.outside()?;
    let layout = Layout::parse(&outside, record.size)?;
    let mut report = CompressReport::of(record.size);

    let (head, progress) = ((&outside[..], &layout), &options.progress);
    let coded: Vec<&Tensor> =
        layout.tensors().iter().filter(|tensor| file.metas().contains_key(&tensor.name)).collect();
    let mut target = Target::create(path, source, options.force)?;
    if !options.force {
        refuse_other(path, record.size, options.codec)?;
    }
    target.expect(least(record.size, &coded))?;
    let steps = progress.stage(Stage::Encode, coded.iter().map(|tensor| tensor.bytes()).sum());
    let backend = Backend::detect()?;
    let encoding = options.encoding(backend);
    let begin = encoding.begin().max(ALIGN);
    let places = (foresee(head, &coded, begin), alignment(layout.header(), begin));
    let mut encoder = Encoder::new(encoding, target.file(), places, steps);
    let (mut entries, mut plain) = (Vec::new(), Plain::new());
    for tensor in layout.tensors() {
        if let Standing::Coded(meta) = file.stands_for(tensor)? {
            let entry = encode(&file, tensor, meta, &mut encoder, &mut plain);
            entries.push(entry.map_err(|e| e.in_tensor(&tensor.name)).map_err(Target::blame(path))?);
        }
    }
    report.tensors = entries.iter().map(|entry| entry.report.clone()).collect();
    if entries.iter().all(|entry| matches!(entry.form, Form::Plain(_))) {
        report.nothing = Some(format!("no table here shrinks by 1 % under codec {}", options.codec.name()));
        return Ok(report);
    }

    let plain = |tensor: &Tensor| match (plain.get(&tensor.name), file.stands_for(tensor)?) {
        (Some(table), _) => {
            let (count, dtype) = (table.rows() * table.dim(), table.dtype());
            Ok(Content::Elements(Elements { words: table, count, dtype, element: table.element(), backend }))
        }
        (None, Standing::Plain(bytes)) => Ok(Content::Bytes(bytes)),
        (None, Standing::Coded(_)) => unreachable!("a coded tensor has an entry, and a plain one its words"),
    };
    let told = (&mut report, progress);
    let written =
        write(head, &entries, plain, &record, (target.file(), begin), told).map_err(Target::blame(path))?;
    drop(entries);
    drop(file);
    if written {
        report.output_bytes = Some(prove(target, progress)?);
        report.sha256 = Some(record.sha256);
    }
    Ok(report)
}

/// What becomes of one compressed tensor.
fn encode<'a>(
    file: &'a Container,
    tensor: &Tensor,
    meta: &TensorMeta,
    encoder: &mut Encoder<'_>,
    plain: &mut Plain,
) -> Result<Entry<'a>> {
    let (name, element, digest) = (&tensor.name, meta.dtype, &meta.blake3);
    if let Some(entry) = encoder.duplicate(tensor, element, digest) {
        return Ok(entry);
    }
    let opened = file.table(name, encoder.backend(), None)?;
    if let (Storage::Coded { params, .. }, Some(codec)) = (&meta.storage, opened.codec)
        && encoder.encoding().made(codec, params, opened.reader().shape())
    {
        let stored = |suffix| {
            let tensor = file.layout().tensor(&format!("{name}{suffix}"));
            file.bytes(tensor.expect("it was just opened"))
        };
        return encoder.keep(tensor, element, digest, ["", INDEX_SUFFIX, META_SUFFIX].map(stored));
    }
    let table = Table::new(name, opened);
    let entry = encoder.encode(tensor, element, &mut digest.as_str(), (table.dtype(), &table))?;
    if let Form::Plain(_) = entry.form {
        plain.insert(name.clone(), table);
    }
    Ok(entry)
}
