//! Decides what every row is predicted from, and whether prediction pays.

use rayon::prelude::*;

use super::Effort;
use super::encode::{Share, Table};
use super::fit::pieces;
use super::levels::{refer_all, refs};
use super::model::Model;
use super::neighbours::Innovations;
use super::normal::{Normal, is_constant};
use super::numbers::Numbers;
use super::row::{CONSTANT, Plan, Predictor, TOGETHER};
use super::variants::{add, best_model, bits, settled, tally};

use super::symbols::Symbols;
use crate::codec::TableShape;
use crate::codec::ordered::for_each_in_order;
use crate::error::Result;
use crate::kernel::dense::residual::{Lane, REFS, Tables};

/// Rows that the distribution of residuals is counted on.
const COUNTED: usize = 8192;
/// Rows of one unit of parallel work.
const SPAN: usize = 8 * TOGETHER;

/// All that encoding needs to know.
pub struct Planned {
    /// What all rows share.
    pub model: Model,
    /// One a row, which names the rows that it refers to by their numbers among the keys.
    pub plans: Vec<Plan>,
    /// Of the keys, as a decoder sees them.
    pub innovations: Innovations,
    /// Bits that the table will take, about.
    pub bits: f64,
}

/// Plans prediction; none where there is nothing to predict from.
pub fn plan(table: Table<'_>, effort: Effort, share: &mut Share<'_>) -> Result<Option<Planned>> {
    let TableShape { rows, dim, .. } = table.shape;
    if rows < 2 || dim == 0 || u32::try_from(rows).is_err() {
        return Ok(None);
    }
    let (normal, mut model) = best_model(table)?;
    share.to(0.1);
    let tables = model.expand();
    let (mut plans, mut e) = alone(table, &tables, &normal, share)?;
    let keys = match effort.references() {
        0 => Vec::new(),
        _ => refer_all(table, &tables, &mut plans, &mut e, effort, share)?,
    };
    share.to(0.8);
    count_heads(&mut model, &plans);
    let words = count_words(table, &mut model, &plans, &e)?;
    e.keep(&keys);
    let number = |row: &u32| keys.binary_search(row).expect("others refer to keys only") as u32;
    plans.par_iter_mut().flat_map_iter(Plan::refs_mut).for_each(|row| *row = number(row));
    model.numbers = Numbers::of(plans.iter().flat_map(|plan| plan.refs().iter().copied()));
    let bits = words + head_bits(&model, &plans);
    Ok(Some(Planned { model, plans, innovations: e, bits }))
}

/// Every row by itself: plans without references, and the innovations.
fn alone(
    table: Table<'_>,
    tables: &Tables,
    normal: &Normal,
    share: &mut Share<'_>,
) -> Result<(Vec<Plan>, Innovations)> {
    let TableShape { rows, dim, .. } = table.shape;
    let stride = dim.next_multiple_of(4);
    let (mut plans, mut all) = (Vec::with_capacity(rows), Vec::with_capacity(rows * stride));
    let span = |part: usize| {
        let words = table.rows(part * SPAN..rows.min((part + 1) * SPAN))?;
        let mut predictor = Predictor::new(table.backend, tables);
        let heads = settled(&mut predictor, normal, &words, dim, &mut Vec::new());
        let lanes: Vec<Lane<'_>> = heads.iter().map(|&head| Lane::given(head, [&[]; REFS])).collect();
        let mut e = vec![0; lanes.len() * stride];
        predictor.innovations(&lanes, &words, &mut e, stride);
        let mut plans = Vec::with_capacity(lanes.len());
        for ((row, head), e) in words.chunks_exact(dim).zip(heads).zip(e.chunks_exact_mut(stride)) {
            let constant = is_constant(row);
            plans.push(if constant { Plan::constant() } else { Plan::alone(head) });
            if constant {
                e.fill(0);
            }
        }
        Ok((plans, e))
    };
    for_each_in_order(0..rows.div_ceil(SPAN), span, |found: Result<(Vec<Plan>, Vec<i8>)>| {
        let (some, e) = found?;
        plans.extend(some);
        all.extend(e);
        share.to(0.1 + 0.05 * plans.len() as f64 / rows as f64);
        Ok(())
    })?;
    Ok((plans, Innovations { backend: table.backend, all, stride, dim }))
}

fn count_heads(model: &mut Model, plans: &[Plan]) {
    let (mut kinds, mut scales, mut weights) = ([0u64; 256], [0u64; 256], [0u64; 256]);
    for plan in plans {
        kinds[usize::from(plan.kind())] += 1;
        if !plan.constant {
            scales[usize::from(plan.head.scale)] += 1;
            plan.weights().iter().for_each(|&w| weights[usize::from(w.cast_unsigned())] += 1);
        }
    }
    (model.kinds, model.scales, model.weights) =
        (Symbols::fit(&kinds), Symbols::fit(&scales), Symbols::fit(&weights));
}

/// Bits of what is stored besides the words: the model, heads, records, coder states.
fn head_bits(model: &Model, plans: &[Plan]) -> f64 {
    let mut stored = Vec::new();
    model.write(&mut stored);
    let of = |plan: &Plan| {
        let references = plan.weights().iter().map(|&w| model.weights.bits(w.cast_unsigned())).sum::<f64>()
            + plan.refs().iter().map(|&key| model.numbers.bits(key)).sum::<f64>();
        // A stream's record and what its last state leaves unused.
        let fixed = model.kinds.bits(plan.kind()) + 16.0;
        fixed + if plan.constant { 16.0 } else { model.scales.bits(plan.head.scale) + references }
    };
    8.0 * stored.len() as f64 + plans.iter().map(of).sum::<f64>()
}

/// Counts residuals by piece on a sample of rows. Innovations do not depend on the distribution, so once is
/// enough. Returns about how many bits the words of the table will take.
fn count_words(table: Table<'_>, model: &mut Model, plans: &[Plan], e: &Innovations) -> Result<f64> {
    let rows = plans.len();
    let mut sample = table.spread(COUNTED);
    let n = sample.len();
    sample.retain(|&row| !plans[row].constant);
    let lane = |&row: &usize| Lane::given(plans[row].head, refs(&plans[row], e));
    // Words are read twice, not held: of wide tables these rows may be half.
    let parts = |rows: &[usize]| Ok((rows.iter().map(lane).collect::<Vec<_>>(), table.take(rows)?));
    let tables = model.expand();
    let counts = sample.par_chunks(TOGETHER).map(|rows| {
        parts(rows).map(|(lanes, words): (Vec<Lane<'_>>, Vec<u16>)| tally(table, &tables, &lanes, &words))
    });
    model.pieces = pieces(&add(counts.collect::<Result<Vec<_>>>()?));
    let tables = model.expand();
    let bits = sample.par_chunks(TOGETHER).map(|rows| {
        parts(rows).map(|(lanes, words): (Vec<Lane<'_>>, Vec<u16>)| bits(table, &tables, &lanes, &words))
    });
    Ok(bits.collect::<Result<Vec<f64>>>()?.iter().sum::<f64>() * rows as f64 / n as f64)
}

impl Plan {
    /// The row's kind, as stored.
    pub fn kind(&self) -> u8 {
        if self.constant { CONSTANT } else { self.refs().len() as u8 * 8 + self.head.lift }
    }

    /// The references' weights.
    pub fn weights(&self) -> &[i8] {
        &self.head.weights[..self.refs().len()]
    }
}
