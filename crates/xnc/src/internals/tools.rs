//! Doors that take a library which writes.

use std::ops::Range;
use std::path::Path;

use crate::Model;
use crate::codec::{self, BitWriter, Checks, Codec, Effort, Encoding, Stored, TableShape, View, xnc::block};
use crate::container::{ALIGN, Content, Item, Plan};
use crate::dtype::{Dtype, Words};
use crate::error::{Error, Result};
use crate::kernel::{Backend, bytes_of};
use crate::model::{Layout, gguf};
use crate::target::Target;

type Parsed = (String, String, Vec<u64>, Range<u64>);

/// For `xnc-fuzz` and `xtask`: name, type, extents and place of all tensors of a file of `file_bytes` bytes
/// that begins with `head`, companions among them, in the order of their bytes.
///
/// # Errors
/// Those of the header.
pub fn parse_header(head: &[u8], file_bytes: u64) -> Result<Vec<Parsed>> {
    let layout = Layout::parse(head, file_bytes)?;
    let stand =
        |t: &crate::model::Tensor| (t.name.clone(), t.dtype.clone(), t.shape.clone(), t.range.clone());
    Ok(layout.tensors().iter().map(stand).collect())
}

/// For `xnc-fuzz` and `xtask`: a file with the header of `like`, but for its tensors, which are these: name,
/// type, extents, bytes. Tensors of a type that the format cannot name are left out.
///
/// # Errors
/// Those of the header of `like`.
pub fn write_like(like: &[u8], tensors: &[(&str, &str, &[u64], &[u8])]) -> Result<Vec<u8>> {
    let layout = Layout::parse(like, like.len() as u64)?;
    let known = |dtype: &str| layout.format() == crate::Format::Safetensors || gguf::type_id(dtype).is_some();
    let mut items = Vec::new();
    for (name, dtype, shape, bytes) in tensors.iter().filter(|tensor| known(tensor.1)) {
        let content = Content::Bytes(bytes);
        items.push(Item { name: (*name).into(), dtype: (*dtype).into(), shape: shape.to_vec(), content });
    }
    let mut out = std::io::Cursor::new(Vec::new());
    Plan::new((like, layout.header()), None, &items, ALIGN).write(&mut out, &mut |_| ())?;
    Ok(out.into_inner())
}

/// For `xnc-fuzz`: payload, index and params of a table under a codec.
///
/// # Errors
/// None that words in memory and a vector can cause.
pub fn encode_table(
    codec: Codec,
    dtype: Dtype,
    [rows, dim]: [usize; 2],
    words: &[u16],
) -> Result<(Vec<u8>, Vec<u8>, String)> {
    let encoding = Encoding { codec, effort: Effort::new(0), pages: false, backend: Backend::detect()? };
    let mut payload = Vec::new();
    let words = Words::new(bytes_of(words));
    let encoded =
        codec::encode(encoding, TableShape { dtype, rows, dim }, &words, &mut payload, &mut |_| {})?;
    payload.resize(payload.len().next_multiple_of(64), 0);
    let mut index = encoded.index;
    index.resize(index.len().next_multiple_of(64), 0);
    Ok((payload, index, encoded.params.to_string()))
}

/// For `xnc-fuzz`: the words `range` of a table whose index and payload may be anything; with `check`,
/// checksums are compared.
///
/// # Errors
/// [`Error::Corrupt`] where they are not what an encoder leaves.
pub fn decode_table(
    codec: Codec,
    dtype: Dtype,
    [rows, dim]: [usize; 2],
    params: &str,
    (payload, index): (&[u8], &[u8]),
    range: Range<usize>,
    check: bool,
) -> Result<Vec<u16>> {
    let params = serde_json::from_str(params).map_err(|e| Error::corrupt(e.to_string()))?;
    let stored = Stored { payload, index };
    let reader = codec::open(codec, TableShape { dtype, rows, dim }, &params, stored, Backend::detect()?)?;
    let checks = if check { Checks::on_touch(&*reader, stored) } else { Checks::never() };
    let mut out = vec![0; range.len()];
    View { reader: &*reader, stored, checks: &checks }.read(range.start, &mut out)?;
    Ok(out)
}

/// For `xtask rtl` and the study: the bits of one block of FP16 words under codec `xnc`, and their number.
pub fn encode_block(words: &[u16]) -> (Vec<u8>, usize) {
    let mut out = BitWriter::default();
    block::encode(words, &mut out);
    let bits = out.len() as usize;
    (out.finish(), bits)
}

/// For `xtask rtl`: undoes [`encode_block`]; false when the bits end inside the block.
pub fn decode_block(bits: &[u8], words: &mut [u16]) -> bool {
    block::decode(&mut codec::BitReader::new(bits), words)
}

/// For `xnc-cli`: writes a small file that appears whole or not at all, as all files of this library do.
///
/// # Errors
/// [`Error::TargetExists`] when there is another file and `force` is not set; those of the system.
pub fn write_file(path: &Path, bytes: &[u8], source: &Path, force: bool) -> Result<()> {
    let mut target = Target::create(path, source, force)?;
    std::io::Write::write_all(target.file(), bytes).map_err(Error::io(path))?;
    target.commit()
}

/// For `xnc run`: every byte of a compressed file's source that is not of a compressed tensor goes to `give`,
/// with its place in the source. Tells the source's size, and the names and places of the compressed tensors.
///
/// # Errors
/// [`Error::NotCompressed`]; [`Error::Corrupt`]; those of `give`.
pub fn restore_around(
    model: &Model,
    give: &mut dyn FnMut(u64, &[u8]) -> Result<()>,
) -> Result<(u64, crate::file::Places)> {
    crate::file::around(model.container(), give)
}
