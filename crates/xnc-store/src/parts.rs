//! A table as its files have it: in one piece, or in several that follow each other.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use xnc::internals::Distant;
use xnc::{Backend, Dtype, Error, Model, Result};

use crate::reads::Source;

/// A piece of a table.
pub struct Part {
    /// Its rows.
    pub table: Distant,
    /// Number of the file that it lies in.
    pub source: usize,
    /// Number of its first row in the whole table.
    pub first: usize,
}

/// All pieces, in order, and the files that they lie in.
pub struct Parts {
    pub parts: Vec<Part>,
    pub sources: Vec<Arc<Source>>,
    pub paths: Vec<PathBuf>,
    pub rows: usize,
}

impl Parts {
    /// Finds a table in a file, or in the files of a model folder: a tensor of that name, or tensors of that name with
    /// `.0`, `.1` and so on behind.
    pub fn open(path: &Path, name: &str, backend: Option<Backend>, direct: bool) -> Result<Parts> {
        let files = if path.is_dir() { model_files(path)? } else { vec![path.to_owned()] };
        let mut all = Parts { parts: Vec::new(), sources: Vec::new(), paths: Vec::new(), rows: 0 };
        let mut models = Vec::new();
        for file in files {
            let source =
                Source::open(&file, direct).map_err(|cause| Error::Io { path: file.clone(), cause })?;
            // Index and rows are of one file, even if another one takes its name meanwhile.
            let model = Model::open_part(&source.file, 0, None);
            models.push((model.map_err(|e| of_file(e, &file))?, Some(source), file));
        }
        let has = |name: &str| models.iter().position(|(model, ..)| model.tensor(name).is_some());
        let pieces: Vec<(usize, String)> = match has(name) {
            Some(at) => vec![(at, name.to_owned())],
            None => {
                (0..).map(|n| format!("{name}.{n}")).map_while(|name| Some((has(&name)?, name))).collect()
            }
        };
        if pieces.is_empty() {
            let available: BTreeSet<&str> = models.iter().flat_map(|(model, ..)| model.tables()).collect();
            let available = available.into_iter().map(str::to_owned).collect();
            return Err(Error::TensorNotFound { name: name.to_owned(), available });
        }
        for (at, name) in pieces {
            let (model, source, path) = &mut models[at];
            let table = Distant::open(model, &name, backend).map_err(|e| of_file(e, path))?;
            all.add(table, source.take(), path)?;
        }
        Ok(all)
    }

    /// Adds a piece; `source` is the file that it lies in, unless an earlier one does.
    fn add(&mut self, table: Distant, source: Option<Source>, path: &Path) -> Result<()> {
        if let Some(Part { table: first, .. }) = self.parts.first()
            && (first.dim(), first.dtype()) != (table.dim(), table.dtype())
        {
            let rows = |of: &Distant| format!("rows of {} {} words", of.dim(), of.dtype());
            let reason = format!("it has {}, `{}` has {}", rows(&table), first.name(), rows(first));
            return Err(Error::NotATable { name: table.name().to_owned(), reason });
        }
        if let Some(source) = source {
            self.sources.push(Arc::new(source));
            self.paths.push(path.to_owned());
        }
        let source =
            self.paths.iter().position(|known| known == path).expect("added with the file's first piece");
        let first = self.rows;
        self.rows += table.rows();
        self.parts.push(Part { table, source, first });
        Ok(())
    }

    /// The piece that a row of the whole table lies in.
    pub fn of_row(&self, row: usize) -> &Part {
        &self.parts[self.parts.partition_point(|part| part.first <= row) - 1]
    }

    /// What all pieces have in common.
    pub fn shape(&self) -> (usize, Dtype) {
        let first = &self.parts[0].table;
        (first.dim(), first.dtype())
    }
}

/// Names the file in an error, which was opened without a name.
fn of_file(error: Error, path: &Path) -> Error {
    match error {
        Error::Io { cause, .. } => Error::Io { path: path.to_owned(), cause },
        Error::NotATable { .. } | Error::TensorNotFound { .. } => error,
        other => Error::InFile { file: path.to_owned(), cause: Box::new(other) },
    }
}

/// Model files of a folder, by name.
fn model_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let failed = |cause| Error::Io { path: folder.to_owned(), cause };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|ending| ending == "safetensors" || ending == "gguf") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
