//! A compressed folder to one of the same source under another codec.

use std::path::{Path, PathBuf};

use super::build::Build;
use super::{FileEntry, FolderRecord, State, edited, may_change};
use crate::container::{Container, recover_kept};
use crate::error::{Error, Result};
use crate::file;
use crate::kinds::{kind, source_is_folder};
use crate::options::{CompressOptions, CompressReport};
use crate::progress::Stage;
use crate::target::Target;

/// Transcodes the compressed files, rewrites the shard indexes for them, copies the rest.
pub(crate) fn transcode(
    source: &Path,
    target: &Path,
    options: &CompressOptions<'_>,
) -> Result<CompressReport> {
    let old = FolderRecord::read(source)?;
    let entries = old.entries()?;
    let mut build = Build::new(source, target, options.force, old.bytes() / 4)?;
    match fill(&mut build, &entries, &CompressOptions { force: false, ..options.clone() }) {
        Ok(()) => build.finish(false),
        Err(error) => Err(build.blame(error)),
    }
}

fn fill(
    build: &mut Build<'_>,
    entries: &[(PathBuf, &FileEntry)],
    options: &CompressOptions<'_>,
) -> Result<()> {
    let source = build.source();
    for (path, entry) in entries.iter().filter(|(_, entry)| matches!(entry.state, State::Compressed)) {
        let (from, to) = (source.join(path), build.place(path)?);
        let in_file = |e| Error::in_file(path, e);
        refuse_folder(&from)?;
        let one = file::transcode(&from, &to, options).map_err(in_file)?;
        build.report.tensors.extend(one.tensors);
        if one.output_bytes.is_some() {
            build.compressed(path.clone())?;
        } else {
            // Nothing in it shrinks under this codec: the source's own file.
            let mut plain = Target::create(&to, &from, false)?;
            let restored = file::restore_into(&Container::open(&from)?, plain.file(), &options.progress);
            restored.map_err(Target::blame(&to)).map_err(in_file)?;
            plain.commit()?;
            build.plain(path, entry)?;
        }
    }
    let copied = entries.iter().filter(|(_, entry)| matches!(entry.state, State::Copied));
    let total = copied.fold(0u64, |sum, (_, entry)| sum.saturating_add(entry.size));
    let mut steps = options.progress.stage(Stage::Copy, total);
    for (path, entry) in entries {
        match &entry.state {
            State::Compressed => {}
            State::Rewritten { source: text } => {
                let sizes = (entry.size, entry.sha256.clone());
                if !build.index(path, &recover_kept(text)?, sizes)? {
                    return Err(Error::in_file(path, Error::corrupt("what is kept of it is no shard index")));
                }
            }
            State::Copied => {
                let from = source.join(path);
                let may_change = may_change(entry, &from);
                if may_change && matches!(kind(&from), Ok(None)) {
                    let told = format!("{} is gone since the folder was compressed", path.display());
                    build.report.warnings.push(told);
                    build.gone(path, entry)?;
                    continue;
                }
                refuse_folder(&from)?;
                if !build.copy(path, Some(entry), &mut steps)? {
                    if !may_change {
                        let what = format!("its SHA-256 is not {}, which the source had", entry.sha256);
                        return Err(Error::in_file(path, Error::corrupt(what)));
                    }
                    build.report.warnings.push(edited(path));
                }
            }
        }
    }
    Ok(())
}

fn refuse_folder(path: &Path) -> Result<()> {
    if source_is_folder(path)? {
        return Err(Error::io(path)(std::io::ErrorKind::IsADirectory.into()));
    }
    Ok(())
}
