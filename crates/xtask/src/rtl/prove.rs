//! Proofs by the SAT solver inside Yosys (MiniSat), on the modules of `rtl/formal`.

use std::fs;
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use super::tools::Tools;
use super::{LENGTHS, build_folder, sources};
use crate::{root, say};

/// Clock cycles that the handshake proof covers: the first is reset, a block takes seven, and nine fill both pipelines.
const STREAM_CYCLES: u32 = 16;

/// A module of `rtl/formal`, and how many properties it states: none may be lost on the way to the solver.
struct Proof {
    module: &'static str,
    properties: u32,
}

const ROUND_TRIP: Proof = Proof { module: "xnc_round_trip", properties: 3 };
const STREAM: Proof = Proof { module: "xnc_stream", properties: 4 };

/// Every block of every length comes back; both pipelines keep blocks in order for any pattern of pauses.
pub fn all(tools: &Tools) -> Result<()> {
    // A prover that proves everything would be no good: it has to find a planted fault first.
    let free = "sat -prove-asserts -set-assumes";
    sat(tools, &ROUND_TRIP, 4, 1, &format!("{free} -falsify"))?;
    say("prove: the prover finds a planted fault");
    for length in LENGTHS {
        let seconds = sat(tools, &ROUND_TRIP, length, 0, &format!("{free} -verify"))?;
        println!(
            "xnc_round_trip: decompressor(compressor(x)) = x for every block of {length} words, proved in {seconds} s"
        );
    }
    let bounded = format!("{free} -tempinduct -tempinduct-baseonly -maxsteps {STREAM_CYCLES}");
    sat(tools, &STREAM, 2, 1, &format!("{bounded} -falsify"))?;
    say("prove: the prover finds a planted fault");
    let seconds = sat(tools, &STREAM, 2, 0, &format!("{bounded} -verify"))?;
    println!(
        "xnc_stream: order, loss and standing offers under any pauses, the first {STREAM_CYCLES} cycles, \
         blocks of 2 words, \
         proved in {seconds} s"
    );
    Ok(())
}

/// Runs one proof; gives the seconds it took.
fn sat(tools: &Tools, proof: &Proof, length: u32, fault: u32, command: &str) -> Result<u64> {
    let Proof { module, properties } = proof;
    let script = build_folder("prove")?.join(format!("{module}.ys"));
    let text = format!(
        "read_verilog -sv -formal {sources} rtl/formal/{module}.sv
hierarchy -check -top {module} -chparam Words {length} -chparam Fault {fault}
prep -flatten -top {module}
async2sync
chformal -lower
opt -full
select -assert-count {properties} t:$assert
{command}
",
        sources = sources()?.join(" ")
    );
    fs::write(root().join(&script), text)?;
    let start = Instant::now();
    let output = tools.yosys(&script)?;
    let (proved, refuted) = (output.contains("SUCCESS!"), output.contains("FAIL!"));
    ensure!(
        proved != refuted && refuted == (fault == 1),
        "{module}, Words = {length}: unexpected answer\n{output}"
    );
    output.contains("Imported").then_some(()).context("the solver was given nothing to prove")?;
    Ok(start.elapsed().as_secs())
}
