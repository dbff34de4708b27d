//! llvm-mca: how long a machine takes for instructions again and again, by what LLVM knows about it.

use std::io::Write;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::assembly::Family;

/// Instructions that are simulated: at least 100 turns, at most 400. What the first turn takes to get through is in
/// the mean.
const INSTRUCTIONS: usize = 40_000;

/// What a processor takes.
#[derive(Debug, PartialEq)]
pub struct Estimate {
    /// Cycles a turn.
    pub cycles: f64,
    /// A unit of the processor whose model it is.
    pub unit: String,
}

/// Simulates the instructions; `None` for a processor that lacks one of them.
pub fn estimate(
    analyser: &mut Command,
    family: Family,
    processor: &str,
    body: &[String],
) -> Result<Option<Estimate>> {
    let machine = match family {
        Family::X86 => "x86_64-unknown-linux-gnu",
        Family::Arm => "aarch64-unknown-linux-gnu",
    };
    let turns = (INSTRUCTIONS / body.len().max(1)).clamp(100, 400);
    analyser.args(["-json", &format!("-iterations={turns}")]);
    analyser.arg(format!("-mtriple={machine}")).arg(format!("-mcpu={processor}"));
    analyser.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = analyser.spawn().context("cannot start llvm-mca")?;
    let mut input = child.stdin.take().context("llvm-mca has no input")?;
    input.write_all(body.join("\n").as_bytes())?;
    input.write_all(b"\n")?;
    drop(input);
    let output = child.wait_with_output()?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    match output.status.success() {
        true => parse(&String::from_utf8(output.stdout)?).map(Some),
        false if lacks(&complaint) => Ok(None),
        false => bail!("llvm-mca for {processor}: {complaint}"),
    }
}

/// Whether all that is wrong is that the processor has not got an instruction.
fn lacks(complaint: &str) -> bool {
    let mut errors = complaint.lines().filter(|line| line.contains("error: ")).peekable();
    let summary = "Assembly input parsing had errors";
    errors.peek().is_some()
        && errors.all(|line| line.contains("instruction requires") || line.contains(summary))
}

fn parse(json: &str) -> Result<Estimate> {
    let report: Value = serde_json::from_str(json).context("llvm-mca's report is not JSON")?;
    let summary = &report["CodeRegions"][0]["SummaryView"];
    let number = |name: &str| summary[name].as_f64().with_context(|| format!("llvm-mca reports no {name}"));
    let unit = report["TargetInfo"]["Resources"][0].as_str().context("llvm-mca reports no units")?;
    Ok(Estimate { cycles: number("TotalCycles")? / number("Iterations")?, unit: unit.to_owned() })
}

/// The processor whose model a unit belongs to: some have none of their own.
pub fn model(unit: &str) -> &str {
    const MODELS: &[(&str, &str)] = &[
        ("N1Unit", "Neoverse N1"),
        ("N2Unit", "Neoverse N2"),
        ("V1Unit", "Neoverse V1"),
        ("V2Unit", "Neoverse V2"),
        ("V3Unit", "Neoverse V3"),
        ("A57Unit", "Cortex-A57"),
        ("CyUnit", "Apple Cyclone"),
        ("ICX", "Ice Lake"),
        ("SPR", "Sapphire Rapids"),
        ("Zn4", "Zen 4"),
        ("Zn5", "Zen 5"),
    ];
    MODELS.iter().find(|(start, _)| unit.starts_with(start)).map_or(unit, |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_are_read() {
        let report = r#"{"CodeRegions": [{"SummaryView": {"TotalCycles": 1850, "Iterations": 400}}],
            "TargetInfo": {"CPUName": "znver5", "Resources": ["Zn4AGU0", "Zn4AGU1"]}}"#;
        assert_eq!(parse(report).expect("a report"), Estimate { cycles: 4.625, unit: "Zn4AGU0".into() });
        assert_eq!(model("Zn4AGU0"), "Zen 4");
        assert_eq!(model("ThingUnit"), "ThingUnit");
        let without =
            r#"{"CodeRegions": [{"SummaryView": {"Iterations": 400}}], "TargetInfo": {"Resources": ["A"]}}"#;
        assert!(parse(without).expect_err("no cycles").to_string().contains("TotalCycles"));
    }

    #[test]
    fn only_instructions_that_a_processor_lacks_are_forgiven() {
        let lacking = "<stdin>:2:1: error: instruction requires: bf16\nbfmlalb v0.4s\n^\n\
            error: Assembly input parsing had errors, use -skip-unsupported-instructions=parse-failure\n";
        assert!(lacks(lacking));
        assert!(!lacks(&format!("{lacking}<stdin>:3:1: error: unrecognized instruction mnemonic\n")));
        assert!(!lacks(""));
    }
}
