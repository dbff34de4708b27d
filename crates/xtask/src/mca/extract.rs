//! The instructions of a turn of a hot loop, out of the assembly.

use anyhow::{Context, Result, bail};

use super::assembly::{Assembly, Function};
use super::graph::{self, Loop, Way};
use super::hot::Part;

/// What is estimated.
pub struct Bodies {
    /// A turn of the loop.
    pub turn: Vec<String>,
    /// A turn of the loop around it, without the loop.
    pub row: Option<Vec<String>>,
}

/// Finds the loop, or nothing where its function is not there.
///
/// Of several that fit, as where a loop is compiled for several cases, the one with the fewest instructions is
/// the usual case; that none fits is an error.
pub fn bodies(assembly: &Assembly, part: &Part) -> Result<Option<Bodies>> {
    let Some(function) = assembly.function(part.function) else { return Ok(None) };
    let found = Search { assembly, part }.bodies(function);
    let bodies = found.with_context(|| {
        format!("{} has changed: mend its line in crates/xtask/src/mca/hot.rs", part.function)
    });
    bodies.map(Some)
}

struct Search<'a> {
    assembly: &'a Assembly,
    part: &'a Part,
}

impl Search<'_> {
    fn bodies(&self, function: &Function) -> Result<Bodies> {
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
            let turn = self.text(function, &way)?;
            let count = self.count(&turn);
            if count > 0 {
                counts.push(count);
            }
            if self.check(&[count]).is_ok() {
                fitting.push((l, turn));
            }
        }
        if fitting.is_empty() {
            self.check(&counts)?;
        }
        if self.part.rows.is_none() || self.part.around.is_some() {
            let turn = fitting.into_iter().map(|(_, turn)| turn).min_by_key(Vec::len);
            let row = self.part.around.map(|around| self.around(around)).transpose()?;
            return Ok(Bodies { turn: turn.context("no loop")?, row });
        }
        let mut best: Option<(Vec<String>, Vec<String>)> = None;
        for (l, turn) in fitting {
            let around =
                loops.iter().find(|a| a.blocks.len() > l.blocks.len() && a.blocks.is_superset(&l.blocks));
            let way = around.and_then(|around| self.way(function, &loops, around, Some(l.head)));
            let Some(way) = way else { continue };
            let row = self.text(function, &way)?;
            let size = |(turn, row): &(Vec<String>, Vec<String>)| (turn.len(), row.len());
            if best.as_ref().is_none_or(|best| (turn.len(), row.len()) < size(best)) {
                best = Some((turn, row));
            }
        }
        let (turn, row) = best.context("no loop over rows is around it")?;
        Ok(Bodies { turn, row: Some(row) })
    }

    /// A turn of the loop that calls the function, in another one.
    fn around(&self, name: &str) -> Result<Vec<String>> {
        let function = self.assembly.function(name).with_context(|| format!("there is no {name}"))?;
        let loops = graph::loops(function);
        let calls =
            |block: &usize| function.blocks[*block].calls.is_some() && self.may_take(function, *block);
        let mut rows = Vec::new();
        for block in (0..function.blocks.len()).filter(calls) {
            let around = loops.iter().find(|l| l.blocks.contains(&block));
            if let Some(way) = around.and_then(|around| self.way(function, &loops, around, Some(block))) {
                rows.push(self.text(function, &way)?);
            }
        }
        rows.into_iter().min_by_key(Vec::len).with_context(|| format!("no loop of {name} calls it"))
    }

    /// The blocks of a turn, by way of `through`.
    fn way(
        &self,
        function: &Function,
        loops: &[Loop],
        of: &Loop,
        through: Option<usize>,
    ) -> Option<Vec<usize>> {
        let inside: Vec<&Loop> =
            loops.iter().filter(|l| l.head != of.head && l.blocks.is_subset(&of.blocks)).collect();
        graph::turn(function, of, &inside, through, self.part.way, &|block| self.may_take(function, block))
    }

    /// Blocks that call something are for rare cases: tails, long lists, panics.
    fn may_take(&self, function: &Function, block: usize) -> bool {
        let calls = function.blocks[block].calls.as_deref();
        calls.is_none_or(|name| name == self.part.function || self.part.calls.contains(&name))
    }

    /// The instructions from a function's beginning to its return, without loops and the return itself.
    fn whole(&self, function: &Function, way: Way) -> Result<Vec<String>> {
        let loops = graph::loops(function);
        let inside: Vec<&Loop> = loops.iter().collect();
        let way = graph::whole(function, &inside, way, &|block| self.may_take(function, block));
        self.text(function, &way.context("there is no way through it")?)
    }

    /// The instructions on a way; those of functions that are called in the place of the calls.
    fn text(&self, function: &Function, way: &[usize]) -> Result<Vec<String>> {
        let mut text = Vec::new();
        for &block in way {
            let block = &function.blocks[block];
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

#[cfg(test)]
mod tests {
    use super::super::assembly::{Family, Mark};
    use super::*;

    /// Rows of groups; a group of 32 words is two additions, or three where it is rare.
    const TEXT: &str = "\
_RNvCs1234_3xnc4rows:
\tmovq\t%rsi, %rax
.LBB0_1:
\tincq\t%rcx
.LBB0_2:
\tvaddps\t(%rdi), %zmm1, %zmm1
\tvaddps\t64(%rdi), %zmm1, %zmm1
\tcallq\t_RNvCs1234_3xnc4help
\tdecq\t%rax
\tjne\t.LBB0_2
\ttestq\t%rdx, %rdx
\tjne\t.LBB0_4
\tcallq\t_RNvCs1234_3xnc4rare
\tnop
\tnop
.LBB0_4:
\tdecq\t%rbx
\tjne\t.LBB0_1
\tretq
.Lfunc_end0:
_RNvCs1234_3xnc4help:
\tpushq\t%rbx
\tretq
.Lfunc_end1:
";

    fn part(words: usize, calls: &'static [&'static str]) -> Part {
        Part { rows: Some(1), calls, ..Part::new("rows", Mark::Op("vaddps"), 16, words) }
    }

    #[test]
    fn a_turn_and_what_is_around_it_are_found() {
        let assembly = Assembly::parse(Family::X86, TEXT);
        let bodies = bodies(&assembly, &part(32, &["help"])).unwrap().unwrap();
        assert_eq!(bodies.turn.len(), 5);
        assert_eq!(bodies.turn[2], "pushq\t%rbx");
        let row = ["incq\t%rcx", "testq\t%rdx, %rdx", "jne\t.LBB0_4", "decq\t%rbx", "jne\t.LBB0_1"];
        assert_eq!(bodies.row.unwrap(), row);
    }

    #[test]
    fn a_loop_that_changed_is_an_error_and_a_function_that_is_missing_is_none() {
        let assembly = Assembly::parse(Family::X86, TEXT);
        let error = bodies(&assembly, &part(64, &["help"])).err().unwrap();
        assert!(format!("{error:#}").contains("4 instructions Op(\"vaddps\")"), "{error:#}");
        assert!(bodies(&assembly, &part(32, &[])).is_err());
        let missing = Part { function: "columns", ..part(32, &[]) };
        assert!(bodies(&assembly, &missing).unwrap().is_none());
    }
}
