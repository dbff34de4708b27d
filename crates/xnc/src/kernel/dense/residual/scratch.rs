//! Memory that decoding works in, so that a caller allocates it once for many rows.

use crate::kernel::Backend;
use crate::kernel::backend::Isa;

use super::tables::BLOCK;

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use super::vectors::{scratch::Side, suit};

/// For rows of one dimension on one backend.
pub struct Scratch {
    /// Innovations of a row that is decoded alone, whole blocks of them.
    pub(super) row: Vec<i16>,
    /// For rows side by side, on a backend that decodes them so.
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    pub(super) side: Option<Side>,
}

impl Scratch {
    /// Scratch for rows of `dim` words, `rows` of them at a time or fewer.
    pub fn new(backend: Backend, dim: usize, rows: usize) -> Scratch {
        let row = vec![0; dim.next_multiple_of(BLOCK)];
        match backend.0 {
            #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
            Isa::Scalar => {
                let _ = rows;
                Scratch { row }
            }
            #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
            Isa::Scalar => Scratch { row, side: None },
            #[cfg(target_arch = "aarch64")]
            Isa::Neon { .. } => Scratch { row, side: suit(dim, rows).then(|| Side::new(dim)) },
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 | Isa::Avx512 { .. } => Scratch { row, side: suit(dim, rows).then(|| Side::new(dim)) },
        }
    }

    /// Whether `backend` can decode `rows` rows of `dim` words at a time in it.
    pub fn fits(&self, backend: Backend, dim: usize, rows: usize) -> bool {
        let alone = self.row.len() >= dim.next_multiple_of(BLOCK);
        match backend.0 {
            Isa::Scalar => {
                let _any = rows;
                alone
            }
            #[cfg(target_arch = "aarch64")]
            Isa::Neon { .. } => {
                alone && (!suit(dim, rows) || self.side.as_ref().is_some_and(|side| side.fits(dim)))
            }
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 | Isa::Avx512 { .. } => {
                alone && (!suit(dim, rows) || self.side.as_ref().is_some_and(|side| side.fits(dim)))
            }
        }
    }
}
