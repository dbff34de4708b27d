//! The bytes of a source outside its tensors: kept in the file record, but for those that the compressed file
//! has anyway.

use std::io::Read;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::Piece;
use crate::error::{Error, Result};
use crate::model::{Header, Layout};

/// More than any real header with its padding; the limit keeps a small hostile file from unpacking to a huge one.
const MAX_OUTSIDE: u64 = 1 << 28;

/// Describes everything in `source`, whose header is `layout`, outside its tensors.
pub fn keep(source: &[u8], layout: &Layout) -> Vec<Piece> {
    let outside: Vec<u8> = layout
        .gaps(source.len() as u64)
        .into_iter()
        .flat_map(|gap| &source[gap.start as usize..gap.end as usize])
        .copied()
        .collect();
    let Header::Gguf(header) = layout.header() else {
        return vec![kept(&outside)];
    };
    // The pairs come back from the compressed file, but for the alignment, which differs there.
    let pairs = header.pair_bytes.clone();
    let hole = header.alignment_value.clone().unwrap_or(pairs.end..pairs.end);
    let copied = |from: usize, to: usize| Piece::Pairs {
        from: (from - pairs.start) as u64,
        length: (to - from) as u64,
    };
    vec![
        kept(&outside[..pairs.start]),
        copied(pairs.start, hole.start),
        kept(&outside[hole.clone()]),
        copied(hole.end, pairs.end),
        kept(&outside[pairs.end..]),
    ]
}

/// Bytes in a piece of their own.
pub fn kept(bytes: &[u8]) -> Piece {
    // Not through `flate2`: its backend is whatever another crate of a build asks for, and compressed files
    // are to be the same whoever builds this. Reading is the same with all of them.
    let zlib = miniz_oxide::deflate::compress_to_vec_zlib(bytes, 9);
    Piece::Kept { length: bytes.len() as u64, zlib: BASE64.encode(zlib) }
}

/// Undoes [`kept`].
///
/// # Errors
/// As [`recover`].
pub fn recover_kept(pieces: &[Piece]) -> Result<Vec<u8>> {
    recover(pieces, None)
}

/// Undoes [`keep`], where `pairs` are the key-value pairs of the compressed file, if its format has some.
///
/// # Errors
/// [`Error::Corrupt`] when a piece does not unpack to its length or names pairs that are not there.
pub fn recover(pieces: &[Piece], pairs: Option<&[u8]>) -> Result<Vec<u8>> {
    let mut outside = Vec::new();
    for piece in pieces {
        match piece {
            Piece::Kept { length, zlib } => unpack(zlib, *length, &mut outside)?,
            Piece::Pairs { from, length } => {
                let end = from.checked_add(*length).and_then(|end| usize::try_from(end).ok());
                let bytes = end.and_then(|end| pairs?.get(usize::try_from(*from).ok()?..end));
                outside
                    .extend_from_slice(bytes.ok_or_else(|| {
                        Error::corrupt("the source's key-value pairs are not in this file")
                    })?);
            }
        }
        if outside.len() as u64 > MAX_OUTSIDE {
            return Err(Error::corrupt(format!("the source's header would pass {MAX_OUTSIDE} bytes")));
        }
    }
    Ok(outside)
}

fn unpack(zlib: &str, length: u64, out: &mut Vec<u8>) -> Result<()> {
    let faulty = |e: &dyn std::fmt::Display| Error::corrupt(format!("header of the source: {e}"));
    let packed = BASE64.decode(zlib).map_err(|e| faulty(&e))?;
    let before = out.len();
    let mut unpacked = flate2::bufread::ZlibDecoder::new(&packed[..]);
    // Reading stops one byte past the recorded length, so a bomb costs no more than an honest file.
    unpacked.by_ref().take(length.min(MAX_OUTSIDE) + 1).read_to_end(out).map_err(|e| faulty(&e))?;
    if (out.len() - before) as u64 != length || unpacked.total_in() != packed.len() as u64 {
        return Err(faulty(&format!("it is not one zlib stream of {length} bytes")));
    }
    Ok(())
}
