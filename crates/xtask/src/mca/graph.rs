//! Loops of a function, and ways through them.

use std::collections::{BTreeMap, BTreeSet};

use super::assembly::Function;

/// A loop: its blocks, and the one that it begins with.
#[derive(Debug, PartialEq)]
pub struct Loop {
    pub head: usize,
    pub blocks: BTreeSet<usize>,
}

/// Which way through a loop or a function is taken where there are several.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    Longest,
    Shortest,
}

/// A step of a way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    Block(usize),
    /// A loop that begins with this block: some turns of it.
    Loop(usize),
}

/// The loops of a function, those with fewer blocks first.
pub fn loops(function: &Function) -> Vec<Loop> {
    let blocks = &function.blocks;
    let mut before = vec![Vec::new(); blocks.len()];
    for (i, block) in blocks.iter().enumerate() {
        block.next.iter().for_each(|&next| before[next].push(i));
    }
    let mut found: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    for (tail, head) in backward(function) {
        // All from which the end of a turn is reached without its beginning.
        let body = found.entry(head).or_insert_with(|| BTreeSet::from([head]));
        let mut open = vec![tail];
        while let Some(block) = open.pop() {
            if body.insert(block) {
                open.extend(&before[block]);
            }
        }
    }
    let mut loops: Vec<Loop> = found.into_iter().map(|(head, blocks)| Loop { head, blocks }).collect();
    loops.sort_by_key(|l| l.blocks.len());
    loops
}

/// Edges to a block that lies on the way to them from the function's beginning: compilers make no other cycles
/// from Rust.
fn backward(function: &Function) -> Vec<(usize, usize)> {
    let (mut found, mut path) = (Vec::new(), vec![(0, 0)]);
    let (mut seen, mut open) = (BTreeSet::from([0]), BTreeSet::from([0]));
    while let Some((block, edge)) = path.pop() {
        let Some(&next) = function.blocks[block].next.get(edge) else {
            open.remove(&block);
            continue;
        };
        path.push((block, edge + 1));
        if open.contains(&next) {
            found.push((block, next));
        } else if seen.insert(next) {
            open.insert(next);
            path.push((next, 0));
        }
    }
    found
}

/// One turn of `of`, in which each loop inside it is a step; `through` is a block that it has to come by, or the
/// head of a loop inside. `cost` is what a block counts for, `None` for one that the way may not take. `None` if
/// there is no way.
pub fn turn(
    function: &Function,
    of: &Loop,
    inside: &[&Loop],
    through: Option<usize>,
    way: Way,
    cost: Cost<'_>,
) -> Option<Vec<Step>> {
    let mut walk = Walk::new(function, inside, way, cost);
    let stay = |block: usize| of.blocks.contains(&block);
    let back = |block: usize| block == of.head;
    match through {
        None => walk.to(of.head, &stay, &back),
        Some(through) => {
            let mut all = walk.to(of.head, &stay, &|block| block == through)?;
            walk.known.clear();
            all.extend(walk.to(through, &stay, &back)?);
            Some(all)
        }
    }
}

/// From the function's beginning to a return; loops as in [`turn`].
pub fn whole(function: &Function, inside: &[&Loop], way: Way, cost: Cost<'_>) -> Option<Vec<Step>> {
    Walk::new(function, inside, way, cost).to(0, &|_| true, &|_| false)
}

/// What the block of this number counts for, and a loop that begins with it.
pub type Cost<'a> = &'a dyn Fn(usize) -> Option<usize>;

/// Finds ways where loops count as one block, so that there are no cycles.
struct Walk<'a> {
    function: &'a Function,
    inside: &'a [&'a Loop],
    way: Way,
    cost: Cost<'a>,
    /// From a block on: what the way counts for, and which block follows.
    known: BTreeMap<usize, Option<(usize, Option<usize>)>>,
}

impl<'a> Walk<'a> {
    fn new(function: &'a Function, inside: &'a [&'a Loop], way: Way, cost: Cost<'a>) -> Self {
        Walk { function, inside, way, cost, known: BTreeMap::new() }
    }

    /// From `start` to an edge to where `arrived` says, or to a return where nothing does.
    fn to(
        &mut self,
        start: usize,
        stay: &dyn Fn(usize) -> bool,
        arrived: &dyn Fn(usize) -> bool,
    ) -> Option<Vec<Step>> {
        self.from(start, stay, arrived)?;
        let (mut way, mut at) = (Vec::new(), Some(start));
        while let Some(block) = at {
            way.push(if self.loop_at(block).is_some() { Step::Loop(block) } else { Step::Block(block) });
            at = self.known.get(&block).copied().flatten().and_then(|(_, next)| next);
        }
        Some(way)
    }

    fn from(
        &mut self,
        block: usize,
        stay: &dyn Fn(usize) -> bool,
        arrived: &dyn Fn(usize) -> bool,
    ) -> Option<(usize, Option<usize>)> {
        if let Some(known) = self.known.get(&block) {
            return *known;
        }
        // A cycle that is no loop known here is no way.
        self.known.insert(block, None);
        let own = (self.cost)(block)?;
        let next: Vec<usize> = match self.loop_at(block) {
            Some(l) => {
                let leaves = l.blocks.iter().flat_map(|&block| &self.function.blocks[block].next);
                leaves.filter(|next| !l.blocks.contains(next)).copied().collect()
            }
            None => self.function.blocks[block].next.clone(),
        };
        let mut best = self.function.blocks[block].returns.then_some((own, None));
        for next in next {
            let rest = match arrived(next) {
                true => Some((own, None)),
                false if stay(next) => {
                    self.from(next, stay, arrived).map(|(rest, _)| (own + rest, Some(next)))
                }
                false => None,
            };
            best = match (best, rest) {
                (Some(best), Some(rest)) if self.way == Way::Longest => {
                    Some(if rest.0 > best.0 { rest } else { best })
                }
                (Some(best), Some(rest)) => Some(if rest.0 < best.0 { rest } else { best }),
                (best, rest) => best.or(rest),
            };
        }
        self.known.insert(block, best);
        best
    }

    /// The outermost of the loops inside that begins here.
    fn loop_at(&self, block: usize) -> Option<&'a Loop> {
        self.inside.iter().filter(|l| l.head == block).max_by_key(|l| l.blocks.len()).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::super::assembly::Block;
    use super::*;

    /// Blocks of so many instructions with what may follow them.
    fn function(blocks: &[(usize, &[usize])]) -> Function {
        let block = |&(n, next): &(usize, &[usize])| Block {
            instructions: vec!["nop".into(); n],
            next: next.to_vec(),
            returns: next.is_empty(),
            ..Block::default()
        };
        Function { blocks: blocks.iter().map(block).collect() }
    }

    /// Rows (1 to 6) of groups (2 to 4, by way of 3 or not), a rare way (5) around what is after them.
    fn rows() -> Function {
        function(&[
            (1, &[1]),
            (2, &[2]),
            (3, &[3, 4]),
            (10, &[4]),
            (1, &[2, 5, 6]),
            (50, &[6]),
            (4, &[1, 7]),
            (1, &[]),
        ])
    }

    #[test]
    fn loops_are_found_from_the_inside_out() {
        let loops = loops(&rows());
        assert_eq!(loops.len(), 2);
        assert_eq!((loops[0].head, &loops[0].blocks), (2, &BTreeSet::from([2, 3, 4])));
        assert_eq!((loops[1].head, &loops[1].blocks), (1, &BTreeSet::from([1, 2, 3, 4, 5, 6])));
    }

    #[test]
    fn ways_are_the_longest_or_the_shortest_that_are_allowed() {
        let function = rows();
        let [groups, rows] = &loops(&function)[..] else { panic!("two loops") };
        let all = |block: usize| Some(function.blocks[block].instructions.len());
        let blocks = |of: &[usize]| of.iter().map(|&block| Step::Block(block)).collect::<Vec<_>>();
        assert_eq!(turn(&function, groups, &[], None, Way::Longest, &all), Some(blocks(&[2, 3, 4])));
        assert_eq!(turn(&function, groups, &[], None, Way::Shortest, &all), Some(blocks(&[2, 4])));
        let row = |not: usize| {
            let cost = |block: usize| all(block).filter(|_| block != not);
            turn(&function, rows, &[groups], Some(groups.head), Way::Longest, &cost)
        };
        let [one, five, six] = [1, 5, 6].map(Step::Block);
        assert_eq!(row(7), Some(vec![one, Step::Loop(2), five, six]));
        assert_eq!(row(5), Some(vec![one, Step::Loop(2), six]));
        assert_eq!(row(6), None);
        let through = whole(&function, &[groups, rows], Way::Longest, &all);
        assert_eq!(through, Some(vec![Step::Block(0), Step::Loop(1), Step::Block(7)]));
    }
}
