//! `cargo xtask rtl`: the codec in hardware, linted, simulated, proved and synthesised with open tools.
//! `rtl/README.md`.

mod four_state;
mod netlist;
mod prove;
mod report;
mod simulate;
mod synthesis;
mod timing;
mod tools;
mod vectors;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::{root, runs, say};
use simulate::Amount;
use tools::Tools;

/// The two modules that the project is about, in the order of the data.
const MODULES: [&str; 2] = ["xnc_compressor", "xnc_decompressor"];

/// Block lengths to lint and prove; 32 is the format's.
const LENGTHS: [u32; 5] = [2, 4, 8, 16, 32];

/// Everything: lint, a million blocks and a whole table, four-state simulation, proofs, synthesis. Writes the
/// tables of `rtl/README.md`.
///
/// With `liberty`, a standard cell library (plain or gzipped) instead of the default one, only the synthesis:
/// nothing else depends on it.
pub fn all(liberty: Option<&Path>) -> Result<()> {
    let tools = Tools::everything()?;
    if liberty.is_none() {
        crate::data::tables()?;
        lint(&tools)?;
        simulate::all(&tools, Amount::Full)?;
        four_state::all(&tools)?;
        prove::all(&tools)?;
    }
    let library = synthesis::Library::prepare(&tools, liberty)?;
    report::write(&synthesis::all(&tools, &library)?)
}

/// What every test run can afford: lint, and a sample of the simulation. Left out, and said so, where
/// Verilator's models cannot be compiled.
pub fn check() -> Result<()> {
    if let Some(missing) = ["c++", "make", "perl"].into_iter().find(|program| !runs(program, &["--version"]))
    {
        say(&format!("no {missing}, which Verilator needs: the hardware is NOT tested"));
        return Ok(());
    }
    let tools = Tools::simulation()?;
    lint(&tools)?;
    simulate::all(&tools, Amount::Sample)
}

/// Verilator with every warning on, for every block length; a warning fails.
fn lint(tools: &Tools) -> Result<()> {
    for module in MODULES {
        for length in LENGTHS {
            tools.verilator(
                ["--lint-only", "-Wall", &format!("-GWords={length}"), "--top-module", module]
                    .map(str::to_owned)
                    .into_iter()
                    .chain(sources()?),
            )?;
        }
    }
    say(&format!("lint: no warnings from verilator -Wall, Words = {LENGTHS:?}"));
    Ok(())
}

/// The design, relative to the repository's root, package first.
fn sources() -> Result<Vec<String>> {
    let folder = root().join("rtl/src");
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&folder).context("cannot read rtl/src")? {
        let name = entry?.file_name().into_string().ok().context("rtl/src holds a name that is not text")?;
        if name.ends_with(".sv") {
            names.push(format!("rtl/src/{name}"));
        }
    }
    ensure!(!names.is_empty(), "rtl/src is empty");
    names.sort_by_key(|name| (!name.ends_with("_pkg.sv"), name.clone()));
    Ok(names)
}

/// Folder for what the tools make, ignored; relative to the root.
///
/// The Yosys of the Python package sees a `/tmp` of its own, so everything is named relative to the root,
/// wherever that is.
fn build_folder(name: &str) -> Result<PathBuf> {
    let folder = Path::new("target/rtl").join(name);
    std::fs::create_dir_all(root().join(&folder)).context("cannot make target/rtl")?;
    Ok(folder)
}
