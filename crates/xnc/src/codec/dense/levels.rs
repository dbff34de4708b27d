//! Which rows become keys, level upon level, and what every row refers to.

use rayon::prelude::*;

use super::Effort;
use super::encode::{Share, Table};
use super::exact::exp2;
use super::index::LAST;
use super::neighbours::{Innovations, Lists, neighbours};
use super::refer::{self, Candidate, Choice, Limits};
use super::row::{Plan, Predictor, TOGETHER};
use super::select;
use crate::error::Result;
use crate::kernel::dense::residual::{Lane, REFS, Tables};

/// Bits of a reference: its number, its weight, what it adds to the head.
const REFERENCE: f32 = 22.0;
/// Share of what a key would save as a follower that it is charged: keys refer to other keys, too.
const KEY_LOSS: f32 = 0.05;
/// Similar rows whose lists are looked at, too.
const HOPS: usize = 8;
/// Chooses keys in levels, then references for all rows but those of level 0. Returns the keys.
pub fn refer_all(
    table: Table<'_>,
    tables: &Tables,
    plans: &mut [Plan],
    e: &mut Innovations,
    effort: Effort,
    share: &mut Share<'_>,
) -> Result<Vec<u32>> {
    let dim = tables.dim();
    let live: Vec<u32> = (0..plans.len() as u32).filter(|&r| !plans[r as usize].constant).collect();
    let floor = (1.0 - exp2(-2.0 * f64::from(REFERENCE) / dim as f64) as f32).sqrt();
    let how = effort.search(floor);
    let all = neighbours(e, &live, how, &mut |done| share.to(0.15 + 0.45 * done));
    let keys = select::keys(live.len(), &select::edges(&all, dim, REFERENCE), KEY_LOSS);
    let keys: Vec<u32> = live.iter().zip(keys).filter(|(_, key)| *key).map(|(&row, _)| row).collect();
    // Keys refer to keys of lower levels.
    let among = neighbours(e, &keys, how, &mut |done| share.to(0.6 + 0.05 * done));
    let mut level = vec![LAST - 1; keys.len()];
    for lower in (0..LAST - 1).rev() {
        lower_some(&mut level, &among, dim, lower);
    }
    keys.iter().zip(&level).for_each(|(&row, &level)| plans[row as usize].level = level);
    for level in 1..=LAST {
        let (rows, lists) = if level < LAST { (&keys, &among) } else { (&live, &all) };
        let here: Vec<usize> = (0..rows.len()).filter(|&i| plans[rows[i] as usize].level == level).collect();
        let limits = Limits { cost: REFERENCE, most: effort.references() };
        let chosen = here.par_chunks(TOGETHER).map(|here| {
            let choice = |&i: &usize| {
                let below = |k: u32| plans[rows[k as usize] as usize].level < level;
                let candidate =
                    |k: u32| Candidate { row: rows[k as usize], innovations: e.row(rows[k as usize]) };
                let found = candidates(e, rows, lists, i, below, effort.candidates());
                let found: Vec<Candidate<'_>> = found.into_iter().map(candidate).collect();
                refer::choose(e, e.row(rows[i]), &found, limits)
            };
            let choices = here.iter().map(choice).collect();
            let rows: Vec<u32> = here.iter().map(|&i| rows[i]).collect();
            confirm(table, tables, e, plans, &rows, choices)
        });
        let chosen = chosen.collect::<Result<Vec<_>>>()?;
        let mut here = here.iter().map(|&i| rows[i]);
        for (some, new) in chosen {
            let mut new = new.chunks_exact(dim);
            for (plan, row) in some.into_iter().zip(&mut here) {
                if let Some(new) = new.next() {
                    e.row_mut(row).copy_from_slice(new);
                }
                plans[row as usize] = plan;
            }
        }
    }
    Ok(keys)
}

/// Plans of some rows of one level, with those references that pay; and the innovations of rows that others may
/// refer to, who must see what a decoder sees. The choice goes by mean squares; words on a coarse grid, or far from
/// what is left, cost more than these say.
fn confirm(
    table: Table<'_>,
    tables: &Tables,
    e: &Innovations,
    alone: &[Plan],
    rows: &[u32],
    choices: Vec<Choice>,
) -> Result<(Vec<Plan>, Vec<i8>)> {
    let dim = tables.dim();
    let ids: Vec<usize> = rows.iter().map(|&row| row as usize).collect();
    let words = table.take(&ids)?;
    let mut predictor = Predictor::new(table.backend, tables);
    let lanes = |plans: &[Plan]| -> Vec<Lane<'_>> {
        plans.iter().map(|plan| Lane::given(plan.head, refs(plan, e))).collect()
    };
    let alone: Vec<Plan> = ids.iter().map(|&id| alone[id]).collect();
    let referring = alone.iter().zip(choices).map(|(plan, choice)| {
        Plan::referring(plan.level, refer::head(&choice, plan.head.scale), &choice.refs)
    });
    let mut plans: Vec<Plan> = referring.collect();
    let plain: Vec<f64> = predictor.slots(&lanes(&alone), &words).map(|row| row.bits()).collect();
    let bits: Vec<f64> = predictor.slots(&lanes(&plans), &words).map(|row| row.bits()).collect();
    for (((plan, alone), bits), plain) in plans.iter_mut().zip(alone).zip(bits).zip(plain) {
        if bits + f64::from(REFERENCE) * plan.refs().len() as f64 >= plain {
            *plan = alone;
        }
    }
    let mut new = Vec::new();
    if plans.first().is_some_and(|plan| plan.level < LAST) {
        new.resize(words.len(), 0);
        predictor.innovations(&lanes(&plans), &words, &mut new, dim);
    }
    Ok((plans, new))
}

/// Brings those of the keys of the level above `lower` down to it that are worth being keys for the others.
fn lower_some(level: &mut [u8], lists: &Lists, dim: usize, lower: u8) {
    let upper = |i: usize| level[i] == lower + 1;
    let loss = if lower > 0 { KEY_LOSS } else { 1.0 };
    let mut edges = select::edges(lists, dim, REFERENCE);
    edges.retain(|&(a, b, _)| upper(a as usize) && upper(b as usize));
    let keys = select::keys(level.len(), &edges, loss);
    level.iter_mut().zip(keys).filter(|(_, key)| *key).for_each(|(level, _)| *level = lower);
}

/// The rows that row `i` may refer to and is most like: those of its list, and of the lists of these.
fn candidates(
    e: &Innovations,
    within: &[u32],
    lists: &Lists,
    i: usize,
    below: impl Fn(u32) -> bool,
    most: usize,
) -> Vec<u32> {
    let own = e.row(within[i]);
    let norm = e.dot(own, own).sqrt();
    let mut found: Vec<(f32, u32)> = lists[i].iter().copied().filter(|&(_, k)| below(k)).collect();
    let hops = lists[i].iter().take(HOPS).flat_map(|&(_, k)| &lists[k as usize]);
    let mut more: Vec<u32> = hops.map(|&(_, k)| k).filter(|&k| k as usize != i && below(k)).collect();
    more.sort_unstable();
    more.dedup();
    more.retain(|&k| !lists[i].iter().any(|&(_, known)| known == k));
    found.extend(more.into_iter().map(|k| (e.cosine(own, norm, within[k as usize]), k)));
    found.sort_unstable_by(|a, b| b.0.abs().total_cmp(&a.0.abs()).then(a.1.cmp(&b.1)));
    found.truncate(most);
    found.into_iter().map(|(_, k)| k).collect()
}

/// Innovations of the rows that a plan refers to.
pub fn refs<'a>(plan: &Plan, e: &'a Innovations) -> [&'a [i8]; REFS] {
    std::array::from_fn(|k| plan.refs().get(k).map_or(&[][..], |&row| e.row(row)))
}
