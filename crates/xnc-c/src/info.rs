//! What a table is: types and codecs by their numbers, and the structure that tells of them.

use std::ffi::{CStr, c_char};
use std::ptr;

use crate::status::{Failure, Status, value};

/// Type of the words of a table.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dtype {
    /// bfloat16: 1 sign, 8 exponent, 7 mantissa bits.
    Bf16 = 1,
    /// IEEE 754 binary16: 1 sign, 5 exponent, 10 mantissa bits.
    F16 = 2,
}

/// How a table is stored.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// Plain words.
    Plain = 0,
    /// For running: every row decodes alone, products straight from compressed rows.
    Fast = 1,
    /// As XNC_CODEC_FAST and smaller; quick with AVX-512 alone.
    Tight = 2,
    /// The published scheme, for hardware.
    Xnc = 3,
    /// The smallest, for storage; slow to look up and to multiply.
    Dense = 4,
}

/// What a table is. Later versions may add to its end.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableInfo {
    /// Number of rows.
    pub rows: u64,
    /// Words in a row. In a table without rows this is whatever the file says, and no size for a buffer.
    pub columns: u64,
    /// Bytes that the table takes: in its file all that it adds there, in memory what is held.
    pub stored_bytes: u64,
    /// Type of the words.
    pub dtype: Dtype,
    /// How they are stored.
    pub codec: Codec,
}

const CODECS: [(Codec, xnc::Codec, &CStr); 4] = [
    (Codec::Fast, xnc::Codec::Fast, c"fast"),
    (Codec::Tight, xnc::Codec::Tight, c"tight"),
    (Codec::Xnc, xnc::Codec::Xnc, c"xnc"),
    (Codec::Dense, xnc::Codec::Dense, c"dense"),
];

/// Name of a codec, an xnc_codec: "plain", "fast", "tight", "xnc" or "dense". The text is the library's and lasts.
/// NULL for another number.
#[unsafe(no_mangle)]
pub extern "C" fn xnc_codec_name(codec: u32) -> *const c_char {
    if codec == Codec::Plain as u32 {
        return CStr::as_ptr(c"plain");
    }
    value(ptr::null(), || Ok(codec_of(codec)?.2.as_ptr()))
}

impl TableInfo {
    /// What is told of a table.
    pub(crate) fn of(table: &xnc::Table) -> Result<TableInfo, Failure> {
        TableInfo::new([table.rows(), table.dim()], table.stored_bytes(), table.dtype(), table.codec())
    }

    /// What is told of a store, which holds the index in memory.
    pub(crate) fn of_store(store: &xnc_store::Store) -> Result<TableInfo, Failure> {
        TableInfo::new([store.rows(), store.dim()], store.index_bytes() as u64, store.dtype(), store.codec())
    }

    fn new(
        [rows, columns]: [usize; 2],
        stored_bytes: u64,
        dtype: xnc::Dtype,
        codec: Option<xnc::Codec>,
    ) -> Result<TableInfo, Failure> {
        let codec = match codec {
            None => Codec::Plain,
            Some(codec) => {
                let listed = CODECS.iter().find(|listed| listed.1 == codec);
                listed
                    .ok_or_else(|| Failure::new(Status::Internal, format!("codec {codec} has no number")))?
                    .0
            }
        };
        let dtype = match dtype {
            xnc::Dtype::Bf16 => Dtype::Bf16,
            xnc::Dtype::F16 => Dtype::F16,
        };
        Ok(TableInfo { rows: rows as u64, columns: columns as u64, stored_bytes, dtype, codec })
    }
}

/// The codec of a number that C passes.
pub(crate) fn codec_of(number: u32) -> Result<(Codec, xnc::Codec, &'static CStr), Failure> {
    let listed = CODECS.iter().find(|listed| listed.0 as u32 == number);
    listed.copied().ok_or_else(|| Failure::argument(format!("no codec has the number {number}")))
}

/// The type of a number that C passes.
pub(crate) fn dtype_of(number: u32) -> Result<xnc::Dtype, Failure> {
    match number {
        1 => Ok(xnc::Dtype::Bf16),
        2 => Ok(xnc::Dtype::F16),
        _ => Err(Failure::argument(format!("no type of words has the number {number}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_codec_of_the_library_has_a_number_and_its_name() {
        for &codec in xnc::Codec::ALL {
            let (number, _, name) = CODECS.iter().find(|listed| listed.1 == codec).expect("listed");
            assert_eq!(name.to_str(), Ok(codec.name()));
            assert_eq!(codec_of(*number as u32).ok().map(|listed| listed.1), Some(codec));
        }
    }
}
