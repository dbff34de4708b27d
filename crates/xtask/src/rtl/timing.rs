//! Static timing of netlists.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::build_folder;
use super::netlist::FlipFlop;
use super::synthesis::Library;
use super::tools::Tools;
use crate::root;

/// Load on every output, in picofarad: a few gates.
pub const OUTPUT_LOAD: f64 = 0.03;

/// A longest path, in nanoseconds.
#[derive(Clone, Copy)]
pub struct Timing {
    /// From the clock edge at its start to its end, setup time included.
    pub path: f64,
}

/// Inverters in the chain that FO4 is measured on; the middle counts, where the slopes have settled.
const CHAIN: usize = 12;
const MEASURED: (usize, usize) = (4, 8);

/// Measures the delay of an inverter driving four, mean of rise and fall.
pub fn fo4(tools: &Tools, library: &Library) -> Result<f64> {
    let (cell, output) = (library.cells.inverter, library.cells.inverter_output);
    let mut netlist =
        format!("module fo4(input a, output y);\nwire [{CHAIN}:0] c;\nwire [{}:0] x;\n", 3 * CHAIN);
    netlist.push_str("assign c[0] = a;\n");
    writeln!(netlist, "assign y = c[{CHAIN}];")?;
    for i in 0..CHAIN {
        writeln!(netlist, "{cell} u{i} (.A(c[{i}]), .{output}(c[{}]));", i + 1)?;
        for j in 0..3 {
            writeln!(netlist, "{cell} l{i}_{j} (.A(c[{}]), .{output}(x[{}]));", i + 1, 3 * i + j)?;
        }
    }
    netlist.push_str("endmodule\n");
    let path = build_folder("synthesis")?.join("fo4.v");
    fs::write(root().join(&path), netlist)?;
    let script = format!(
        "{}create_clock -name clk -period 100\nset_input_delay -clock clk 0 [get_ports a]\n\
         set_output_delay -clock clk 0 [get_ports y]\nreport_checks -digits 4\n",
        head(library, "fo4", &path)
    );
    let report = analyse(tools, "fo4", &script)?;
    // A line of the path reads: delay, time, edge, pin, cell.
    let time = |inverter: usize| -> Result<f64> {
        let pin = format!("u{inverter}/{output}");
        let line = report.lines().find(|line| line.contains(&pin)).context("no such inverter in the path")?;
        line.split_whitespace().nth(1).and_then(|time| time.parse().ok()).context("no time in the path")
    };
    Ok((time(MEASURED.1)? - time(MEASURED.0)?) / (MEASURED.1 - MEASURED.0) as f64)
}

/// The longest path to each group of flip-flops; the last group ends at the outputs as well. Fails when a
/// path leads from an input to an output without a register.
pub fn stages(
    tools: &Tools,
    library: &Library,
    module: &str,
    netlist: &Path,
    groups: Vec<Vec<&FlipFlop>>,
) -> Result<Vec<Timing>> {
    let mut script = head(library, module, netlist);
    // Inputs come from flip-flops of the same kind.
    write!(
        script,
        "create_clock -name clk -period 100 [get_ports clk_i]
set inputs {{}}
foreach port [all_inputs] {{
  if {{[lsearch {{clk_i rst_ni}} [get_property $port full_name]] < 0}} {{ lappend inputs $port }}
}}
set_input_delay -clock clk 0 $inputs
set_driving_cell -lib_cell {flop} -pin Q -from_pin CLK $inputs
set_output_delay -clock clk 0 [all_outputs]
set_load -pin_load {OUTPUT_LOAD} [all_outputs]
puts \"STAGE through\"
report_checks -from $inputs -to [all_outputs]
",
        flop = library.cells.flop
    )?;
    for group in &groups {
        ensure!(!group.is_empty(), "{module}: a stage without registers");
        let pins: Vec<_> = group.iter().map(|flop| format!("{}/D", flop.instance)).collect();
        writeln!(script, "puts \"STAGE\"\nreport_checks -digits 4 -to [get_pins {{{}}}]", pins.join(" "))?;
    }
    script.push_str("puts \"STAGE\"\nreport_checks -digits 4 -to [all_outputs]\n");
    let report = analyse(tools, module, &script)?;
    let mut sections = report.split("STAGE").skip(1);
    let through = sections.next().context("no report")?;
    ensure!(through.contains("No paths found"), "{module}: a path from an input to an output\n{through}");
    let mut timings = sections.map(longest).collect::<Result<Vec<_>>>()?;
    let outputs = timings.pop().context("no report")?;
    let last = timings.last_mut().context("no stages")?;
    last.path = last.path.max(outputs.path);
    Ok(timings)
}

/// Arrival at the end of the path, and the setup time there if a register ends it.
fn longest(report: &str) -> Result<Timing> {
    let number = |label, column| -> Option<f64> {
        let line = report.lines().find(|line| line.contains(label))?;
        line.split_whitespace().nth(column)?.parse().ok()
    };
    let arrival = number("data arrival time", 0).with_context(|| format!("no path in\n{report}"))?;
    Ok(Timing { path: arrival - number("library setup time", 0).unwrap_or(0.0) })
}

fn head(library: &Library, module: &str, netlist: &Path) -> String {
    format!(
        "read_liberty {}\nread_verilog {}\nlink_design {module}\n",
        library.file.display(),
        netlist.display()
    )
}

fn analyse(tools: &Tools, name: &str, script: &str) -> Result<String> {
    let path = build_folder("synthesis")?.join(format!("{name}.tcl"));
    fs::write(root().join(&path), script)?;
    tools.sta(&path)
}
