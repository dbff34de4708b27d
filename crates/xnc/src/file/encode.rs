//! Tables of one file to their place in the target: encoded, found equal to an earlier one, or left plain.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::ops::Range;

use crate::codec::dense::Effort;
use crate::codec::{self, Codec, Source, TableShape};
use crate::container::{ALIGN, Storage, TensorMeta, VERSION, seal};
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::model::Tensor;
use crate::options::TensorReport;
use crate::progress::Steps;

/// What stands in the target for a table of the source.
pub struct Entry<'a> {
    pub report: TensorReport,
    pub form: Form<'a>,
}

/// How a table is kept.
pub enum Form<'a> {
    /// By itself; its payload has this range of the target.
    Coded { payload: Range<u64>, index: Cow<'a, [u8]>, meta: Cow<'a, [u8]> },
    /// By an earlier one of the same words.
    SameAs { meta: Vec<u8> },
    /// As it was, because it does not shrink by 1 %.
    Plain,
}

impl Form<'_> {
    /// Everything it adds to the file.
    fn bytes(&self, plain: u64) -> u64 {
        match self {
            Form::Coded { payload, index, meta } => {
                payload.end - payload.start + (index.len() + meta.len()) as u64
            }
            Form::SameAs { meta } => meta.len() as u64,
            Form::Plain => plain,
        }
    }
}

/// Tables that are the same have these in common: type, extents, BLAKE3 of the words.
type Same = (Dtype, Vec<u64>, String);

/// Encodes the tables of one file, one after another into the target.
pub struct Encoder<'p> {
    codec: Codec,
    effort: Effort,
    out: &'p mut File,
    /// Where the next payload begins.
    end: u64,
    align: u64,
    originals: HashMap<Same, String>,
    steps: Steps<'p>,
}

impl<'p> Encoder<'p> {
    /// Payloads begin at `start`, each on `align` bytes.
    pub fn new(
        (codec, effort): (Codec, Effort),
        out: &'p mut File,
        (start, align): (u64, u64),
        steps: Steps<'p>,
    ) -> Self {
        Encoder { codec, effort, out, end: start, align, originals: HashMap::new(), steps }
    }

    /// The codec that tables get.
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// A table that earlier ones may hold the words of, by their digest.
    pub fn duplicate(&mut self, tensor: &Tensor, dtype: Dtype, digest: &str) -> Option<Entry<'static>> {
        let original = self.originals.get(&(dtype, tensor.shape.clone(), digest.to_owned()))?.clone();
        if tensor.bytes() == 0 {
            return None;
        }
        let meta = record(tensor, dtype, digest, Storage::SameAs { same_as: original.clone() });
        self.steps.add(tensor.bytes());
        let mut entry = self.entry(tensor, dtype, digest, Form::SameAs { meta });
        entry.report.same_as = Some(original);
        Some(entry)
    }

    /// A table that is in a file as it is to be: its stored bytes.
    pub fn keep<'a>(
        &mut self,
        tensor: &Tensor,
        dtype: Dtype,
        digest: &str,
        [payload, index, meta]: [&'a [u8]; 3],
    ) -> Result<Entry<'a>> {
        let start = self.end;
        self.out.seek(SeekFrom::Start(start)).map_err(failed)?;
        for part in payload.chunks(4 << 20) {
            self.out.write_all(part).map_err(failed)?;
        }
        let payload = self.placed(payload.len() as u64)?;
        self.steps.add(tensor.bytes());
        let form = Form::Coded { payload, index: index.into(), meta: meta.into() };
        Ok(self.entry(tensor, dtype, digest, form))
    }

    /// Encodes a table, or finds that it stays plain.
    pub fn encode(
        &mut self,
        tensor: &Tensor,
        dtype: Dtype,
        digest: &str,
        words: &dyn Source,
    ) -> Result<Entry<'static>> {
        // None for a scalar, or a tensor without words.
        let shape = TableShape::new(dtype, &tensor.shape).filter(|&shape| self.codec.takes(shape));
        let Some(shape) = shape else {
            return Ok(self.entry(tensor, dtype, digest, Form::Plain));
        };
        self.out.seek(SeekFrom::Start(self.end)).map_err(failed)?;
        let mut payload = BufWriter::with_capacity(1 << 20, &mut *self.out);
        let steps = &mut self.steps;
        let told = &mut |words| steps.add(2 * words as u64);
        let coded = codec::encode(self.codec, shape, words, self.effort, &mut payload, told);
        let coded = coded.map_err(|e| match e {
            Error::Io { cause, .. } => failed(cause), // the codec knows no path
            other => other,
        })?;
        let length = coded.payload_bytes.next_multiple_of(ALIGN as u64);
        let filled = payload.write_all(&[0; ALIGN][..(length - coded.payload_bytes) as usize]);
        filled.and_then(|()| payload.flush()).map_err(failed)?;
        drop(payload);
        let mut index = coded.index;
        index.resize(index.len().next_multiple_of(ALIGN), 0);
        let index_crc32c = format!("{:08x}", crc32c::crc32c(&index));
        let storage = Storage::Coded { codec: self.codec.name().into(), index_crc32c, params: coded.params };
        let meta = record(tensor, dtype, digest, storage);
        let form =
            Form::Coded { payload: self.end..self.end + length, index: index.into(), meta: meta.into() };
        if form.bytes(0).saturating_mul(100) > tensor.bytes().saturating_mul(99) {
            return Ok(self.entry(tensor, dtype, digest, Form::Plain)); // the next one is written over it
        }
        self.placed(length)?;
        Ok(self.entry(tensor, dtype, digest, form))
    }

    /// Keeps what was written after the last payload as one, and fills up to where the next may begin.
    fn placed(&mut self, length: u64) -> Result<Range<u64>> {
        let payload = self.end..self.end + length;
        self.end = payload.end.next_multiple_of(self.align);
        self.out.write_all(&vec![0; (self.end - payload.end) as usize]).map_err(failed)?;
        Ok(payload)
    }

    fn entry<'a>(&mut self, tensor: &Tensor, dtype: Dtype, digest: &str, form: Form<'a>) -> Entry<'a> {
        if let Form::Coded { .. } = form {
            let key = (dtype, tensor.shape.clone(), digest.to_owned());
            self.originals.entry(key).or_insert_with(|| tensor.name.clone());
        }
        let report = TensorReport {
            name: tensor.name.clone(),
            dtype,
            shape: tensor.shape.clone(),
            codec: (!matches!(form, Form::Plain)).then_some(self.codec),
            same_as: None,
            source_bytes: tensor.bytes(),
            stored_bytes: form.bytes(tensor.bytes()),
        };
        Entry { report, form }
    }
}

fn record(tensor: &Tensor, dtype: Dtype, digest: &str, storage: Storage) -> Vec<u8> {
    let (name, shape) = (tensor.name.clone(), tensor.shape.clone());
    seal(&TensorMeta { version: VERSION.into(), name, dtype, shape, blake3: digest.to_owned(), storage })
}

/// The caller knows where the target is.
fn failed(cause: io::Error) -> Error {
    Error::Write { cause }
}
