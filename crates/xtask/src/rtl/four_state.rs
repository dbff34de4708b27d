//! Both modules in a four-state simulator (Icarus Verilog): an X in a register or on an idle input goes nowhere.

use std::fs;

use anyhow::{Context, Result, ensure};

use super::tools::Tools;
use super::{MODULES, build_folder, sources};
use crate::{root, say};

/// Blocks that have to come back before the answer counts: more than both pipelines hold.
const ENOUGH: u64 = 20;

/// The simulator reads Verilog, so Yosys writes the modules out in it first.
pub fn all(tools: &Tools) -> Result<()> {
    let folder = build_folder("four_state")?;
    let mut files = vec!["rtl/tb/xnc_x_tb.v".to_owned()];
    for module in MODULES {
        let (script, verilog) = (folder.join(format!("{module}.ys")), folder.join(format!("{module}.v")));
        let text = format!(
            "read_verilog -sv {sources}
hierarchy -check -top {module}
proc
flatten
opt_clean
write_verilog -noattr {verilog}
",
            sources = sources()?.join(" "),
            verilog = verilog.display()
        );
        fs::write(root().join(&script), text)?;
        tools.yosys(&script)?;
        files.push(verilog.display().to_string());
    }
    say("simulating both modules with four states a bit: half a minute");
    let text = tools.icarus(&folder.join("xnc_x_tb"), &files)?;
    let number = |name: &str| -> Result<u64> {
        let after = text.split(name).nth(1).with_context(|| format!("no {name} in {text}"))?;
        Ok(after.trim().split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default().parse()?)
    };
    let (returned, faults) = (number("returned")?, number("faults")?);
    ensure!(returned >= ENOUGH && faults == 0, "X gets through: {text}");
    println!("four states: registers and idle inputs X, {returned} blocks there and back, faults {faults}");
    Ok(())
}
