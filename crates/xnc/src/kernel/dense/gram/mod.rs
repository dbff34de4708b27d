//! Sums, over many rows, of the products of each two of their dimensions.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod scalar;

use std::ops::Range;

use crate::kernel::Backend;
use crate::kernel::backend::Isa;

/// Dimensions that lie side by side.
pub const TILE: usize = 16;
/// Pairs of rows whose products are formed before the next tile's, so that two tiles stay in cache.
const BLOCK: usize = 512;
/// Largest magnitude of a value.
pub const LARGEST: i16 = 1023;
// Sums of a block fit 32 bits.
const _: () = assert!((LARGEST as i64 * LARGEST as i64) * 2 * (BLOCK as i64) < 1 << 31);

/// One pair of rows of one tile: of each dimension a word of either row, the first one's in the lower half.
type Pair = [i32; TILE];

/// Small integers of many rows, tile after tile.
pub struct Gram {
    tiles: Vec<Tile>,
}

/// Up to [`TILE`] dimensions of all rows.
pub struct Tile(Vec<Pair>);

impl Tile {
    /// Packs `rows` rows, of which `part` writes the values of these dimensions; larger ones are cut to [`LARGEST`].
    pub fn new(rows: usize, mut part: impl FnMut(usize, &mut [i16; TILE])) -> Tile {
        let mut pairs = vec![[0; TILE]; rows.div_ceil(2)];
        for r in 0..rows {
            let mut values = [0; TILE];
            part(r, &mut values);
            let word = |v: i16| i32::from(v.clamp(-LARGEST, LARGEST).cast_unsigned()) << (r % 2 * 16);
            pairs[r / 2].iter_mut().zip(values).for_each(|(pair, v)| *pair |= word(v));
        }
        Tile(pairs)
    }
}

impl Gram {
    /// Of tiles that hold the same rows.
    ///
    /// # Panics
    /// If they do not.
    pub fn new(tiles: Vec<Tile>) -> Gram {
        let pairs = tiles.first().map_or(0, |tile| tile.0.len());
        assert!(tiles.iter().all(|tile| tile.0.len() == pairs));
        Gram { tiles }
    }

    /// Number of tiles.
    pub fn tiles(&self) -> usize {
        self.tiles.len()
    }

    /// Writes the sums of the dimensions of `tiles` with those of all tiles up to their last: `sums` holds a row
    /// for each dimension of `tiles`. Those of later tiles than a row's own are left out.
    ///
    /// # Panics
    /// If there is no such tile, or `sums` has another length or is not zero.
    pub fn products(&self, backend: Backend, tiles: Range<usize>, sums: &mut [i64]) {
        assert!(tiles.start <= tiles.end && tiles.end <= self.tiles.len());
        let width = tiles.end * TILE;
        assert!(sums.len() == tiles.len() * TILE * width && sums.iter().all(|&s| s == 0));
        let pairs = self.tiles.first().map_or(0, |tile| tile.0.len());
        for from in (0..pairs).step_by(BLOCK) {
            let block = |tile: usize| &self.tiles[tile].0[from..pairs.min(from + BLOCK)];
            for b in 0..tiles.end {
                for a in tiles.clone().filter(|&a| b <= a) {
                    let at = (a - tiles.start) * TILE * width + b * TILE;
                    add(backend, block(a), block(b), &mut sums[at..], width);
                }
            }
        }
    }
}

/// Adds the sums of a block of one tile with one of another to every `width`th row of `sums`.
fn add(backend: Backend, a: &[Pair], b: &[Pair], sums: &mut [i64], width: usize) {
    match backend.0 {
        Isa::Scalar => scalar::add(a, b, sums, width),
        #[cfg(target_arch = "aarch64")]
        Isa::Neon { .. } => scalar::add(a, b, sums, width),
        // SAFETY: a `Backend` exists only for an instruction set that this machine has.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => unsafe { avx2::add(a, b, sums, width) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 { .. } => unsafe { avx512::add(a, b, sums, width) },
    }
}
