//! How the dimensions of a table depend on each other.

use rayon::prelude::*;

use super::encode::Table;
use super::normal::{Normal, Sample};
use super::row::{Predictor, TOGETHER};
use super::variants::settled;
use crate::error::Result;
use crate::kernel::Backend;
use crate::kernel::dense::gram::{Gram, LARGEST, TILE, Tile};
use crate::kernel::dense::residual::Tables;

/// Steps of a normalised value to a deviation; values beyond 32 deviations are taken as if they were there, since an
/// outlier would drag the whole prediction.
const STEPS: f32 = 32.0;
/// Tiles of dimensions of one unit of work.
const TILES: usize = 4;

/// Words that are in memory at a time, with their values and as summands; and rows at least.
const BLOCK: usize = 1 << 21;
const LEAST: usize = 1 << 10;

/// Covariance of the normalised rows `ids` of a table, lower triangle, row-major; and how many of them have words of
/// more than one kind, which alone count.
pub fn covariance(
    table: Table<'_>,
    ids: &[usize],
    normal: &Normal,
    first: Option<&Tables>,
) -> Result<(Vec<f64>, usize)> {
    let dim = normal.mean.len();
    let (mut all, mut rows) = (vec![0f64; dim * dim], 0);
    for ids in ids.chunks((BLOCK / dim).max(LEAST)) {
        let sample = Sample::read(table, ids)?;
        rows += sample.rows();
        let scales = match first {
            Some(tables) => settled_scales(table, &sample, normal, tables),
            None => normal.row_scales(&sample),
        };
        add(table.backend, &sample, normal, &scales, &mut all);
    }
    let per = 1.0 / (f64::from(STEPS * STEPS) * rows.max(1) as f64);
    all.iter_mut().for_each(|sum| *sum *= per);
    Ok((all, rows))
}

/// Scales that rows have by their innovations under a first model.
fn settled_scales(table: Table<'_>, sample: &Sample, normal: &Normal, tables: &Tables) -> Vec<f32> {
    let dim = normal.mean.len();
    let part = |words: &[u16]| -> Vec<f32> {
        let mut predictor = Predictor::new(table.backend, tables);
        let heads = settled(&mut predictor, normal, words, dim, &mut Vec::new());
        heads.iter().map(|head| normal.scale_of(head.scale)).collect()
    };
    sample.words.par_chunks(8 * TOGETHER * dim).flat_map_iter(part).collect()
}

/// Adds the sums of products of the rows of a sample.
fn add(backend: Backend, sample: &Sample, normal: &Normal, scales: &[f32], all: &mut [f64]) {
    let (dim, rows) = (normal.mean.len(), sample.rows());
    let tile = |tile: usize| {
        let from = tile * TILE;
        Tile::new(rows, |row, out| {
            let values = normal.values(sample, row, scales[row], from..dim.min(from + TILE));
            out.iter_mut().zip(values).for_each(|(out, t)| *out = steps(t));
        })
    };
    let gram = Gram::new((0..dim.div_ceil(TILE)).into_par_iter().map(tile).collect());
    all.par_chunks_mut(TILES * TILE * dim).enumerate().for_each(|(part, all)| {
        let first = part * TILES;
        let tiles = first..gram.tiles().min(first + TILES);
        let width = tiles.end * TILE;
        let mut sums = vec![0i64; tiles.len() * TILE * width];
        gram.products(backend, tiles, &mut sums);
        for (all, sums) in all.chunks_exact_mut(dim).zip(sums.chunks_exact(width)) {
            all.iter_mut().zip(sums).for_each(|(all, &sum)| *all += sum as f64);
        }
    });
}

/// A normalised value in whole steps; none of NaN.
fn steps(t: f32) -> i16 {
    // Adding this number rounds to the last bits of the sum: casts that saturate do not become vectors.
    const ROUND: f32 = 1.5 * (1 << 23) as f32;
    let most = f32::from(LARGEST);
    let t = if t.is_nan() { 0.0 } else { t };
    ((t * STEPS).clamp(-most, most) + ROUND).to_bits() as i16
}
