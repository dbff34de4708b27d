//! Area and timing from Yosys, a standard cell library and the timing analyser.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::netlist::{self, FlipFlop};
use super::timing::{self, Timing};
use super::tools::Tools;
use super::{MODULES, build_folder, sources};
use crate::{root, say};

/// Cells that the flow has to name.
pub struct Cells {
    library: &'static str,
    /// What the library is, for a reader.
    pub about: &'static str,
    pub nand2: &'static str,
    pub inverter: &'static str,
    pub inverter_output: &'static str,
    /// Drives the inputs during mapping.
    driver: &'static str,
    pub flop: &'static str,
    pub reset_flop: &'static str,
    /// Cells that mapping must not use, as the library's makers advise.
    dont_use: &'static [&'static str],
}

const KNOWN: [Cells; 2] = [
    Cells {
        library: "osu018_stdcells",
        about: "OSU 0.18 um, typical, 25 C, 1.8 V (Debian's qflow-tech-osu018)",
        nand2: "NAND2X1",
        inverter: "INVX1",
        inverter_output: "Y",
        driver: "INVX4",
        flop: "DFFPOSX1",
        reset_flop: "DFFSR",
        dont_use: &[],
    },
    Cells {
        library: "sky130_fd_sc_hd__tt_025C_1v80",
        about: "SkyWater 130 nm, sky130_fd_sc_hd, typical, 25 C, 1.8 V",
        nand2: "sky130_fd_sc_hd__nand2_1",
        inverter: "sky130_fd_sc_hd__inv_1",
        inverter_output: "Y",
        driver: "sky130_fd_sc_hd__inv_2",
        flop: "sky130_fd_sc_hd__dfxtp_1",
        reset_flop: "sky130_fd_sc_hd__dfrtp_1",
        dont_use: &["*lpflow*", "*clkbuf*", "*clkinv*", "*probe*", "*dlymetal*", "*dlygate*"],
    },
];

/// A standard cell library, ready for both tools.
pub struct Library {
    pub cells: &'static Cells,
    /// Relative to the root, not compressed.
    pub file: PathBuf,
    /// Area of the NAND2: one gate equivalent.
    pub gate: f64,
    /// Delay in nanoseconds of an inverter that drives four of its own kind.
    pub fo4: f64,
}

impl Library {
    pub fn prepare(tools: &Tools, liberty: Option<&Path>) -> Result<Self> {
        let source = liberty.map_or_else(|| tools.liberty(), Path::to_owned);
        let text = if source.extension().is_some_and(|extension| extension == "gz") {
            Command::new("gzip").arg("-dc").arg(&source).output().context("cannot start gzip")?.stdout
        } else {
            fs::read(&source).with_context(|| format!("cannot read {}", source.display()))?
        };
        let text = String::from_utf8_lossy(&text);
        let known = KNOWN.iter().find(|cells| text.contains(cells.library));
        let cells = known.with_context(|| {
            format!(
                "{}: unknown library; name its cells in crates/xtask/src/rtl/synthesis.rs",
                source.display()
            )
        })?;
        let file = build_folder("synthesis")?.join(format!("{}.lib", cells.library));
        fs::write(root().join(&file), text.as_bytes())?;
        let gate = cell_area(&text, cells.nand2).with_context(|| format!("no area of {}", cells.nand2))?;
        let mut library = Library { cells, file, gate, fo4: 0.0 };
        library.fo4 = timing::fo4(tools, &library)?;
        Ok(library)
    }
}

/// The first `area` after the head of a cell.
fn cell_area(liberty: &str, name: &str) -> Option<f64> {
    let heads = [format!("cell ({name})"), format!("cell (\"{name}\")")];
    let start = heads.iter().find_map(|head| liberty.find(head))?;
    let (_, after) = liberty[start..].split_once("area :")?;
    after.split(';').next()?.trim().parse().ok()
}

/// A stage: its name, the modules that are its logic, the registers that end it.
pub type Stage = (&'static str, &'static [&'static str], &'static [&'static str]);

const STAGES: [&[Stage]; 2] = [
    &[
        ("XOR, NOT", &["xnc_xor", "xnc_not"], &["folded_q"]),
        ("classify", &["xnc_classify"], &["classified_"]),
        ("count", &["xnc_count"], &["counted_"]),
        ("pack", &["xnc_pack"], &["i_spill.first_q"]),
        ("output", &[], &["i_spill.second_q"]),
    ],
    &[
        (
            "locate",
            &["xnc_locate"],
            &["flag_q", "selectors_q", "signs_q", "cores_q", "mids_q", "gathered_q", "ranks_q"],
        ),
        ("unpack, NOT", &["xnc_unpack", "xnc_not"], &["differences_q"]),
        ("prefix XOR", &["xnc_prefix_xor"], &["i_spill.first_q"]),
        ("output", &[], &["i_spill.second_q"]),
    ],
];

/// Modules whose own area is worth showing.
const PARTS: [&str; 3] = ["xnc_count", "xnc_steer", "xnc_butterfly"];

/// Results for one module.
pub struct Whole {
    pub name: &'static str,
    pub gates: f64,
    pub flip_flops: usize,
    pub timing: Timing,
    pub stages: Vec<StageResult>,
}

/// Results for one stage of it.
pub struct StageResult {
    pub name: &'static str,
    /// Of its logic, synthesised alone.
    pub gates: f64,
    pub flip_flops: usize,
    /// Longest path to its registers inside the whole.
    pub timing: Timing,
}

/// All results with one library.
pub struct Results<'a> {
    pub library: &'a Library,
    pub wholes: Vec<Whole>,
    pub parts: Vec<(&'static str, f64)>,
}

/// Synthesises and times both modules and their parts.
pub fn all<'a>(tools: &Tools, library: &'a Library) -> Result<Results<'a>> {
    let mut wholes = Vec::new();
    for (name, stages) in MODULES.into_iter().zip(STAGES) {
        wholes.push(whole(tools, library, name, stages)?);
    }
    let parts = PARTS.into_iter().map(|name| Ok((name, synthesise(tools, library, name)?.gates)));
    Ok(Results { library, parts: parts.collect::<Result<_>>()?, wholes })
}

fn whole(tools: &Tools, library: &Library, name: &'static str, stages: &[Stage]) -> Result<Whole> {
    let Synthesised { gates, netlist } = synthesise(tools, library, name)?;
    let text = fs::read_to_string(root().join(&netlist))?;
    let flops = netlist::flip_flops(&text, &[library.cells.flop, library.cells.reset_flop]);
    let of_stage = |stage: &Stage| -> Vec<&FlipFlop> {
        flops
            .iter()
            .filter(|flop| stage.2.iter().any(|register| flop.register.starts_with(register)))
            .collect()
    };
    let timings = timing::stages(tools, library, name, &netlist, stages.iter().map(of_stage).collect())?;
    let mut results = Vec::new();
    for (stage, timing) in stages.iter().zip(timings) {
        let mut gates = 0.0;
        for module in stage.1 {
            gates += synthesise(tools, library, module)?.gates;
        }
        results.push(StageResult { name: stage.0, gates, flip_flops: of_stage(stage).len(), timing });
    }
    let longest = results.iter().map(|stage| stage.timing).max_by(|a, b| a.path.total_cmp(&b.path));
    let timing = longest.context("a module has stages")?;
    Ok(Whole { name, gates, flip_flops: flops.len(), timing, stages: results })
}

struct Synthesised {
    gates: f64,
    /// Relative to the root.
    netlist: PathBuf,
}

/// Maps a module onto the library for speed.
///
/// The order of the optimisation steps matters: the default script of Yosys saves area first and turns prefix trees
/// into chains. `if -g` balances delay, `buffer` splits wide fan-out, the last two size the gates. Enables
/// become multiplexers (`dffunmap`), because the mapper does not see, and so does not buffer, what drives the
/// enable pins of flip-flops.
fn synthesise(tools: &Tools, library: &Library, module: &str) -> Result<Synthesised> {
    say(&format!("synthesising {module}"));
    let folder = build_folder("synthesis")?;
    let (constraints, netlist) = (folder.join("constraints"), folder.join(format!("{module}.v")));
    let cells = library.cells;
    fs::write(
        root().join(&constraints),
        format!("set_driving_cell {}\nset_load {} [all_outputs]\n", cells.driver, timing::OUTPUT_LOAD),
    )?;
    // Ask for ten FO4: more than can be had, so that the mapper goes for speed.
    let target = (10_000.0 * library.fo4).round();
    let mapping = format!(
        "strash;ifraig;scorr;if,-g;if,-g;strash;dch,-f;if,-g;strash;dch,-f;map,-D,{target};topo;buffer,-c,-N,6;\
         upsize,-D,{target};dnsize,-D,{target};stime,-p"
    );
    let dont_use = cells.dont_use.iter().map(|cell| format!("-dont_use {cell} ")).collect::<String>();
    let script = format!(
        "read_verilog -sv {sources}
hierarchy -check -top {module}
proc
flatten
setattr -set stage_register 1 w:*_q
synth -noabc -top {module}
select -assert-none t:$_DLATCH_* t:$_SR_*
dffunmap -ce-only
simplemap
dfflibmap -liberty {lib}
opt
abc -liberty {lib} {dont_use}-constr {constraints} -script \"+{mapping}\"
setundef -zero
opt_clean -purge
stat -liberty {lib}
write_verilog -simple-lhs -noattr -noexpr -nohex {netlist}
",
        sources = sources()?.join(" "),
        lib = library.file.display(),
        constraints = constraints.display(),
        netlist = netlist.display(),
    );
    let path = folder.join(format!("{module}.ys"));
    fs::write(root().join(&path), script)?;
    let output = tools.yosys(&path)?;
    let area = output.rsplit_once(&format!("Chip area for module '\\{module}': ")).map(|(_, after)| after);
    let area: f64 = area
        .and_then(|text| text.split_whitespace().next()?.parse().ok())
        .with_context(|| format!("no area of {module}"))?;
    ensure!(area > 0.0, "{module} has no area");
    Ok(Synthesised { gates: area / library.gate, netlist })
}
