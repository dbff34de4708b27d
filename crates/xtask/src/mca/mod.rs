//! `cargo xtask mca`: what hot loops would take on processors that are not here, by llvm-mca; writes
//! `docs/estimates.md`.
//!
//! The library is compiled to assembly, for x86-64 and for ARM; the loops that `hot` lists are found in it, and
//! llvm-mca simulates each on a model of a processor. Nothing is measured.

mod analyser;
mod assembly;
mod compile;
mod extract;
mod graph;
mod hot;
mod page;
mod part;
mod processors;

use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::toolchain::{Toolchain, Tools};
use crate::{root, say, timed};
use assembly::{Assembly, Family};
use hot::{HOT, Hot};
use processors::{PROCESSORS, Processor};

/// A line of the tables: a loop, and what processors of its family take for it.
struct Line {
    hot: &'static Hot,
    /// For 64 words. `None` if the loop is not there.
    instructions: Option<f64>,
    takes: Vec<Takes>,
}

/// What a processor takes.
#[derive(Clone, Copy)]
struct Takes {
    processor: &'static Processor,
    /// `None` for a processor without one of the instructions.
    cycles: Option<Cycles>,
}

#[derive(Clone, Copy)]
struct Cycles {
    /// Of the loop again and again, for 64 words.
    turns: f64,
    /// Of rows of [`ROW`] words with all that is done for one, for 64 words.
    rows: Option<f64>,
}

/// Words of a row.
const ROW: usize = 640;

pub fn all() -> Result<()> {
    let toolchain = Toolchain::get()?;
    let tools = toolchain.tools()?;
    let x86 = timed("the library is compiled to assembly for x86-64", compile::x86)?;
    let arm = timed("the library is compiled to assembly for ARM", || compile::arm(&toolchain))?;
    let assembly = |family| if family == Family::X86 { &x86.assembly } else { &arm.assembly };
    let (mut lines, mut changed) = (Vec::new(), Vec::new());
    for hot in HOT {
        match line(hot, assembly(hot.set.family()), &tools) {
            Ok(line) => lines.push(line),
            Err(error) => changed.push(format!("{}, {}: {error:#}", hot.operation.name(), hot.set.name())),
        }
    }
    ensure!(changed.is_empty(), "nothing written:\n{}", changed.join("\n"));
    let mut models = Vec::new();
    for processor in PROCESSORS {
        let nothing = ["nop".to_owned()];
        let estimate = analyser::estimate(
            &mut tools.command("llvm-mca"),
            processor.family,
            processor.name_in_llvm,
            &nothing,
        )?;
        models.push((
            processor,
            analyser::model(&estimate.context("a processor without nop")?.unit).to_owned(),
        ));
    }
    let from =
        page::From { commit: commit()?, compilers: [x86.compiler, arm.compiler], analyser: version(&tools)? };
    let path = root().join("docs/estimates.md");
    std::fs::write(&path, page::render(&lines, &models, &from))?;
    say(&format!("wrote {}", path.display()));
    Ok(())
}

fn line(hot: &'static Hot, assembly: &Assembly, tools: &Tools) -> Result<Line> {
    let mut parts = Vec::new();
    for part in hot.parts {
        match extract::bodies(assembly, part)? {
            Some(bodies) => parts.push((part, bodies)),
            None => {
                say(&format!("{}, {}: no function {}", hot.operation.name(), hot.set.name(), part.function));
                return Ok(Line { hot, instructions: None, takes: Vec::new() });
            }
        }
    }
    let instructions = parts.iter().map(|(part, bodies)| part.for_64_words(bodies.turn.len() as f64)).sum();
    let mut takes = Vec::new();
    for processor in PROCESSORS.iter().filter(|processor| processor.family == hot.set.family()) {
        let estimate = |body: &[String]| {
            analyser::estimate(&mut tools.command("llvm-mca"), processor.family, processor.name_in_llvm, body)
        };
        let mut cycles = Some(Cycles { turns: 0.0, rows: None });
        for (part, bodies) in &parts {
            let Some(sum) = &mut cycles else { break };
            let Some(turn) = estimate(&bodies.turn)? else {
                cycles = None;
                break;
            };
            sum.turns += part.for_64_words(turn.cycles);
            let Some(rows) = part.rows else { continue };
            let body =
                bodies.with_turns(rows * ROW / part.words).context("a loop over rows was not looked for")?;
            let row =
                estimate(&body)?.context("a processor has the loop's instructions and not its row's")?;
            let words = (rows * ROW) as f64;
            sum.rows = Some(sum.rows.unwrap_or(0.0) + row.cycles * part.times as f64 * 64.0 / words);
        }
        takes.push(Takes { processor, cycles });
    }
    Ok(Line { hot, instructions: Some(instructions), takes })
}

/// What llvm-mca says of itself.
fn version(tools: &Tools) -> Result<String> {
    let output = tools.command("llvm-mca").arg("--version").output().context("cannot start llvm-mca")?;
    let text = String::from_utf8(output.stdout)?;
    let line = text.lines().find(|line| line.contains("version")).context("llvm-mca says no version")?;
    Ok(line.trim().to_owned())
}

/// The commit that the library is of, and whether it was changed since.
fn commit() -> Result<String> {
    let git = |args: &[&str]| -> Result<String> {
        let output =
            Command::new("git").args(args).current_dir(root()).output().context("cannot start git")?;
        ensure!(output.status.success(), "git {} failed", args.join(" "));
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    };
    let commit = git(&["rev-parse", "--short=10", "HEAD"])?;
    let changed = !git(&["status", "--porcelain", "--", "crates/xnc"])?.is_empty();
    Ok(if changed { format!("{commit}, with changes") } else { commit })
}
