//! Tables of one file to their place in the target: encoded, found equal to an earlier one, or left plain.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{self, BufWriter, SeekFrom, Write};
use std::ops::Range;

use crate::codec::{self, Encoding, Recast, Source, TableShape, words_of};
use crate::container::{ALIGN, Output, Storage, TensorMeta, VERSION, seal};
use crate::dtype::{Dtype, Element};
use crate::error::{Error, Result};
use crate::kernel::Backend;
use crate::model::Tensor;
use crate::options::TensorReport;
use crate::progress::Steps;

use super::behind::Digest;

/// What stands in the target for a table of the source.
pub struct Entry<'a> {
    pub element: Element,
    pub report: TensorReport,
    pub form: Form<'a>,
}

/// How a table is kept.
pub enum Form<'a> {
    /// By itself; its payload has this range of the target.
    Coded { payload: Range<u64>, index: Cow<'a, [u8]>, meta: Cow<'a, [u8]> },
    /// By an earlier one of the same words.
    SameAs { meta: Vec<u8> },
    /// As it was, for that reason.
    Plain(String),
}

/// The reason of most tables that stay plain.
const NO_GAIN: &str = "does not shrink by 1 %";

impl Form<'_> {
    /// Everything it adds to the file.
    fn bytes(&self, plain: u64) -> u64 {
        match self {
            Form::Coded { payload, index, meta } => {
                payload.end - payload.start + (index.len() + meta.len()) as u64
            }
            Form::SameAs { meta } => meta.len() as u64,
            Form::Plain(_) => plain,
        }
    }
}

/// Tables that are the same have these in common: element type, extents, BLAKE3 of the elements.
type Same = (Element, Vec<u64>, String);

/// Encodes the tables of one file, one after another into the target.
pub struct Encoder<'p> {
    encoding: Encoding,
    out: &'p mut dyn Output,
    /// Where the next payload begins.
    end: u64,
    align: u64,
    originals: HashMap<Same, String>,
    steps: Steps<'p>,
}

impl<'p> Encoder<'p> {
    /// Payloads begin at `start`, each on `align` bytes.
    pub fn new(
        encoding: Encoding,
        out: &'p mut dyn Output,
        (start, align): (u64, u64),
        steps: Steps<'p>,
    ) -> Self {
        Encoder { encoding, out, end: start, align, originals: HashMap::new(), steps }
    }

    /// What tables become.
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// The instruction set that tables are read and encoded with.
    pub fn backend(&self) -> Backend {
        self.encoding.backend
    }

    /// Whether an earlier table may hold the words of this one.
    pub fn may_have(&self, tensor: &Tensor, element: Element) -> bool {
        self.originals.keys().any(|(of, shape, _)| (*of, shape) == (element, &tensor.shape))
    }

    /// A table that earlier ones may hold the words of, by their digest.
    pub fn duplicate(&mut self, tensor: &Tensor, element: Element, digest: &str) -> Option<Entry<'static>> {
        let original = self.originals.get(&(element, tensor.shape.clone(), digest.to_owned()))?.clone();
        if tensor.bytes() == 0 {
            return None;
        }
        let meta = metadata(tensor, element, digest, Storage::SameAs { same_as: original.clone() });
        self.steps.add(tensor.bytes());
        let mut entry = self.entry(tensor, element, digest, Form::SameAs { meta });
        entry.report.same_as = Some(original);
        Some(entry)
    }

    /// A table that is in a file as it is to be: its stored bytes.
    pub fn keep<'a>(
        &mut self,
        tensor: &Tensor,
        element: Element,
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
        Ok(self.entry(tensor, element, digest, form))
    }

    /// Encodes a table, or finds that it stays plain.
    pub fn encode(
        &mut self,
        tensor: &Tensor,
        element: Element,
        digest: &mut dyn Digest,
        (dtype, words): (Dtype, &dyn Source),
    ) -> Result<Entry<'static>> {
        let Encoding { codec, backend, .. } = self.encoding;
        // None for a scalar, or a tensor without words.
        let shape = TableShape::new(dtype, &tensor.shape).filter(|&shape| codec.takes(shape));
        let Some(shape) = shape else {
            let reason = format!("has a shape that codec {codec} does not take");
            return Ok(self.plain(tensor, element, &reason));
        };
        let coded_as = words_of(codec, shape, words, backend)?;
        let recast = Recast { source: words, backend };
        let words = if coded_as == dtype { words } else { &recast };
        let shape = TableShape { dtype: coded_as, ..shape };
        self.out.seek(SeekFrom::Start(self.end)).map_err(failed)?;
        let mut payload = BufWriter::with_capacity(1 << 20, &mut *self.out);
        let (steps, mut reached) = (&mut self.steps, 0);
        let told = &mut |words| {
            let bytes = element.bytes() as u64 * words as u64;
            steps.add(bytes);
            reached += bytes;
            digest.reach(reached);
        };
        let coded = codec::encode(self.encoding, shape, words, &mut payload, told)?;
        let length = coded.payload_bytes.next_multiple_of(ALIGN as u64);
        let filled = payload.write_all(&[0; ALIGN][..(length - coded.payload_bytes) as usize]);
        filled.and_then(|()| payload.flush()).map_err(failed)?;
        drop(payload);
        let mut index = coded.index;
        index.resize(index.len().next_multiple_of(ALIGN), 0);
        let index_crc32c = format!("{:08x}", crc32c::crc32c(&index));
        let (codec, params) = (codec.name().into(), coded.params);
        let storage = Storage::Coded { codec, words: coded_as, index_crc32c, params };
        let digest = digest.finish();
        let meta = metadata(tensor, element, &digest, storage);
        let form =
            Form::Coded { payload: self.end..self.end + length, index: index.into(), meta: meta.into() };
        if form.bytes(0).saturating_mul(100) > tensor.bytes().saturating_mul(99) {
            // The next payload is written over this one.
            return Ok(self.plain(tensor, element, NO_GAIN));
        }
        self.placed(length)?;
        Ok(self.entry(tensor, element, &digest, form))
    }

    /// A table that stays as it is.
    pub fn plain(&mut self, tensor: &Tensor, element: Element, reason: &str) -> Entry<'static> {
        self.entry(tensor, element, "", Form::Plain(reason.into()))
    }

    /// Keeps what was written after the last payload as one, and fills up to where the next may begin.
    fn placed(&mut self, length: u64) -> Result<Range<u64>> {
        let payload = self.end..self.end + length;
        self.end = payload.end.next_multiple_of(self.align);
        self.out.write_all(&vec![0; (self.end - payload.end) as usize]).map_err(failed)?;
        Ok(payload)
    }

    fn entry<'a>(&mut self, tensor: &Tensor, element: Element, digest: &str, form: Form<'a>) -> Entry<'a> {
        if let Form::Coded { .. } = form {
            let key = (element, tensor.shape.clone(), digest.to_owned());
            self.originals.entry(key).or_insert_with(|| tensor.name.clone());
        }
        let report = TensorReport {
            name: tensor.name.clone(),
            dtype: tensor.dtype.clone(),
            shape: tensor.shape.clone(),
            codec: (!matches!(form, Form::Plain(_))).then_some(self.encoding.codec),
            plain_because: if let Form::Plain(reason) = &form { Some(reason.clone()) } else { None },
            same_as: None,
            source_bytes: tensor.bytes(),
            stored_bytes: form.bytes(tensor.bytes()),
        };
        Entry { element, report, form }
    }
}

fn metadata(tensor: &Tensor, dtype: Element, digest: &str, storage: Storage) -> Vec<u8> {
    let (name, shape) = (tensor.name.clone(), tensor.shape.clone());
    seal(&TensorMeta { version: VERSION.into(), name, dtype, shape, blake3: digest.to_owned(), storage })
}

/// The caller knows where the target is.
fn failed(cause: io::Error) -> Error {
    Error::Write { cause }
}
