//! Decides which parts of the model a table gets, which rows become keys, and what each row refers to; then encodes.

use rayon::prelude::*;

use super::fit::{Fit, Parts, fit, pieces};
use super::grid::Grid;
use super::layout::{CONSTANT, LAST, chunk_rows};
use super::model::Model;
use super::refer::{self, Candidate, Limits};
use super::row::{self, Coding, Plan, cost, tally, walk};
use super::select::{self, Innovations, Search, neighbours};
use super::stream::Pending;
use super::symbols::Symbols;
use super::{Effort, Share, Streams};
use crate::codec::ordered::for_each_in_order;
use crate::kernel::residual::{Head, PIECES, REFS, Tables};

/// Rows that models are compared on, and that the distribution of residuals is counted on.
const SAMPLE: usize = 4096;
/// Bits of a reference: its number, its weight, what it adds to the head.
const REFERENCE: f32 = 22.0;
/// Share of what a key would save as a follower that it is charged: keys refer to other keys, too.
const KEY_LOSS: f32 = 0.35;
/// Similar rows among which keys are found.
const NEIGHBOURS: usize = 24;
/// Rows that the references of a row of each level may reach together: eight at last, few for rows that others build on.
const REACH: [usize; LAST as usize + 1] = [0, 2, 4, 8];

/// Encodes by prediction; none where there is nothing to predict from.
pub fn encode(
    words: &[u16],
    dim: usize,
    grid: Grid,
    effort: Effort,
    share: &mut Share<'_>,
) -> Option<Streams> {
    let rows = words.len().checked_div(dim).unwrap_or(0);
    if rows < 2 || u32::try_from(rows).is_err() {
        return None;
    }
    let Fit { mut model, scales } = best_fit(words, dim, grid);
    share.to(0.1);
    let tables = model.expand();
    let (mut plans, mut e) = alone(words, &tables, &scales);
    share.to(0.15);
    let keys = if effort.references() > 0 {
        refer_all(words, &tables, &mut plans, &mut e, effort, share)
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
    Some(Streams { predicted: true, shared, chunks, records })
}

/// The parts of the model that pay, by description length on a sample of rows.
fn best_fit(words: &[u16], dim: usize, grid: Grid) -> Fit {
    let variants = [(true, true), (true, false), (false, false)];
    let fits = variants.map(|(means, prediction)| {
        let fit = fit(words, dim, grid, Parts { means, prediction });
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

/// Chooses keys in levels, then references for all rows but those of level 0. Returns the keys.
fn refer_all(
    words: &[u16],
    tables: &Tables,
    plans: &mut [Plan],
    e: &mut Innovations,
    effort: Effort,
    share: &mut Share<'_>,
) -> Vec<u32> {
    let dim = tables.dim();
    let live: Vec<u32> = (0..plans.len() as u32).filter(|&r| !plans[r as usize].constant).collect();
    let floor = (1.0 - 2f32.powf(-2.0 * REFERENCE / dim as f32)).sqrt();
    let how = Search { sketch: effort.sketch(dim), limit: NEIGHBOURS, floor };
    let mut keys = keys_among(e, &live, how, KEY_LOSS, &mut |done| share.to(0.15 + 0.45 * done));
    let all = keys.clone();
    for level in (0..LAST).rev() {
        keys.iter().for_each(|&r| plans[r as usize].level = level);
        if level > 0 {
            keys = keys_among(e, &keys, how, if level > 1 { KEY_LOSS } else { 1.0 }, &mut |_| ());
        }
    }
    let keys = all;
    share.to(0.65);
    let mut reach = vec![1usize; plans.len()];
    for level in 1..=LAST {
        let members: Vec<u32> = keys.iter().copied().filter(|&r| plans[r as usize].level < level).collect();
        let rows: Vec<u32> = live.iter().copied().filter(|&r| plans[r as usize].level == level).collect();
        let how = Search { limit: effort.candidates(), floor: 0.9 * floor, ..how };
        let limits = Limits { cost: REFERENCE, most: effort.references(), reach: REACH[usize::from(level)] };
        let mut seen = 0;
        let lists = neighbours(e, &rows, &members, how, &mut |n| {
            seen += n;
            share.to(0.65 + 0.12 * seen as f64 / live.len() as f64);
        });
        let chosen: Vec<(Plan, Vec<i8>)> = rows
            .par_iter()
            .zip(&lists)
            .map(|(&row, list)| {
                let candidate = |&(_, k): &(f32, u32)| Candidate {
                    row: k,
                    reach: reach[k as usize],
                    innovations: e.row(k),
                };
                let candidates: Vec<Candidate<'_>> = list.iter().map(candidate).collect();
                let choice = refer::choose(e.row(row), &candidates, limits);
                let alone = plans[row as usize].head;
                let words = &words[row as usize * dim..][..dim];
                let head = refer::head(&choice, alone.scale);
                let mut plan = Plan { constant: false, level, head, refs: choice.refs };
                // The choice goes by mean squares; words on a coarse grid, or far from what is left, cost more than these say.
                let taken = plan.refs.len();
                if taken > 0 {
                    let bits =
                        |plan: &Plan| cost(tables, tables.mantissa(), &plan.head, &refs(plan, e), words);
                    let without = Plan { constant: false, level, head: alone, refs: Vec::new() };
                    if bits(&plan) + f64::from(REFERENCE) * taken as f64 >= bits(&without) {
                        plan = without;
                    }
                }
                let mut new = vec![0i8; if level < LAST { dim } else { 0 }];
                if level < LAST {
                    // Rows that refer to this one must see what a decoder sees.
                    walk(tables, &plan.head, &refs(&plan, e), words, &mut new, |_, _, _, _| {});
                }
                (plan, new)
            })
            .collect();
        for (&row, (plan, new)) in rows.iter().zip(chosen) {
            let at = row as usize * e.stride;
            e.all[at..at + new.len()].copy_from_slice(&new);
            reach[row as usize] += plan.refs.iter().map(|&k| reach[k as usize]).sum::<usize>();
            plans[row as usize] = plan;
        }
    }
    keys
}

/// Rows of `rows` that are worth being keys for the others.
fn keys_among(e: &Innovations, rows: &[u32], how: Search, loss: f32, done: &mut dyn FnMut(f64)) -> Vec<u32> {
    let mut seen = 0;
    let lists = neighbours(e, rows, rows, how, &mut |n| {
        seen += n;
        done(seen as f64 / rows.len() as f64);
    });
    let edges = select::edges(rows, &lists, e.dim, REFERENCE);
    let keys = select::keys(rows.len(), &edges, loss);
    rows.iter().zip(keys).filter(|(_, key)| *key).map(|(&row, _)| row).collect()
}

/// Innovations of the rows that a plan refers to.
fn refs<'a>(plan: &Plan, e: &'a Innovations) -> [&'a [i8]; REFS] {
    std::array::from_fn(|k| plan.refs.get(k).map_or(&[][..], |&row| e.row(row)))
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
