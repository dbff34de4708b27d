//! The instructions of a turn of a hot loop, out of the assembly.

use anyhow::{Context, Result, bail};

use super::assembly::{Assembly, Function, Mark};
use super::graph::{self, Loop, Step, Way};
use super::part::Part;

/// What is estimated.
pub struct Bodies {
    /// A turn of the loop.
    pub turn: Vec<String>,
    /// A turn of the loop around it: what is before the loop and after it.
    pub row: Option<[Vec<String>; 2]>,
}

impl Bodies {
    /// All that is done for rows, with so many turns of the loop.
    pub fn with_turns(&self, turns: usize) -> Option<Vec<String>> {
        let [before, after] = self.row.as_ref()?;
        let turns = std::iter::repeat_n(self.turn.as_slice(), turns).flatten();
        Some(before.iter().chain(turns).chain(after).cloned().collect())
    }
}

/// Stands in a text for the loop that is looked for.
const LOOP: &str = "LOOP";

/// Finds the loop, or nothing where its function is not there.
///
/// Of several that fit, as where a loop is compiled for several cases, the one with the fewest instructions is
/// the usual case; that none fits is an error.
pub fn bodies(assembly: &Assembly, part: &Part) -> Result<Option<Bodies>> {
    let Some(function) = assembly.function(part.function) else { return Ok(None) };
    let found = Search { assembly, part, target: None }.bodies(function);
    let bodies = found.with_context(|| {
        format!("{} has changed: mend its line in crates/xtask/src/mca/hot.rs", part.function)
    });
    bodies.map(Some)
}

#[derive(Clone, Copy)]
struct Search<'a> {
    assembly: &'a Assembly,
    part: &'a Part,
    /// The loop, once it is found: the function that has it, and the block that it begins with.
    target: Option<(&'a Function, usize)>,
}

impl<'a> Search<'a> {
    fn bodies(&self, function: &'a Function) -> Result<Bodies> {
        if self.part.whole {
            let turn = self.whole(function, self.part.way)?;
            self.check(&[self.count(&turn)])?;
            return Ok(Bodies { turn, row: None });
        }
        let loops = graph::loops(function);
        let mut counts = Vec::new();
        let mut fitting = Vec::new();
        for l in &loops {
            let Some(way) = self.way(function, &loops, l, None) else { continue };
            let turn = self.text(function, &way, None)?;
            let count = self.count(&turn);
            if count > 0 {
                counts.push(count);
            }
            if self.check(&[count]).is_ok() && has(self.part.has, &turn) {
                fitting.push((l, turn));
            }
        }
        if fitting.is_empty() {
            self.check(&counts)?;
        }
        fitting.sort_by_key(|(_, turn)| turn.len());
        if self.part.rows.is_none() {
            let (_, turn) = fitting.into_iter().next().context("no loop")?;
            return Ok(Bodies { turn, row: None });
        }
        let mut rows: Vec<(Vec<String>, [Vec<String>; 2])> = Vec::new();
        for (l, turn) in fitting {
            let search = Search { target: Some((function, l.head)), ..*self };
            let row = match self.part.around {
                None => search.row(function, &loops, l.head)?,
                Some(name) => search.around(name)?,
            };
            rows.extend(row.filter(|[before, _]| has(self.part.row_has, before)).map(|row| (turn, row)));
        }
        let size = |(turn, [before, after]): &(Vec<String>, [Vec<String>; 2])| {
            (turn.len(), before.len() + after.len())
        };
        let (turn, row) = rows.into_iter().min_by_key(size).context("no loop over rows is around it")?;
        Ok(Bodies { turn, row: Some(row) })
    }

    /// A turn of the loop around a block, before and after the loop that is looked for; `None` if there is
    /// none, or none without rare cases.
    fn row(&self, function: &'a Function, loops: &[Loop], block: usize) -> Result<Option<[Vec<String>; 2]>> {
        let around = loops.iter().find(|l| l.head != block && l.blocks.contains(&block));
        let Some(way) = around.and_then(|around| self.way(function, loops, around, Some(block))) else {
            return Ok(None);
        };
        let mut before = self.text(function, &way, None)?;
        let Some(at) = before.iter().position(|line| line == LOOP) else { return Ok(None) };
        let after = before.split_off(at + 1);
        before.pop();
        Ok(Some([before, after]))
    }

    /// As [`Search::row`], of a loop in another function, which calls this one.
    fn around(&self, name: &str) -> Result<Option<[Vec<String>; 2]>> {
        let function = self.assembly.function(name).with_context(|| format!("there is no {name}"))?;
        let loops = graph::loops(function);
        let calls =
            |&block: &usize| function.blocks[block].calls.is_some() && self.cost(function, block).is_some();
        let mut rows = Vec::new();
        for block in (0..function.blocks.len()).filter(calls) {
            rows.extend(self.row(function, &loops, block)?);
        }
        Ok(rows.into_iter().min_by_key(|[before, after]| before.len() + after.len()))
    }

    /// The blocks of a turn, by way of `through`.
    fn way(
        &self,
        function: &Function,
        loops: &[Loop],
        of: &Loop,
        through: Option<usize>,
    ) -> Option<Vec<Step>> {
        let inside: Vec<&Loop> =
            loops.iter().filter(|l| l.head != of.head && l.blocks.is_subset(&of.blocks)).collect();
        graph::turn(function, of, &inside, through, self.part.way, &|block| self.cost(function, block))
    }

    /// Blocks that call something are for rare cases: tails, long lists, panics. But a way to the loop goes before
    /// all others.
    fn cost(&self, function: &Function, block: usize) -> Option<usize> {
        const BEFORE_ALL: usize = 1 << 20;
        let is_target = self.target.is_some_and(|(of, head)| std::ptr::eq(of, function) && head == block);
        let own = function.blocks[block].instructions.len();
        match function.blocks[block].calls.as_deref() {
            _ if is_target => Some(BEFORE_ALL),
            None => Some(own),
            Some(name) if name == self.part.function => Some(BEFORE_ALL),
            Some(name) => self.part.calls.contains(&name).then_some(own),
        }
    }

    /// The instructions from a function's beginning to its return.
    fn whole(&self, function: &'a Function, way: Way) -> Result<Vec<String>> {
        let loops = graph::loops(function);
        let inside: Vec<&Loop> = loops.iter().collect();
        let way = graph::whole(function, &inside, way, &|block| self.cost(function, block));
        self.text(function, &way.context("there is no way through it")?, Some(&loops))
    }

    /// The instructions on a way; those of functions that are called in the place of the calls. Of loops a turn
    /// is taken in functions that are called, where `loops` are given, and none otherwise.
    fn text(&self, function: &'a Function, way: &[Step], loops: Option<&[Loop]>) -> Result<Vec<String>> {
        let mut text = Vec::new();
        for &step in way {
            let block = match step {
                Step::Block(block) => &function.blocks[block],
                Step::Loop(head)
                    if self.target.is_some_and(|(of, at)| std::ptr::eq(of, function) && at == head) =>
                {
                    text.push(LOOP.to_owned());
                    continue;
                }
                Step::Loop(head) => {
                    let inner = loops.and_then(|loops| loops.iter().rev().find(|l| l.head == head));
                    let way =
                        inner.and_then(|inner| self.way(function, loops.unwrap_or_default(), inner, None));
                    text.extend(
                        way.map(|way| self.text(function, &way, loops)).transpose()?.unwrap_or_default(),
                    );
                    continue;
                }
            };
            text.extend_from_slice(&block.instructions);
            if block.calls.is_some() || block.returns {
                // llvm-mca knows neither calls nor returns.
                text.pop();
            }
            if let Some(name) = &block.calls {
                let callee = self.assembly.function(name).with_context(|| format!("there is no {name}"))?;
                text.extend(self.whole(callee, Way::Longest)?);
            }
        }
        Ok(text)
    }

    fn count(&self, turn: &[String]) -> usize {
        turn.iter().filter(|instruction| self.part.mark.fits(instruction)).count()
    }

    /// Whether some of these numbers of marked instructions take as many words as the table of loops says.
    fn check(&self, counts: &[usize]) -> Result<()> {
        let Part { mark, each, words, vectors, .. } = *self.part;
        let wanted = words * vectors / each;
        if !counts.contains(&wanted) {
            bail!(
                "{wanted} instructions {mark:?} would take the {words} words a turn that are said, times \
                 {vectors}, but its loops have {counts:?}"
            );
        }
        Ok(())
    }
}

/// Whether one of the instructions has the mark, if there is one.
fn has(mark: Option<Mark>, instructions: &[String]) -> bool {
    mark.is_none_or(|mark| instructions.iter().any(|instruction| mark.fits(instruction)))
}

#[cfg(test)]
mod tests;
