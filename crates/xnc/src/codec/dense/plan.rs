//! Decides which parts of the model a table gets; then encodes.

use rayon::prelude::*;

use super::Effort;
use super::encode::{Coded, Share};
use super::fit::{Fit, Parts, fit, pieces};
use super::index::{LAST, chunk_rows};
use super::levels::{How, refer_all, refs};
use super::model::Model;
use super::refer::{self, Limits};
use super::row::{self, CONSTANT, Coding, Plan, cost, tally, walk};
use super::select::Innovations;
use super::stream::Pending;
use super::symbols::Symbols;
use crate::codec::TableShape;
use crate::codec::ordered::for_each_in_order;
use crate::dtype::Dtype;
use crate::kernel::Backend;
use crate::kernel::dense::residual::{Head, PIECES, REFS, Tables};

/// Rows that models are compared on, and that the distribution of residuals is counted on.
const SAMPLE: usize = 4096;
/// Encodes by prediction; none where there is nothing to predict from.
pub fn encode(
    backend: Backend,
    words: &[u16],
    TableShape { dim, dtype, .. }: TableShape,
    effort: Effort,
    share: &mut Share<'_>,
) -> Option<Coded> {
    let rows = words.len().checked_div(dim).unwrap_or(0);
    if rows < 2 || u32::try_from(rows).is_err() {
        return None;
    }
    let Fit { mut model, scales } = best_fit(words, dim, dtype);
    share.to(0.1);
    let tables = model.expand();
    let (mut plans, mut e) = alone(words, &tables, &scales);
    share.to(0.15);
    let keys = if effort.references() > 0 {
        refer_all(words, &tables, &mut plans, &mut e, How { backend, effort }, share)
    } else {
        Vec::new()
    };
    share.to(0.8);
    count_heads(&mut model, &plans);
    model.pieces = pieces(&distribution(words, &tables, &plans, &e));
    let mut ordinals = vec![u32::MAX; rows];
    keys.iter().zip(0..).for_each(|(&row, k)| ordinals[row as usize] = k);
    let tables = model.expand();
    let coding = Coding { model: &model, tables: &tables, keys: keys.len(), ordinals: &ordinals };
    let chunk = chunk_rows(dim);
    let encode_chunk = |c: usize| {
        let (mut out, mut records, mut pending) = (Vec::new(), Vec::new(), Pending::default());
        for row in c * chunk..rows.min((c + 1) * chunk) {
            let start = out.len();
            let plan = &plans[row];
            row::encode(&coding, plan, &refs(plan, &e), &words[row * dim..][..dim], &mut pending, &mut out);
            records.push((plan.level, ((out.len() - start) / 2) as u32));
        }
        (out, records)
    };
    let (mut chunks, mut records) = (Vec::new(), Vec::new());
    let taken: Result<(), std::convert::Infallible> =
        for_each_in_order(0..rows.div_ceil(chunk), encode_chunk, |(bytes, of)| {
            chunks.push(bytes);
            records.extend(of);
            share.to(0.8 + 0.2 * records.len() as f64 / rows as f64);
            Ok(())
        });
    let Ok(()) = taken;
    let mut shared = Vec::new();
    model.write(&mut shared);
    Some(Coded { predicted: true, shared, chunks, records })
}

/// The parts of the model that pay, by description length on a sample of rows.
fn best_fit(words: &[u16], dim: usize, dtype: Dtype) -> Fit {
    let variants = [(true, true), (true, false), (false, false)];
    let fits = variants.map(|(means, prediction)| {
        let fit = fit(words, dim, dtype, Parts { means, prediction });
        let bits = description(words, dim, &fit);
        (bits, fit)
    });
    let best = fits.into_iter().min_by(|a, b| a.0.total_cmp(&b.0));
    best.expect("three variants").1
}

/// Bits per row that a model takes, its own bytes included.
fn description(words: &[u16], dim: usize, fit: &Fit) -> f64 {
    let rows = words.len() / dim;
    let mut model = fit.model.clone();
    let mut tables = model.expand();
    let sample: Vec<(usize, Head)> = (0..rows.min(SAMPLE / 4))
        .map(|i| i * rows / rows.min(SAMPLE / 4))
        .filter_map(|row| Some((row, settled(&tables, fit.scales[row]?, &words[row * dim..][..dim]))))
        .collect();
    // The distribution first, then the bits.
    let counts = sample.par_iter().map(|(row, head)| {
        let mut counts = [0.0; PIECES];
        walk(&tables, head, &[&[]; REFS], &words[row * dim..][..dim], &mut [], |_, s, v, _| {
            tally(s, v, &mut counts)
        });
        counts
    });
    model.pieces = pieces(&add(counts.collect()));
    tables = model.expand();
    let bits: f64 = sample
        .par_iter()
        .map(|(row, head)| cost(&tables, model.mantissa, head, &[&[]; REFS], &words[row * dim..][..dim]))
        .collect::<Vec<f64>>()
        .iter()
        .sum();
    let mut stored = Vec::new();
    model.write(&mut stored);
    bits / sample.len().max(1) as f64 + 8.0 * stored.len() as f64 / rows as f64
}

fn add(counts: Vec<[f64; PIECES]>) -> [f64; PIECES] {
    let mut all = [0.0; PIECES];
    for part in &counts {
        all.iter_mut().zip(part).for_each(|(a, c)| *a += c);
    }
    all
}

/// The head of a row without references: its scale follows from the innovations that a first scale leaves.
fn settled(tables: &Tables, scale: u8, words: &[u16]) -> Head {
    let mut e = vec![0; words.len()];
    walk(tables, &Head { scale, ..Head::default() }, &[&[]; REFS], words, &mut e, |_, _, _, _| {});
    let alone = Limits { cost: 0.0, most: 0, reach: 0 };
    refer::head(&refer::choose(&e, &[], alone), scale)
}

/// Every row by itself: plans without references, and the innovations.
fn alone(words: &[u16], tables: &Tables, scales: &[Option<u8>]) -> (Vec<Plan>, Innovations) {
    let dim = tables.dim();
    let stride = dim.next_multiple_of(4);
    let mut all = vec![0i8; scales.len() * stride];
    let plans = words
        .par_chunks_exact(dim)
        .zip(all.par_chunks_exact_mut(stride))
        .zip(scales)
        .map(|((words, e), scale)| {
            let Some(scale) = *scale else {
                return Plan { constant: true, level: LAST, ..Plan::default() };
            };
            let head = settled(tables, scale, words);
            walk(tables, &head, &[&[]; REFS], words, &mut e[..dim], |_, _, _, _| {});
            Plan { level: LAST, head, ..Plan::default() }
        })
        .collect();
    (plans, Innovations { all, stride, dim })
}

fn count_heads(model: &mut Model, plans: &[Plan]) {
    let (mut kinds, mut scales, mut weights) = ([0u64; 256], [0u64; 256], [0u64; 256]);
    for plan in plans {
        if plan.constant {
            kinds[usize::from(CONSTANT)] += 1;
            continue;
        }
        kinds[plan.refs.len() * 8 + usize::from(plan.head.lift)] += 1;
        scales[usize::from(plan.head.scale)] += 1;
        plan.head.weights[..plan.refs.len()].iter().for_each(|&w| weights[usize::from(w as u8)] += 1);
    }
    (model.kinds, model.scales, model.weights) =
        (Symbols::fit(&kinds), Symbols::fit(&scales), Symbols::fit(&weights));
}

/// Counts residuals by piece. Innovations do not depend on the distribution, so once is enough.
fn distribution(words: &[u16], tables: &Tables, plans: &[Plan], e: &Innovations) -> [f64; PIECES] {
    let (rows, dim) = (plans.len(), tables.dim());
    let sample: Vec<usize> = (0..rows.min(2 * SAMPLE)).map(|i| i * rows / rows.min(2 * SAMPLE)).collect();
    let counts = sample.par_iter().filter(|&&row| !plans[row].constant).map(|&row| {
        let mut counts = [0.0; PIECES];
        let plan = &plans[row];
        let words = &words[row * dim..][..dim];
        walk(tables, &plan.head, &refs(plan, e), words, &mut [], |_, s, v, _| tally(s, v, &mut counts));
        counts
    });
    add(counts.collect())
}
