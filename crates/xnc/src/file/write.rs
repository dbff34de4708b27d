//! The target, from its entries: laid out, written, restored once in memory to prove it, renamed.

use std::collections::HashSet;
use std::io;

use crate::container::{
    Container, Content, FILE_RECORD, FileRecord, INDEX_SUFFIX, Item, META_SUFFIX, Output, Plan, Summary,
    VERSION, seal,
};
use crate::error::Result;
use crate::model::{Layout, Tensor};
use crate::options::CompressReport;
use crate::progress::{Progress, Stage};
use crate::target::Target;

use super::encode::{Entry, Form};
use super::restore_into;

/// The source's header: the bytes it lies in, and what it says.
pub type Head<'a> = (&'a [u8], &'a Layout);

/// Where payloads will begin when all of `tables` are coded and come out as tables usually do. Plain words
/// and headers of other sizes only cost moving the payloads once more.
pub fn foresee((head, source): Head<'_>, tables: &[&Tensor], begin: usize) -> u64 {
    const SMALL: &[u8] = &[0; 1024];
    let sizes = |tensor: &Tensor| 0..(tensor.bytes() / 10 * 7).next_multiple_of(begin as u64);
    let foreseen: Vec<(&str, Parts<'_>)> = tables
        .iter()
        .map(|tensor| (tensor.name.as_str(), (Content::Placed(sizes(tensor)), Some(SMALL), SMALL)))
        .collect();
    let names = names(&foreseen);
    let summary = Summary { version: VERSION, tensors: &names, source_sha256: &"0".repeat(64) };
    let items = items(source, foreseen, SMALL, |tensor| Ok(Content::Placed(tensor.range.clone())));
    items.map_or(0, |items| Plan::new((head, source.header()), Some(&summary), &items, begin).start())
}

/// Payload, index, metadata.
type Parts<'a> = (Content<'a>, Option<&'a [u8]>, &'a [u8]);

/// Payloads first, so that each begins on 64 bytes or a page; then the companions, then everything else as it was,
/// which `plain` gives.
fn items<'a>(
    source: &'a Layout,
    coded: Vec<(&'a str, Parts<'a>)>,
    record: &'a [u8],
    plain: impl Fn(&Tensor) -> Result<Content<'a>>,
) -> Result<Vec<Item<'a>>> {
    let format = source.format();
    let names: HashSet<&str> = coded.iter().map(|(name, _)| *name).collect();
    let (mut items, mut companions) = (Vec::new(), Vec::new());
    let mut companion = |name: String, bytes| {
        companions.push(Item::bytes(format, name, Content::Bytes(bytes)));
    };
    for (name, (payload, index, meta)) in coded {
        items.push(Item::bytes(format, name.to_owned(), payload));
        index.into_iter().for_each(|index| companion(format!("{name}{INDEX_SUFFIX}"), index));
        companion(format!("{name}{META_SUFFIX}"), meta);
    }
    companion(FILE_RECORD.into(), record);
    items.append(&mut companions);
    for tensor in source.tensors().iter().filter(|tensor| !names.contains(tensor.name.as_str())) {
        items.push(Item {
            name: tensor.name.clone(),
            dtype: tensor.dtype.clone(),
            shape: tensor.shape.clone(),
            content: plain(tensor)?,
        });
    }
    Ok(items)
}

/// The names of the compressed tensors.
fn names(coded: &[(&str, Parts<'_>)]) -> String {
    coded.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(",")
}

/// Writes all that goes around the payloads, which begin on `begin` bytes. Nothing, and a reason in the report, when
/// the whole file would not be smaller than its source.
pub fn write<'a>(
    (head, source): Head<'a>,
    entries: &'a [Entry<'a>],
    plain: impl Fn(&Tensor) -> Result<Content<'a>>,
    record: &FileRecord,
    (out, begin): (&mut dyn Output, usize),
    (report, progress): (&mut CompressReport, &Progress<'_>),
) -> Result<bool> {
    let sealed = seal(record);
    let coded = entries.iter().filter_map(|Entry { report, form, .. }| {
        let parts: Parts<'_> = match form {
            Form::Coded { payload, index, meta } => (Content::Placed(payload.clone()), Some(index), meta),
            Form::SameAs { meta } => (Content::Bytes(&[]), None, meta),
            Form::Plain(_) => return None,
        };
        Some((report.name.as_str(), parts))
    });
    let coded: Vec<_> = coded.collect();
    let names = names(&coded);
    let summary = Summary { version: VERSION, tensors: &names, source_sha256: &record.sha256 };
    let items = items(source, coded, &sealed, |tensor| plain(tensor))?;
    let plan = Plan::new((head, source.header()), Some(&summary), &items, begin);
    if plan.bytes() >= record.size {
        let all = plan.bytes() - record.size;
        report.nothing = Some(format!(
            "the file would not shrink: what describes its tables would take {all} bytes more than they save"
        ));
        for tensor in &mut report.tensors {
            (tensor.codec, tensor.same_as, tensor.stored_bytes) = (None, None, tensor.source_bytes);
        }
        return Ok(false);
    }
    let mut steps = progress.stage(Stage::Write, items.iter().map(|item| item.content.len()).sum());
    plan.write(out, &mut |bytes| steps.add(bytes as u64))?;
    Ok(true)
}

/// Restores the written file in memory and gives it its name; returns its size. Nothing else should be mapped
/// by now: resident memory stays near the larger of source and target.
pub fn prove(target: Target, progress: &Progress<'_>) -> Result<u64> {
    let written = Container::open(target.temporary_path())?;
    restore_into(&written, &mut io::sink(), progress)?;
    let bytes = written.file_bytes();
    drop(written);
    target.commit()?;
    Ok(bytes)
}
