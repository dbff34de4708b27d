//! Which rows become keys, level upon level, and what every row refers to.

use rayon::prelude::*;

use super::Effort;
use super::encode::Share;
use super::exact::exp2;
use super::index::LAST;
use super::refer::{self, Candidate, Limits};
use super::row::{Plan, cost, walk};
use super::select::{self, Innovations, Search, neighbours};
use crate::kernel::Backend;
use crate::kernel::dense::residual::{REFS, Tables};

/// Bits of a reference: its number, its weight, what it adds to the head.
const REFERENCE: f32 = 22.0;
/// Share of what a key would save as a follower that it is charged: keys refer to other keys, too.
const KEY_LOSS: f32 = 0.35;
/// Similar rows among which keys are found.
const NEIGHBOURS: usize = 24;
/// Rows that the references of a row of each level may reach together: eight at last, few for rows that
/// others build on.
const REACH: [usize; LAST as usize + 1] = [0, 2, 4, 8];

/// How references are looked for.
#[derive(Clone, Copy)]
pub struct How {
    /// Instruction set of the search; what is found does not depend on it.
    pub backend: Backend,
    /// How much time the search may take.
    pub effort: Effort,
}

/// Chooses keys in levels, then references for all rows but those of level 0. Returns the keys.
pub fn refer_all(
    words: &[u16],
    tables: &Tables,
    plans: &mut [Plan],
    e: &mut Innovations,
    How { backend, effort }: How,
    share: &mut Share<'_>,
) -> Vec<u32> {
    let dim = tables.dim();
    let live: Vec<u32> = (0..plans.len() as u32).filter(|&r| !plans[r as usize].constant).collect();
    let floor = (1.0 - exp2(-2.0 * f64::from(REFERENCE) / dim as f64) as f32).sqrt();
    let how = Search { backend, sketch: effort.sketch(dim), limit: NEIGHBOURS, floor };
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
                // The choice goes by mean squares; words on a coarse grid, or far from what is left, cost
                // more than these say.
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
pub fn refs<'a>(plan: &Plan, e: &'a Innovations) -> [&'a [i8]; REFS] {
    std::array::from_fn(|k| plan.refs.get(k).map_or(&[][..], |&row| e.row(row)))
}
