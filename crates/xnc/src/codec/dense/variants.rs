//! Which parts of the model a table gets.

use rayon::prelude::*;

use super::encode::Table;
use super::fit::{Prediction, model, pieces};
use super::model::Model;
use super::normal::{Normal, Sample, is_constant};
use super::refer;
use super::row::{Coded, Predictor, TOGETHER};
use crate::error::Result;
use crate::kernel::dense::residual::{Head, Lane, PIECES, REFS, Tables};

/// Words that columns' means and scales are taken from, and rows at least.
const SAMPLE: usize = 1 << 22;
const LEAST: usize = 1 << 10;
/// Rows that a first prediction is taken from, and for each column.
const FIRST: usize = 1 << 13;
const FIRST_A_COLUMN: usize = 4;
/// Rows that predictions are taken from, at most.
const PREDICTED_FROM: usize = 1 << 18;
/// What it costs to take them from few: bits a word, times these rows over columns.
const LOST: f64 = 0.36;
/// Rows that models are compared on.
const COMPARED: usize = 1024;
/// How often the scale of a row is estimated anew.
const SETTLING: usize = 3;

/// The parts of the model that pay, by description length on a sample of rows.
pub fn best_model(table: Table<'_>) -> Result<(Normal, Model)> {
    let Table { backend, shape, .. } = table;
    let sample = Sample::read(table, &table.spread((SAMPLE / shape.dim).max(LEAST)))?;
    let [means, zeros] = [true, false].map(|means| Normal::new(backend, &sample, means));
    // The rest of the sample is not kept beside the matrices of wide tables.
    let compared = sample.words_of(COMPARED);
    drop(sample);
    let model = |normal: &Normal, prediction: Option<&Prediction>| {
        (normal.clone(), model(shape.dtype, normal, prediction, shape.rows))
    };
    let bits = |(normal, model): &(Normal, Model)| description(table, &compared, normal, model);
    let mut variants = vec![model(&means, None), model(&zeros, None)];
    let few = shape.rows.min(FIRST.max(FIRST_A_COLUMN * shape.dim));
    if let Some(first) = Prediction::new(table, &means, few, None)? {
        let first = model(&means, Some(&first));
        let rows = [few, shape.rows.min(PREDICTED_FROM)].map(|rows| 1.0 / rows as f64);
        let more = LOST * (shape.dim * shape.dim) as f64 * (rows[0] - rows[1]);
        if bits(&first) - more < bits(&variants[0]) {
            // Rows have their scale by what the prediction leaves: of rows that are all like one, that is far less
            // than their values say.
            let second = Prediction::new(table, &means, PREDICTED_FROM, Some(&first.1.expand()))?;
            variants.extend(second.map(|second| model(&means, Some(&second))));
        }
        if few == shape.rows {
            variants.push(first);
        }
    }
    let bits: Vec<f64> = variants.iter().map(bits).collect();
    let best = (0..bits.len()).min_by(|&a, &b| bits[a].total_cmp(&bits[b])).expect("two variants or more");
    Ok(variants.swap_remove(best))
}

/// Bits per row that a model takes, its own bytes included, on rows whose `words` these are.
fn description(table: Table<'_>, words: &[u16], normal: &Normal, model: &Model) -> f64 {
    let dim = table.shape.dim;
    let n = words.len() / dim;
    let mut model = model.clone();
    let tables = model.expand();
    let lanes = |words| {
        let mut values = Vec::new();
        let heads = settled(&mut Predictor::new(table.backend, &tables), normal, words, dim, &mut values);
        (heads.into_iter().map(|head| Lane::given(head, [&[]; REFS])).collect::<Vec<_>>(), words)
    };
    let parts: Vec<_> = words.par_chunks(TOGETHER * dim).map(lanes).collect();
    // The distribution first, then the bits.
    let pieces_of = |(lanes, words): &(Vec<Lane<'_>>, &[u16])| tally(table, &tables, lanes, words);
    model.pieces = pieces(&add(parts.par_iter().map(pieces_of).collect()));
    let tables = model.expand();
    let bits = parts.par_iter().map(|(lanes, words)| bits(table, &tables, lanes, words));
    let mut stored = Vec::new();
    model.write(&mut stored);
    let bits: f64 = bits.collect::<Vec<f64>>().iter().sum();
    bits / n.max(1) as f64 + 8.0 * stored.len() as f64 / table.shape.rows as f64
}

/// Residuals of up to [`TOGETHER`] rows, by piece.
pub fn tally(table: Table<'_>, tables: &Tables, lanes: &[Lane<'_>], words: &[u16]) -> [u64; PIECES] {
    let mut counts = [0; PIECES];
    Predictor::new(table.backend, tables).slots(lanes, words).for_each(|row| row.tally(&mut counts));
    counts
}

/// Bits of the words of up to [`TOGETHER`] rows.
pub fn bits(table: Table<'_>, tables: &Tables, lanes: &[Lane<'_>], words: &[u16]) -> f64 {
    Predictor::new(table.backend, tables).slots(lanes, words).map(|row: Coded<'_>| row.bits()).sum()
}

pub fn add(counts: Vec<[u64; PIECES]>) -> [f64; PIECES] {
    let mut all = [0; PIECES];
    for part in &counts {
        all.iter_mut().zip(part).for_each(|(a, c)| *a += c);
    }
    all.map(|n| n as f64)
}

/// Heads of rows without references: scales follow from the innovations that first ones leave.
pub fn settled(
    predictor: &mut Predictor<'_>,
    normal: &Normal,
    words: &[u16],
    dim: usize,
    values: &mut Vec<f32>,
) -> Vec<Head> {
    let backend = predictor.backend();
    let heads = words.chunks_exact(dim).map(|row| match is_constant(row) {
        true => Head::default(),
        false => Head { scale: normal.number(row, values), ..Head::default() },
    });
    let mut heads: Vec<Head> = heads.collect();
    let mut e = vec![0; words.len()];
    // Innovations far smaller than they were taken for say little about their scale.
    for _ in 0..SETTLING {
        let lanes: Vec<Lane<'_>> = heads.iter().map(|&head| Lane::given(head, [&[]; REFS])).collect();
        predictor.innovations(&lanes, words, &mut e, dim);
        let mut far = false;
        for (head, e) in heads.iter_mut().zip(e.chunks_exact(dim)) {
            let next = refer::settled(backend, e, head.scale);
            far |= head.scale.abs_diff(next.scale) > 8;
            *head = next;
        }
        if !far {
            break;
        }
    }
    heads
}
