//! The target, from its entries: written, restored once in memory to prove it, renamed.

use std::borrow::Cow;
use std::io;

use crate::container::{
    self, Container, Content, FILE_RECORD, FileRecord, INDEX_SUFFIX, Item, META_SUFFIX, VERSION, seal,
};
use crate::error::{Error, Result};
use crate::model::{Layout, Tensor};
use crate::progress::{Progress, Stage};
use crate::target::Target;

use super::encode::{Encoder, Entry, Form};
use super::restore_into;

/// The source's header: the bytes it lies in, and what it says.
pub type Head<'a> = (&'a [u8], &'a Layout);

/// Payloads first, so that each begins on 64 bytes; then the companions, then everything else as it was, which `plain` gives.
pub fn write<'a>(
    (head, source): Head<'_>,
    entries: Vec<Entry<'a>>,
    plain: impl Fn(&Tensor) -> Result<Content<'a>>,
    record: &FileRecord,
    encoder: &mut Encoder<'_>,
    target: &mut Target,
    progress: &Progress<'_>,
) -> Result<()> {
    let format = source.format();
    let (mut items, mut names) = (Vec::new(), Vec::new());
    let mut companions: Vec<(String, Cow<'_, [u8]>)> = Vec::new();
    for Entry { report, form } in entries {
        let (payload, index, meta) = match form {
            Form::Coded { payload, index, meta } => (payload, Some(index), meta),
            Form::SameAs { meta } => (Content::Bytes(&[]), None, meta.into()),
            Form::Plain => continue,
        };
        items.push(Item::bytes(format, report.name.clone(), payload));
        companions.extend(index.map(|index| (format!("{}{INDEX_SUFFIX}", report.name), index)));
        companions.push((format!("{}{META_SUFFIX}", report.name), meta));
        names.push(report.name);
    }
    companions.push((FILE_RECORD.into(), seal(record).into()));
    for (name, bytes) in &companions {
        items.push(Item::bytes(format, name.clone(), Content::Bytes(bytes)));
    }
    for tensor in source.tensors().iter().filter(|tensor| !names.contains(&tensor.name)) {
        items.push(Item {
            name: tensor.name.clone(),
            dtype: tensor.dtype.clone(),
            shape: tensor.shape.clone(),
            content: plain(tensor)?,
        });
    }
    let summary = [
        ("xnc.version".into(), VERSION.into()),
        ("xnc.tensors".into(), names.join(",")),
        ("xnc.source_sha256".into(), record.sha256.clone()),
    ];
    let mut steps = progress.stage(Stage::Write, items.iter().map(|item| item.content.len()).sum());
    let scratch = &mut encoder.scratch;
    let head = (head, source.header());
    container::write(target.file(), head, &summary, &items, scratch, &mut |bytes| steps.add(bytes as u64))
        .map_err(Error::io(target.temporary_path()))
}

/// Restores the written file in memory and gives it its name; returns its size. Nothing else should be mapped by now: resident memory
/// stays near the larger of source and target.
pub fn prove(target: Target, progress: &Progress<'_>) -> Result<u64> {
    let written = Container::open(target.temporary_path())?;
    restore_into(&written, &mut io::sink(), progress)?;
    let bytes = written.file_bytes();
    drop(written);
    target.commit()?;
    Ok(bytes)
}

/// An error of a file that has no name, or not yet, with the place where it lies.
pub fn in_folder(target: &Target) -> impl Fn(Error) -> Error + '_ {
    |error| match error {
        Error::Io { cause, .. } => Error::io(target.temporary_path())(cause),
        other => other,
    }
}
