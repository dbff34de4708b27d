//! Tables as the study takes them: plain words in a safetensors file, from a model, rounded from one, or made
//! from a fixed seed.

use std::fs;
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use half::{bf16, f16};
use safetensors::SafeTensors;
use safetensors::tensor::TensorView;
use xnc::{Dtype, Model, OpenOptions, Table, Verify};

/// Name of the tensor in files written here; by it `xnc` knows a table.
pub const NAME: &str = "model.embed_tokens.weight";

/// A table in a file of its own.
#[derive(Clone, Debug)]
pub struct TableFile {
    /// What readers call it.
    pub label: String,
    /// The file.
    pub path: PathBuf,
    /// Name of the tensor.
    pub tensor: String,
    /// Element type.
    pub dtype: Dtype,
    /// Number of rows.
    pub rows: usize,
    /// Words in a row.
    pub dim: usize,
}

impl TableFile {
    /// Finds the only table of a plain file.
    pub fn open(label: &str, path: &Path) -> Result<TableFile> {
        let file = Model::open(path)?;
        let names = file.tables();
        let [name] = names[..] else { bail!("{} holds {} tables, not one", path.display(), names.len()) };
        let table = file.table(name)?;
        Ok(TableFile {
            label: label.into(),
            path: path.to_owned(),
            tensor: name.to_owned(),
            dtype: table.dtype(),
            rows: table.rows(),
            dim: table.dim(),
        })
    }

    /// Writes `words` as the table of a new file in `folder`.
    pub fn write(folder: &Path, label: &str, dtype: Dtype, dim: usize, words: &[u16]) -> Result<TableFile> {
        ensure!(dim > 0 && words.len().is_multiple_of(dim), "rows of {dim} words");
        let rows = words.len() / dim;
        let stem: String = label.chars().map(|c| if c.is_alphanumeric() { c } else { '-' }).collect();
        let path = folder.join(format!("{stem}.{dtype}.{rows}x{dim}.safetensors"));
        let element = match dtype {
            Dtype::Bf16 => safetensors::Dtype::BF16,
            Dtype::F16 => safetensors::Dtype::F16,
        };
        let tensor = TensorView::new(element, vec![rows, dim], bytemuck::cast_slice(words))?;
        safetensors::serialize_to_file([(NAME, tensor)], None, &path)
            .with_context(|| format!("cannot write {}", path.display()))?;
        Ok(TableFile { label: label.into(), path, tensor: NAME.into(), dtype, rows, dim })
    }

    /// Opens it, its file being plain.
    pub fn open_plain(&self) -> Result<Table> {
        open(&self.path, &self.tensor, Verify::Never)
    }

    /// Its words, on pages of their own.
    pub fn words(&self) -> Result<Words> {
        let table = self.open_plain()?;
        let mut words = Words::touched(table.rows() * table.dim());
        table.read(0, &mut words)?;
        Ok(words)
    }

    /// Bytes of the words.
    pub fn bytes(&self) -> u64 {
        2 * (self.rows * self.dim) as u64
    }

    /// Type and extent, as a reader wants them.
    pub fn shape(&self) -> String {
        format!("{}, {} x {}", self.dtype, self.rows, self.dim)
    }

    /// Its first `rows` rows as a table of their own.
    pub fn first(&self, folder: &Path, rows: usize) -> Result<TableFile> {
        let words = self.words()?;
        TableFile::write(folder, &self.label, self.dtype, self.dim, &words[..rows.min(self.rows) * self.dim])
    }

    /// Its FP16 cast.
    pub fn cast(&self, folder: &Path) -> Result<TableFile> {
        let words: Vec<u16> = self.words()?.iter().map(|&word| cast(word)).collect();
        TableFile::write(folder, &self.label, Dtype::F16, self.dim, &words)
    }
}

/// Opens a table of a file, plain or compressed.
pub fn open(path: &Path, tensor: &str, verify: Verify) -> Result<Table> {
    let mut options = OpenOptions::default();
    options.verify = verify;
    Ok(Model::open(path)?.table_with(tensor, &options)?)
}

/// Words that begin on a cache line, so that no peer is slowed down by loads that straddle two.
pub struct Words {
    buffer: Vec<u16>,
    start: usize,
    len: usize,
}

impl Words {
    /// `len` words, each written once: zeros would be pages that the system only gives when they are first written.
    pub fn touched(len: usize) -> Words {
        let buffer = vec![1; len + 32];
        let start = buffer.as_ptr().align_offset(64).min(32);
        Words { buffer, start, len }
    }
}

impl Deref for Words {
    type Target = [u16];

    fn deref(&self) -> &[u16] {
        &self.buffer[self.start..][..self.len]
    }
}

impl DerefMut for Words {
    fn deref_mut(&mut self) -> &mut [u16] {
        &mut self.buffer[self.start..][..self.len]
    }
}

/// The FP16 cast of a BF16 word: to nearest, ties to even.
pub fn cast(word: u16) -> u16 {
    f16::from_f32(bf16::from_bits(word).to_f32()).to_bits()
}

/// Values of an F32 tensor of a model file, with the length of a row.
pub fn values(path: &Path, tensor: &str) -> Result<(Vec<f32>, usize)> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let file = SafeTensors::deserialize(&bytes).with_context(|| format!("cannot read {}", path.display()))?;
    let tensor = file.tensor(tensor).with_context(|| format!("{} has no `{tensor}`", path.display()))?;
    let &[_, dim] = tensor.shape() else { bail!("the tensor has the shape {:?}", tensor.shape()) };
    ensure!(tensor.dtype() == safetensors::Dtype::F32, "the tensor is {}", tensor.dtype());
    let values = tensor.data().as_chunks::<4>().0.iter().map(|four| f32::from_le_bytes(*four)).collect();
    Ok((values, dim))
}

/// Words of `values`, rounded once, to nearest, ties to even.
pub fn rounded(values: &[f32], dtype: Dtype) -> Vec<u16> {
    match dtype {
        Dtype::Bf16 => values.iter().map(|&x| bf16::from_f32(x).to_bits()).collect(),
        Dtype::F16 => values.iter().map(|&x| f16::from_f32(x).to_bits()).collect(),
    }
}

/// SplitMix64: the same numbers from the same seed everywhere.
pub struct Random(u64);

impl Random {
    /// Begins at `seed`.
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        (self.bits() % n.max(1) as u64) as usize
    }

    /// A normal deviate (Box and Muller).
    pub fn normal(&mut self) -> f64 {
        let unit = |bits: u64| ((bits >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
        let (radius, turn) = (unit(self.bits()), unit(self.bits()));
        (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * turn).cos()
    }

    /// `n` normal values of deviation `sigma`.
    pub fn normals(&mut self, n: usize, sigma: f64) -> Vec<f32> {
        (0..n).map(|_| (sigma * self.normal()) as f32).collect()
    }
}
