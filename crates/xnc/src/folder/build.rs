//! A compressed folder as it grows: what became of each file, and in the end the record of it.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::index::ShardIndex;
use super::{FOLDER_RECORD, FileEntry, FolderRecord, State, names, pass};
use crate::container::{Container, VERSION, kept, seal};
use crate::error::{Error, Result};
use crate::options::CompressReport;
use crate::progress::Steps;
use crate::target::{Target, TargetFolder, check_space};

/// A compressed folder being made of `source`.
pub struct Build<'a> {
    source: &'a Path,
    target: TargetFolder,
    compressed: Vec<PathBuf>,
    entries: BTreeMap<String, FileEntry>,
    output_bytes: u64,
    pub report: CompressReport,
}

impl<'a> Build<'a> {
    /// Starts one that will become `target` and needs `bytes` at least, as far as one can know.
    pub fn new(source: &'a Path, target: &Path, force: bool, bytes: u64) -> Result<Self> {
        check_space(target, bytes)?;
        let report = CompressReport::of(0);
        let target = TargetFolder::create(target, source, force)?;
        let (compressed, entries) = (Vec::new(), BTreeMap::new());
        Ok(Build { source, target, compressed, entries, output_bytes: 0, report })
    }

    /// The folder that it is made of.
    pub fn source(&self) -> &'a Path {
        self.source
    }

    /// The same error, of the target where it is of its temporary folder.
    pub fn blame(&self, error: Error) -> Error {
        self.target.blame(error)
    }

    /// Where a file is to be written.
    pub fn place(&self, file: &Path) -> Result<PathBuf> {
        self.target.place(file)
    }

    /// Whether no file holds compressed tables yet.
    pub fn is_plain(&self) -> bool {
        self.compressed.is_empty()
    }

    /// Takes a file that was written to its place as a compressed one.
    pub fn compressed(&mut self, file: PathBuf) -> Result<()> {
        let container = Container::open(&self.place(&file)?)?;
        let record = container.record()?;
        let entry = FileEntry { size: record.size, sha256: record.sha256.clone(), state: State::Compressed };
        self.output_bytes += container.file_bytes();
        self.record(&file, entry)?;
        self.compressed.push(file);
        Ok(())
    }

    /// Takes a file that was written to its place as it is in the source.
    pub fn plain(&mut self, file: &Path, entry: &FileEntry) -> Result<()> {
        self.output_bytes += entry.size;
        self.record(file, FileEntry { state: State::Copied, ..entry.clone() })
    }

    /// Records a file of the source's record that is not there any more.
    pub fn gone(&mut self, file: &Path, entry: &FileEntry) -> Result<()> {
        self.record(file, entry.clone())
    }

    /// Copies a file and records it, as `entry` if there is one; whether that is what was found.
    pub fn copy(&mut self, file: &Path, entry: Option<&FileEntry>, steps: &mut Steps<'_>) -> Result<bool> {
        let (from, to) = (self.source.join(file), self.place(file)?);
        let mut target = Target::create(&to, &from, false)?;
        let passed = pass(&from, target.file(), |bytes| steps.add(bytes));
        let (size, sha256) = passed.map_err(Target::blame(&to))?;
        target.commit()?;
        let found = FileEntry { size, sha256, state: State::Copied };
        let entry = entry.unwrap_or(&found);
        let same = (entry.size, &entry.sha256) == (found.size, &found.sha256);
        self.output_bytes += found.size;
        self.record(file, entry.clone())?;
        Ok(same)
    }

    /// Writes the index `text` of the source so that it fits the compressed files. False where it is no
    /// index.
    pub fn index(&mut self, file: &Path, text: &[u8], sizes: (u64, String)) -> Result<bool> {
        let Some(index) = ShardIndex::parse(text) else { return Ok(false) };
        let rewritten = index.rewrite(self.target.inside(), file, &self.compressed)?;
        self.write(file, &self.source.join(file), &rewritten)?;
        let (size, sha256) = sizes;
        self.record(file, FileEntry { size, sha256, state: State::Rewritten { source: vec![kept(text)] } })?;
        Ok(true)
    }

    fn write(&mut self, file: &Path, like: &Path, bytes: &[u8]) -> Result<()> {
        let to = self.place(file)?;
        let mut target = Target::create(&to, like, false)?;
        target.file().write_all(bytes).map_err(Error::io(&to))?;
        self.output_bytes += bytes.len() as u64;
        target.commit()
    }

    fn record(&mut self, file: &Path, entry: FileEntry) -> Result<()> {
        self.report.source_bytes += entry.size;
        self.entries.insert(names::from_path(file)?, entry);
        Ok(())
    }

    /// Writes the record and gives the folder its name. With `must_shrink`, a folder that is no smaller than
    /// its source does not come to be, and the report says why.
    pub fn finish(mut self, must_shrink: bool) -> Result<CompressReport> {
        let (obsolete, files) = (self.obsolete(), self.entries.len());
        self.write_record().map_err(|error| self.blame(error))?;
        if must_shrink && self.output_bytes >= self.report.source_bytes {
            let reason = format!("the record of the folder's {files} files takes what its tables save");
            for tensor in &mut self.report.tensors {
                (tensor.codec, tensor.stored_bytes) = (None, tensor.source_bytes);
                tensor.plain_because.get_or_insert_with(|| reason.clone());
            }
            self.report.nothing = Some(reason);
            return Ok(self.report);
        }
        self.report.output_bytes = Some(self.output_bytes);
        self.target.commit(Path::new(FOLDER_RECORD), &obsolete)?;
        Ok(self.report)
    }

    /// What the record of an older folder at the target's place tells of, and this one has not.
    fn obsolete(&self) -> Vec<PathBuf> {
        let Ok(old) = FolderRecord::read(self.target.path()) else { return Vec::new() };
        let gone = old.entries().into_iter().flatten().map(|(path, _)| path);
        gone.filter(|path| !self.target.inside().join(path).exists()).collect()
    }

    fn write_record(&mut self) -> Result<()> {
        let record = FolderRecord { version: VERSION.into(), files: std::mem::take(&mut self.entries) };
        self.report.warnings.extend(record.missing_shards()?);
        // It tells of all files, so whoever may read those may read it.
        let like = self.compressed.first().cloned();
        let like = like.or(record.files.keys().next().map(PathBuf::from)).unwrap_or_default();
        self.write(Path::new(FOLDER_RECORD), &self.source.join(like), &seal(&record))
    }
}

/// Sizes of files, together.
pub fn bytes_of<'a>(folder: &Path, files: impl IntoIterator<Item = &'a PathBuf>) -> u64 {
    files.into_iter().filter_map(|file| fs::metadata(folder.join(file)).ok()).map(|found| found.len()).sum()
}
