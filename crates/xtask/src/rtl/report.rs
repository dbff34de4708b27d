//! The tables of `rtl/README.md`.

use std::fmt::Write;
use std::fs;

use anyhow::{Context, Result};

use super::synthesis::{Results, Whole};
use crate::{root, say};

/// Prints the tables and puts them into the README, between the marks that name the library.
pub fn write(results: &Results<'_>) -> Result<()> {
    let tables = tables(results)?;
    println!("{tables}");
    let path = root().join("rtl/README.md");
    let readme = fs::read_to_string(&path).context("cannot read rtl/README.md")?;
    let begin = format!("<!-- cargo xtask rtl: {} -->\n", results.library.cells.about);
    let end = "<!-- end -->";
    let Some((before, rest)) = readme.split_once(&begin) else {
        say("rtl/README.md has no place for this library: printed only");
        return Ok(());
    };
    let (_, after) = rest.split_once(end).context("rtl/README.md: a table without an end mark")?;
    fs::write(&path, format!("{before}{begin}{tables}{end}{after}"))?;
    say("wrote the tables of rtl/README.md");
    Ok(())
}

fn tables(results: &Results<'_>) -> Result<String> {
    let library = results.library;
    let mut text = format!(
        "{}. One gate equivalent (GE) = one {}, {} in the library's unit of area; FO4 = {:.4} ns.\n\n",
        library.cells.about, library.cells.nand2, library.gate, library.fo4
    );
    text.push_str("| | area, GE | flip-flops | longest path, ns | FO4 | MHz |\n|---|---|---|---|---|---|\n");
    for whole in &results.wholes {
        let Whole { name, gates, flip_flops, timing, .. } = whole;
        let (path, fo4) = (timing.path, timing.path / library.fo4);
        writeln!(
            text,
            "| `{name}` | {gates:.0} | {flip_flops} | {path:.2} | {fo4:.1} | {:.0} |",
            1000.0 / path
        )?;
    }
    text.push_str(
        "\n| stage | logic alone, GE | flip-flops | longest path to them, ns | FO4 |\n|---|---|---|---|---|\n",
    );
    for whole in &results.wholes {
        for stage in &whole.stages {
            let (path, fo4) = (stage.timing.path, stage.timing.path / library.fo4);
            let (name, gates, flops) = (stage.name, stage.gates, stage.flip_flops);
            writeln!(text, "| `{}` {name} | {gates:.0} | {flops} | {path:.2} | {fo4:.1} |", whole.name)?;
        }
    }
    text.push_str("\n| part | area alone, GE |\n|---|---|\n");
    for (name, gates) in &results.parts {
        writeln!(text, "| `{name}` | {gates:.0} |")?;
    }
    Ok(text)
}
