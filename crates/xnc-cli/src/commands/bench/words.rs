//! The plain words that compressed tables are compared with: mapped from a file, like the compressed ones.

use std::io::Write as _;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::json;
use xnc::{Backend, Error, Model, OpenOptions, Table};

use super::Files;

/// Bytes ahead of use for which plain products ask; 0 leaves that to the machine.
const AHEAD: [usize; 6] = [0, 512, 2048, 4096, 8192, 16384];

/// The same for loops of a lesser instruction set than the tables run on, which seldom win, and for reading.
const AHEAD_FEW: [usize; 3] = [0, 2048, 8192];

/// And for words in huge pages, of which each distance takes a copy.
const AHEAD_HUGE: [usize; 2] = [0, 8192];

/// Bytes of a cache line, where plain words begin: a table must not lose because of where its file puts it.
const LINE: usize = 64;

/// A table's words, plain, in a mapped file.
pub struct Words {
    model: Model,
    tensor: String,
}

impl Words {
    /// Those of the plain file, in place where they begin on a cache line and are words; else a file with them is
    /// written into `folder`.
    pub fn of(files: &Files, folder: &Path) -> Result<Words> {
        let (model, tensor) = (Model::open(&files.plain)?, files.tensor.clone());
        let table = model.table(&tensor)?;
        let bytes = model.bytes(&tensor).context("the tensor is there")?;
        if bytes.len() == 2 * table.rows() * table.dim() && bytes.as_ptr().align_offset(LINE) == 0 {
            return Ok(Words { model, tensor });
        }
        let mut words = vec![0_u16; table.rows() * table.dim()];
        table.read(0, &mut words)?;
        let bytes: &[u8] = bytemuck::cast_slice(&words);
        let (dtype, shape) = (table.dtype().to_string(), [table.rows(), table.dim()]);
        let header = json!({ "words": { "dtype": dtype, "shape": shape, "data_offsets": [0, bytes.len()] } });
        let mut header = header.to_string();
        let length = (8 + header.len()).next_multiple_of(LINE) - 8;
        header.extend(std::iter::repeat_n(' ', length - header.len()));
        let path = folder.join("words.safetensors");
        let mut file = std::fs::File::create(&path)?;
        for part in [&(length as u64).to_le_bytes(), header.as_bytes(), bytes] {
            file.write_all(part)?;
        }
        Ok(Words { model: Model::open(&path)?, tensor: "words".into() })
    }

    pub fn words(&self) -> &[u16] {
        bytemuck::cast_slice(self.model.bytes(&self.tensor).expect("looked at before"))
    }

    /// The words as tables that differ in how products go along them: their names, and they. All loops that a
    /// plain table may take where `like` runs, at most on that instruction set.
    pub fn variants(&self, like: &Table) -> Result<Vec<(String, Table)>> {
        self.tables(like, &AHEAD, &AHEAD_FEW, false)
    }

    /// Tables whose products only read.
    pub fn readers(&self, like: &Table) -> Result<Vec<(String, Table)>> {
        self.tables(like, &AHEAD_FEW, &AHEAD_FEW, true)
    }

    /// The words copied to huge pages, as tables; none where the system gives too few. Such pages cost a copy
    /// in memory, which a mapped file is there to save.
    pub fn huge(&self, like: &Table) -> Result<Vec<(String, Table)>> {
        let before = huge_bytes();
        let mut all = Vec::new();
        for ahead in AHEAD_HUGE {
            let mut options = OpenOptions::default();
            options.backend = Some(like.backend());
            let way = options.ahead.get_or_insert_default();
            (way.ahead, way.huge) = (ahead, true);
            all.push((named(ahead), self.model.table_with(&self.tensor, &options)?));
        }
        let bytes = AHEAD_HUGE.len() * 2 * self.words().len();
        let given = huge_bytes().saturating_sub(before);
        Ok(if 10 * given >= 9 * bytes { all } else { Vec::new() })
    }

    fn tables(
        &self,
        like: &Table,
        ahead: &[usize],
        ahead_lesser: &[usize],
        only_read: bool,
    ) -> Result<Vec<(String, Table)>> {
        let own = like.backend().to_string();
        let mut all = Vec::new();
        for backend in backends(&own)? {
            let lesser = backend.to_string() != own;
            for &ahead in if lesser { ahead_lesser } else { ahead } {
                let name = if lesser { format!("{}, {backend}", named(ahead)) } else { named(ahead) };
                let mut options = OpenOptions::default();
                options.backend = Some(backend);
                let way = options.ahead.get_or_insert_default();
                (way.ahead, way.only_read) = (ahead, only_read);
                all.push((name, self.model.table_with(&self.tensor, &options)?));
            }
        }
        Ok(all)
    }
}

fn named(ahead: usize) -> String {
    if ahead == 0 { "no prefetch".into() } else { format!("prefetch {ahead}") }
}

/// Bytes of this process that lie in huge pages; none where the system does not say.
fn huge_bytes() -> usize {
    let says = std::fs::read_to_string("/proc/self/smaps_rollup").unwrap_or_default();
    let line = says.lines().find_map(|line| line.strip_prefix("AnonHugePages:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<usize>().ok());
    kilobytes.unwrap_or(0) << 10
}

/// The instruction sets up to the one of that name; the portable loops only where they are that one, for they are
/// many times slower.
fn backends(most: &str) -> Result<Vec<Backend>> {
    // What the machine has is told by the error about something that none has.
    let names = match "none".parse::<Backend>() {
        Err(Error::NoBackend { available, .. }) => available,
        _ => most.into(),
    };
    let names: Vec<&str> = names.split(", ").collect();
    let end = names.iter().position(|name| *name == most).map_or(names.len(), |at| at + 1);
    let first = if end > 1 { 1 } else { 0 };
    Ok(names[first..end].iter().map(|name| name.parse()).collect::<xnc::Result<_>>()?)
}
