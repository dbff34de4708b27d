//! Weights of 4 and 5 bits, 16 rows side by side, so that one vector instruction multiplies four weights of each.
//!
//! ggml's blocks of 32 weights (`ggml-common.h`) are taken apart without loss: a weight is `d * (q - 8)` in Q4_0, `d * q + m` in Q4_1,
//! `d * (q - 16)` in Q5_0, `d * q + m` in Q5_1, with `d` and `m` of FP16. Weight `k` below 16 is the low half of byte `k`, weight
//! `k + 16` the high one; the fifth bit of weight `k` is bit `k` of 32.

use pulp::NullaryFnOnce;

use super::lanes16::{Backend, Lanes, Plain, ROWS};
use super::rounded::{BLOCK, Rounded};

/// One block of each of 16 rows: `OFFSETS` is 1 where weights have an `m`, `FIFTH` where they have a fifth bit.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub struct Tile<const OFFSETS: usize, const FIFTH: usize> {
    /// Bytes `4 j..4 j + 4` of each row's block in part `j`.
    low: [[u8; 4 * ROWS]; 4],
    /// Four bytes a row: bit `g` of byte `b` is the fifth of weight `4 g + b`.
    fifth: [[u8; 4 * ROWS]; FIFTH],
    scales: [u16; ROWS],
    offsets: [[u16; ROWS]; OFFSETS],
}

impl<const OFFSETS: usize, const FIFTH: usize> Tile<OFFSETS, FIFTH> {
    /// Bytes of a block of ggml's.
    const BYTES: usize = 2 + 2 * OFFSETS + 4 * FIFTH + BLOCK / 2;

    /// Tiles of a matrix of rows of `per_row` blocks: those of the first 16 rows, then those of the next. What is missing of the
    /// last 16 rows is zero.
    pub fn pack(blocks: &[u8], per_row: usize) -> Vec<Self> {
        let rows = blocks.len() / (per_row * Self::BYTES);
        let empty =
            Tile { low: [[0; _]; 4], fifth: [[0; _]; FIFTH], scales: [0; _], offsets: [[0; _]; OFFSETS] };
        let mut tiles = vec![empty; rows.div_ceil(ROWS) * per_row];
        for (row, blocks) in blocks.chunks_exact(per_row * Self::BYTES).enumerate() {
            let tiles = &mut tiles[row / ROWS * per_row..][..per_row];
            for (tile, block) in tiles.iter_mut().zip(blocks.chunks_exact(Self::BYTES)) {
                tile.set(row % ROWS, block);
            }
        }
        for fifth in tiles.iter_mut().flat_map(|tile| &mut tile.fifth) {
            for four in fifth.as_chunks_mut::<4>().0 {
                *four = transposed(u32::from_le_bytes(*four)).to_le_bytes();
            }
        }
        tiles
    }

    fn set(&mut self, row: usize, block: &[u8]) {
        let two = |at: usize| u16::from_le_bytes([block[at], block[at + 1]]);
        self.scales[row] = two(0);
        self.offsets.iter_mut().for_each(|offsets| offsets[row] = two(2));
        let quants = &block[2 + 2 * OFFSETS..];
        let own = 4 * row..4 * row + 4;
        self.fifth.iter_mut().for_each(|fifth| fifth[own.clone()].copy_from_slice(&quants[..4]));
        for (low, four) in self.low.iter_mut().zip(quants[4 * FIFTH..].as_chunks::<4>().0) {
            low[own.clone()].copy_from_slice(four);
        }
    }

    /// Products of 16 rows with `N` vectors. The sum over blocks runs from the first to the last, on every backend.
    #[inline(always)]
    pub fn times<L: Lanes, const N: usize>(lanes: L, tiles: &[Self], x: [&[Rounded]; N]) -> [[f32; ROWS]; N] {
        let mut out = [[0.0; ROWS]; N];
        for block in 0..tiles.len() {
            let tile = &tiles[block];
            let fifth = if FIFTH == 0 { None } else { Some(&tile.fifth[0]) };
            let weights = lanes.unpack(&tile.low, fifth);
            let scales = lanes.widen(&tile.scales);
            let offsets = lanes.widen(if OFFSETS == 0 { &tile.scales } else { &tile.offsets[0] });
            for vector in 0..N {
                let (out, x) = (&mut out[vector], &x[vector][block]);
                let sums = lanes.dot(&weights, &x.fours);
                let middle = if OFFSETS == 0 { (8 << FIFTH) * x.sum } else { 0 };
                for row in 0..ROWS {
                    out[row] += (sums[row] - middle) as f32 * (scales[row] * x.step);
                }
                if OFFSETS == 1 {
                    for row in 0..ROWS {
                        out[row] += offsets[row] * x.total;
                    }
                }
            }
        }
        out
    }
}

/// Bit `4 g + b` becomes bit `8 b + g`.
fn transposed(bits: u32) -> u32 {
    (0..4).fold(0, |out, b| {
        let mut every = (bits >> b) & 0x1111_1111;
        every = (every | (every >> 3)) & 0x0303_0303;
        every = (every | (every >> 6)) & 0x000f_000f;
        every = (every | (every >> 12)) & 0xff;
        out | (every << (8 * b))
    })
}

/// Rows whose weights stand in tiles, and the instructions they are multiplied with.
pub struct Tiles<const OFFSETS: usize, const FIFTH: usize> {
    tiles: Vec<Tile<OFFSETS, FIFTH>>,
    per_row: usize,
    backend: Backend,
}

/// Rows of any of the four types.
pub trait Rows: Send + Sync {
    /// Products of rows from `first` on, a multiple of 16, with vectors of `per_row` blocks. `out` becomes as many rows a vector as it
    /// has room for.
    fn times(&self, first: usize, x: &[Rounded], out: &mut [f32]);
}

/// Takes ggml's blocks apart, `per_row` a row; none where there are no tiles for the type.
pub fn pack(dtype: &str, blocks: &[u8], per_row: usize, backend: Backend) -> Option<Box<dyn Rows>> {
    Some(match dtype {
        "Q4_0" => Box::new(Tiles::<0, 0>::new(blocks, per_row, backend)),
        "Q4_1" => Box::new(Tiles::<1, 0>::new(blocks, per_row, backend)),
        "Q5_0" => Box::new(Tiles::<0, 1>::new(blocks, per_row, backend)),
        "Q5_1" => Box::new(Tiles::<1, 1>::new(blocks, per_row, backend)),
        _ => return None,
    })
}

impl<const OFFSETS: usize, const FIFTH: usize> Tiles<OFFSETS, FIFTH> {
    fn new(blocks: &[u8], per_row: usize, backend: Backend) -> Self {
        Tiles { tiles: Tile::pack(blocks, per_row), per_row, backend }
    }
}

impl<const OFFSETS: usize, const FIFTH: usize> Rows for Tiles<OFFSETS, FIFTH> {
    fn times(&self, first: usize, x: &[Rounded], out: &mut [f32]) {
        let tiles = &self.tiles[first / ROWS * self.per_row..];
        match self.backend {
            #[cfg(target_arch = "x86_64")]
            Backend::V4(lanes) => lanes.vectorize(Times { lanes, tiles, per_row: self.per_row, x, out }),
            #[cfg(target_arch = "x86_64")]
            Backend::V3(lanes) => lanes.vectorize(Times { lanes, tiles, per_row: self.per_row, x, out }),
            Backend::Plain => Times { lanes: Plain, tiles, per_row: self.per_row, x, out }.call(),
        }
    }
}

/// What runs with a backend's instructions.
struct Times<'a, L, const OFFSETS: usize, const FIFTH: usize> {
    lanes: L,
    tiles: &'a [Tile<OFFSETS, FIFTH>],
    per_row: usize,
    x: &'a [Rounded],
    out: &'a mut [f32],
}

/// Vectors that weights are unpacked for together.
const TOGETHER: usize = 4;

impl<L: Lanes, const OFFSETS: usize, const FIFTH: usize> NullaryFnOnce for Times<'_, L, OFFSETS, FIFTH> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let rows = self.out.len() / (self.x.len() / self.per_row);
        let (lanes, per_row) = (self.lanes, self.per_row);
        for (at, tiles) in (0..rows).step_by(ROWS).zip(self.tiles.chunks_exact(per_row)) {
            let count = ROWS.min(rows - at);
            let mut out = self.out.chunks_exact_mut(rows);
            let mut fours = self.x.chunks_exact(TOGETHER * per_row);
            for four in &mut fours {
                let x = std::array::from_fn(|vector| &four[vector * per_row..][..per_row]);
                let products = Tile::times::<L, TOGETHER>(lanes, tiles, x);
                for (product, out) in products.iter().zip(&mut out) {
                    out[at..at + count].copy_from_slice(&product[..count]);
                }
            }
            for (x, out) in fours.remainder().chunks_exact(per_row).zip(out) {
                let [product] = Tile::times(lanes, tiles, [x]);
                out[at..at + count].copy_from_slice(&product[..count]);
            }
        }
    }
}
