//! Products of quantised matrices with vectors: weights of 16 rows side by side, so that one vector
//! instruction multiplies four of each.
//!
//! A [`Tile`] is one of ggml's blocks of each of 16 rows, taken apart on loading without loss. Sums of
//! integers are exact and those of floating point run from the first block of a row to the last, so the bits
//! depend neither on the backend nor on threads.

#![allow(
    clippy::needless_range_loop,
    reason = "arrays are walked together, and closures would run without a backend's instructions"
)]

mod backend;
mod blocks;
mod rounded;
mod superblocks;

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;

use pulp::NullaryFnOnce;

pub use backend::{Backend, ROWS};
use backend::{Lanes, Plain};
use blocks::{Bytes, Small};
pub use rounded::Rounded;
use superblocks::{Four, Six};

/// One block of each of 16 rows.
trait Tile: Copy + Send + Sync + 'static {
    /// A tile of zeros.
    const EMPTY: Self;
    /// Bytes of a block of ggml's.
    const BYTES: usize;
    /// How activations are rounded for it.
    const ROUNDING: Rounding;

    /// Puts a block in its row.
    fn set(&mut self, row: usize, block: &[u8]);

    /// Adds the products with the same block of `N` vectors.
    fn add<L: Lanes, const N: usize>(&self, lanes: L, x: [&[Rounded]; N], out: &mut [[f32; ROWS]; N]);
}

/// Activations that share a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    /// 32.
    Blocks,
    /// 256.
    Superblocks,
}

impl Rounding {
    /// Blocks of 32 that share a step.
    const fn blocks(self) -> usize {
        match self {
            Rounding::Blocks => 1,
            Rounding::Superblocks => 8,
        }
    }

    /// Rounds whole vectors; none of its callers has others.
    pub fn round(self, x: &[f32], out: &mut Vec<Rounded>) {
        match self {
            Rounding::Blocks => rounded::blocks(x, out),
            Rounding::Superblocks => rounded::superblocks(x, out),
        }
    }
}

/// Rows of any type.
pub trait Rows: Send + Sync {
    /// How its activations are rounded.
    fn rounding(&self) -> Rounding;

    /// Products of rows from `first` on, a multiple of 16, with `vectors` vectors. `out` becomes as many rows
    /// a vector as it has room for.
    fn times(&self, first: usize, x: &[Rounded], vectors: usize, out: &mut [f32]);
}

/// Takes the blocks of rows of `dim` weights apart; none where there are no tiles for the type.
pub fn pack(dtype: &str, blocks: &[u8], dim: usize, backend: Backend) -> Option<Box<dyn Rows>> {
    Some(match dtype {
        "Q4_0" => Tiles::<Small<0, 0>>::pack(blocks, dim, backend),
        "Q4_1" => Tiles::<Small<1, 0>>::pack(blocks, dim, backend),
        "Q5_0" => Tiles::<Small<0, 1>>::pack(blocks, dim, backend),
        "Q5_1" => Tiles::<Small<1, 1>>::pack(blocks, dim, backend),
        "Q8_0" => Tiles::<Bytes>::pack(blocks, dim, backend),
        "Q4_K" => Tiles::<Four>::pack(blocks, dim, backend),
        "Q6_K" => Tiles::<Six>::pack(blocks, dim, backend),
        _ => return None,
    })
}

/// Rows of one type: the tiles of the first 16, then those of the next. What is missing of the last 16 rows is zero.
struct Tiles<T> {
    tiles: Vec<T>,
    per_row: usize,
    backend: Backend,
}

impl<T: Tile> Tiles<T> {
    fn pack(blocks: &[u8], dim: usize, backend: Backend) -> Box<dyn Rows> {
        let per_row = dim / (rounded::BLOCK * T::ROUNDING.blocks());
        let rows = blocks.len() / (per_row * T::BYTES);
        let mut tiles = vec![T::EMPTY; rows.div_ceil(ROWS) * per_row];
        for (row, blocks) in blocks.chunks_exact(per_row * T::BYTES).enumerate() {
            let tiles = &mut tiles[row / ROWS * per_row..][..per_row];
            for (tile, block) in tiles.iter_mut().zip(blocks.chunks_exact(T::BYTES)) {
                tile.set(row % ROWS, block);
            }
        }
        Box::new(Tiles { tiles, per_row, backend })
    }
}

impl<T: Tile> Rows for Tiles<T> {
    fn rounding(&self) -> Rounding {
        T::ROUNDING
    }

    fn times(&self, first: usize, x: &[Rounded], vectors: usize, out: &mut [f32]) {
        let tiles = &self.tiles[first / ROWS * self.per_row..];
        let per_row = self.per_row;
        match self.backend {
            #[cfg(target_arch = "x86_64")]
            Backend::Avx512(lanes) => lanes.vectorize(Times { lanes, tiles, per_row, x, vectors, out }),
            #[cfg(target_arch = "x86_64")]
            Backend::Avx2(lanes) => lanes.vectorize(Times { lanes, tiles, per_row, x, vectors, out }),
            Backend::Plain => Times { lanes: Plain, tiles, per_row, x, vectors, out }.call(),
        }
    }
}

/// What runs with a backend's instructions.
struct Times<'a, L, T> {
    lanes: L,
    tiles: &'a [T],
    per_row: usize,
    x: &'a [Rounded],
    vectors: usize,
    out: &'a mut [f32],
}

/// Vectors that weights are unpacked for together.
const TOGETHER: usize = 4;

impl<L: Lanes, T: Tile> NullaryFnOnce for Times<'_, L, T> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let rows = self.out.len() / self.vectors;
        let length = self.x.len() / self.vectors;
        for (at, tiles) in (0..rows).step_by(ROWS).zip(self.tiles.chunks_exact(self.per_row)) {
            let count = ROWS.min(rows - at);
            let mut out = self.out.chunks_exact_mut(rows);
            let mut together = self.x.chunks_exact(TOGETHER * length);
            for x in &mut together {
                let (a, b) = x.split_at(2 * length);
                let ((a, b), (c, d)) = (a.split_at(length), b.split_at(length));
                let products = row_times(self.lanes, tiles, [a, b, c, d]);
                for (product, out) in products.iter().zip(&mut out) {
                    out[at..at + count].copy_from_slice(&product[..count]);
                }
            }
            for (x, out) in together.remainder().chunks_exact(length).zip(out) {
                let [product] = row_times(self.lanes, tiles, [x]);
                out[at..at + count].copy_from_slice(&product[..count]);
            }
        }
    }
}

/// Products of 16 rows.
#[inline(always)]
fn row_times<L: Lanes, T: Tile, const N: usize>(
    lanes: L,
    tiles: &[T],
    x: [&[Rounded]; N],
) -> [[f32; ROWS]; N] {
    let blocks = T::ROUNDING.blocks();
    let mut out = [[0.0; ROWS]; N];
    for (number, tile) in tiles.iter().enumerate() {
        let mut own = x;
        for vector in 0..N {
            own[vector] = &x[vector][number * blocks..][..blocks];
        }
        tile.add(lanes, own, &mut out);
    }
    out
}

/// Puts 32 weights of at most 4 bits, given as eight times four bytes, in a row of a tile: group `g` in the
/// low halves of part `g`, group `g + 4` in the high ones.
fn set_halves(parts: &mut [[u8; 4 * ROWS]; 4], row: usize, weights: [u32; 8]) {
    for (group, part) in parts.iter_mut().enumerate() {
        let both = weights[group] | weights[group + 4] << 4;
        part[4 * row..4 * row + 4].copy_from_slice(&both.to_le_bytes());
    }
}

/// Four bytes as one number.
fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

#[cfg(test)]
mod tests;
