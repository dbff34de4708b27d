//! The tables of a file or folder, counted one at a time: what stays of each is numbers, so that memory
//! does not grow with tables.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Result;
use rayon::prelude::*;
use xnc::{Analysis, Codec, Dtype, Error, Format, Model, Patterns, Progress, PublishedCount, TensorInfo};

use crate::Hear;

/// More threads than this cannot be started everywhere; none of them would have work.
const MOST_THREADS: usize = 1024;

/// A table, where it is, and what was counted in it.
pub struct Counted {
    pub name: String,
    /// Element type as the source spells it.
    pub dtype: String,
    /// Type of the words that were counted.
    pub words_dtype: Dtype,
    pub shape: [u64; 2],
    pub codec: Option<Codec>,
    /// The tensor that holds the words, when this one is a duplicate.
    pub same_as: Option<String>,
    pub source_bytes: u64,
    pub stored_bytes: u64,
    /// What `stored_bytes` are, in a compressed file.
    pub stored: Stored,
    pub words: u64,
    pub patterns: Patterns,
    pub xnc: PublishedCount,
    pub xnc_ratio: Option<f64>,
    pub order0_bits_per_weight: f64,
    exponents: Exponents,
}

/// The parts of what a table takes: all of it.
pub struct Stored {
    pub payload: u64,
    pub index: u64,
    pub model: u64,
    pub metadata: u64,
}

/// Words by biased exponent: the exponents that there are, of how many. Most tables have a few of 256.
struct Exponents {
    counts: Box<[(u8, u64)]>,
    all: usize,
}

impl Counted {
    fn new(info: TensorInfo, table: &xnc::Table, analysis: Analysis) -> Counted {
        Counted {
            name: info.name,
            dtype: info.dtype,
            words_dtype: table.dtype(),
            shape: [table.rows() as u64, table.dim() as u64],
            codec: table.codec(),
            same_as: info.same_as,
            source_bytes: info.source_bytes,
            stored_bytes: table.stored_bytes(),
            stored: Stored {
                payload: analysis.payload_bytes,
                index: analysis.index_bytes,
                model: analysis.model_bytes,
                metadata: analysis.metadata_bytes,
            },
            words: analysis.words,
            patterns: analysis.patterns,
            xnc: analysis.xnc,
            xnc_ratio: analysis.xnc_ratio,
            order0_bits_per_weight: analysis.order0_bits_per_weight,
            exponents: Exponents::new(&analysis.exponents),
        }
    }

    pub fn bits_per_weight(&self) -> f64 {
        8.0 * self.stored_bytes as f64 / self.words.max(1) as f64
    }

    /// Bytes that the order-0 entropy stands for.
    pub fn order0_bytes(&self) -> f64 {
        self.order0_bits_per_weight * self.words as f64 / 8.0
    }

    /// The codec's name, or that there is none.
    pub fn kept(&self) -> &'static str {
        self.codec.map_or("plain", Codec::name)
    }

    /// Words by biased exponent, every exponent of the type.
    pub fn exponents(&self) -> Vec<u64> {
        let Exponents { counts, all } = &self.exponents;
        let mut out = vec![0; *all];
        counts.iter().for_each(|(exponent, n)| out[usize::from(*exponent)] = *n);
        out
    }
}

impl Exponents {
    fn new(counts: &[u64]) -> Exponents {
        let there = (0..=u8::MAX).zip(counts.iter().copied()).filter(|(_, n)| *n > 0);
        Exponents { counts: there.collect(), all: counts.len() }
    }
}

/// A file and its tables.
pub struct CountedFile {
    pub path: PathBuf,
    pub format: Format,
    pub file_bytes: u64,
    pub is_compressed: bool,
    /// Size and SHA-256 of the source, as a compressed file records them.
    pub source: Option<(u64, String)>,
    pub tensor_count: usize,
    /// Tables that are of another type than 16-bit words: the first few, by name and type.
    pub other_tables: Vec<(String, String)>,
    pub tables: Vec<Counted>,
    /// Tables that are not among `tables`, and their bytes in the file.
    pub left_out: (usize, u64),
}

/// Names of tables of other types that are worth showing.
const OTHERS: usize = 12;

/// Counts the tables of a file, or of all files of a folder, in the order of each file: all of them, or the
/// `most` largest of each.
pub fn count(path: &Path, threads: usize, most: usize, hear: Hear<'_>) -> Result<Vec<CountedFile>> {
    let files = xnc::model_files(path)?;
    let all = || files.iter().map(|file| count_file(file, most, hear)).collect();
    if threads == 0 {
        return all();
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads.min(MOST_THREADS)).build();
    pool.map_err(|e| Error::Threads { threads, reason: e.to_string() })?.install(all)
}

fn count_file(path: &Path, most: usize, hear: Hear<'_>) -> Result<CountedFile> {
    let model = Model::open(path)?;
    let mut infos = tables_of(&model);
    let disguised = infos.iter().filter(|info| info.codec.is_none() && info.dtype == "F32");
    let disguised: HashSet<String> = disguised.map(|info| info.name.clone()).collect();
    let mut left_out = (0, 0);
    if infos.len() > most {
        let mut sizes: Vec<u64> = infos.iter().map(|info| info.source_bytes).collect();
        let (larger, least, _) = sizes.select_nth_unstable_by(most, |a, b| b.cmp(a));
        let least = *least;
        // Of those as large as the largest that is left out, the first ones stay.
        let mut equals = most - larger.iter().filter(|size| **size > least).count();
        infos.retain(|info| {
            let is_equal = info.source_bytes == least && equals > 0;
            equals -= usize::from(is_equal);
            let stays = info.source_bytes > least || is_equal;
            left_out.0 += usize::from(!stays);
            left_out.1 += if stays { 0 } else { info.stored_bytes };
            stays
        });
    }
    let tables = tables(&model, infos, hear)?;
    let mut tensor_count = 0;
    let mut other_tables = Vec::new();
    for info in model.tensors() {
        tensor_count += 1;
        let is_counted = matches!(info.dtype.as_str(), "BF16" | "F16") || disguised.contains(&info.name);
        if info.is_table && info.codec.is_none() && !is_counted && other_tables.len() < OTHERS {
            other_tables.push((info.name, info.dtype));
        }
    }
    Ok(CountedFile {
        path: path.to_owned(),
        format: model.format(),
        file_bytes: path.metadata().map_err(|cause| Error::Io { path: path.to_owned(), cause })?.len(),
        is_compressed: model.is_compressed(),
        source: recorded_source(&model),
        tensor_count,
        other_tables,
        tables,
        left_out,
    })
}

/// What a compressed file records of its source: spec/container.md, section 5.
fn recorded_source(model: &Model) -> Option<(u64, String)> {
    let record: serde_json::Value = serde_json::from_slice(model.bytes("xnc.file")?).ok()?;
    Some((record["size"].as_u64()?, record["sha256"].as_str()?.to_owned()))
}

/// The tables of a file: those of 16-bit words, and those by role that hold 16-bit values as F32.
pub fn tables_of(model: &Model) -> Vec<TensorInfo> {
    let f32 = |info: &TensorInfo| info.is_table && info.codec.is_none() && info.dtype == "F32";
    let disguised = model.tensors().filter(f32).filter(|info| model.table(&info.name).is_ok());
    let plain = model.tables().into_iter().filter_map(|name| model.tensor(name));
    plain.chain(disguised).collect()
}

/// Counts tables, several at a time where they are small; each is closed when it is counted.
fn tables(model: &Model, infos: Vec<TensorInfo>, hear_all: Hear<'_>) -> Result<Vec<Counted>> {
    let all = infos.iter().map(|info| info.source_bytes).sum();
    let done = AtomicU64::new(0);
    let one = |info: TensorInfo| {
        let table = model.table(&info.name)?;
        let heard = AtomicU64::new(0);
        let hear = |stage, now: u64, _| {
            let more = now.saturating_sub(heard.swap(now, Ordering::Relaxed));
            hear_all(stage, more + done.fetch_add(more, Ordering::Relaxed), all);
        };
        let analysis = xnc::analyze(&table, 0, &Progress::from(&hear))?;
        Ok(Counted::new(info, &table, analysis))
    };
    infos.into_par_iter().map(one).collect()
}
