//! One compressed file to another of the same source, its tables under another codec.

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;

use crate::container::{Container, Content, INDEX_SUFFIX, META_SUFFIX, Standing, Storage, TensorMeta};
use crate::error::Result;
use crate::model::{Layout, Tensor};
use crate::options::{CompressReport, TranscodeOptions};
use crate::progress::Stage;
use crate::table::{Table, Verify};
use crate::target::Target;

use super::encode::{Encoder, Entry, Form};
use super::write::{in_folder, prove, write};

/// Tables that were compressed and are not any more: where their words lie in the scratch file.
type Plain = HashMap<String, Range<u64>>;

/// Transcodes one file: what [`super::compress`] makes of its source when it selects the same tensors. Words are read from the
/// compressed tables, a few rows at a time where the codec reads them so.
pub(crate) fn transcode(
    source: &Path,
    target: &Path,
    options: &TranscodeOptions<'_>,
) -> Result<CompressReport> {
    let file = Container::open(source)?;
    let record = file.record()?.clone();
    let outside = file.outside()?;
    let layout = Layout::parse(&outside, record.size)?;
    let mut report =
        CompressReport { source_bytes: record.size, output_bytes: None, tensors: Vec::new(), nothing: None };

    let mut target = Target::create(target, source, options.force)?;
    let coded = layout.tensors().iter().filter(|tensor| file.metas().contains_key(&tensor.name));
    let steps = options.progress.stage(Stage::Encode, coded.map(Tensor::bytes).sum());
    let mut encoder = Encoder::new(options.codec, options.effort, &target, steps)?;
    let (mut entries, mut plain) = (Vec::new(), Plain::new());
    for tensor in layout.tensors() {
        if let Standing::Coded(meta) = file.stands_for(tensor)? {
            let entry =
                encode(&file, tensor, meta, &mut encoder, &mut plain).map_err(|e| e.in_tensor(&tensor.name));
            entries.push(entry.map_err(in_folder(&target))?);
        }
    }
    report.tensors = entries.iter().map(|entry| entry.report.clone()).collect();
    if entries.iter().all(|entry| matches!(entry.form, Form::Plain)) {
        report.nothing = Some(format!("no table here shrinks by 1 % under codec {}", options.codec.name()));
        return Ok(report);
    }

    let plain = |tensor: &Tensor| match (plain.get(&tensor.name), file.stands_for(tensor)?) {
        (Some(range), _) => Ok(Content::Scratch(range.clone())),
        (None, Standing::Plain(bytes)) => Ok(Content::Bytes(bytes)),
        (None, Standing::Coded(_)) => unreachable!("a coded tensor has an entry, and a plain one its words"),
    };
    let progress = &options.progress;
    write((&outside, &layout), entries, plain, &record, &mut encoder, &mut target, progress)?;
    drop((encoder, file));
    report.output_bytes = Some(prove(target, progress)?);
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
    let (name, dtype, digest) = (&tensor.name, meta.dtype, &meta.blake3);
    if let Some(entry) = encoder.duplicate(tensor, dtype, digest) {
        return Ok(entry);
    }
    let coded = file.coded(name)?;
    if let Storage::Coded { .. } = meta.storage
        && coded.codec == encoder.codec()
    {
        let stored = |suffix| {
            let tensor = file.layout().tensor(&format!("{name}{suffix}"));
            file.bytes(tensor.expect("it was just opened"))
        };
        return Ok(encoder.keep(tensor, dtype, digest, ["", INDEX_SUFFIX, META_SUFFIX].map(stored)));
    }
    let shape = coded.shape;
    let table = Table::from_coded(coded, Verify::OnTouch)?;
    let entry = encoder.encode(tensor, dtype, digest, &table)?;
    if let Form::Plain = entry.form {
        plain.insert(name.clone(), encoder.decode(shape, &table)?);
    }
    Ok(entry)
}
