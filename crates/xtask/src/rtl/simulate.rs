//! Runs the test bench and judges what comes out by the library.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use super::tools::Tools;
use super::vectors::{self, Block, Packed};
use super::{build_folder, sources};
use crate::{root, say};

/// How many blocks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Amount {
    /// Seconds: for every test run.
    Sample,
    /// A million made blocks and a whole table.
    Full,
}

/// Mismatches that are printed in full.
const SHOWN: usize = 3;

/// Both modules: once without pauses, where latency and throughput must be as promised; then with random
/// pauses, several seeds, and junk in what the module must not look at.
pub fn all(tools: &Tools, amount: Amount) -> Result<()> {
    let blocks = blocks(amount)?;
    let packed: Vec<Packed> = blocks.iter().map(Packed::encode).collect();
    let mut random = fastrand::Rng::with_seed(2);
    let mut odd = packed.clone();
    odd.iter_mut().for_each(|block| block.fill_unused(&mut random));
    odd.extend((0..blocks.len() / 16).map(|_| Packed::random(&mut random)));
    let odd_words: Vec<Block> = odd.iter().map(Packed::decode).collect();

    let compressor = Bench::build(tools, "xnc_compressor", "-DXNC_COMPRESSOR")?;
    let decompressor = Bench::build(tools, "xnc_decompressor", "")?;
    let run = |bench: &Bench, seed, stall, compress: bool| -> Result<Run> {
        if compress {
            bench.run(seed, stall, &word_records(&blocks), &packed_records(&packed), Packed::RECORD)
        } else if stall == 0 {
            bench.run(seed, stall, &packed_records(&packed), &word_records(&blocks), 64)
        } else {
            bench.run(seed, stall, &packed_records(&odd), &word_records(&odd_words), 64)
        }
    };
    for (bench, compress) in [(&compressor, true), (&decompressor, false)] {
        let plain = run(bench, 1, 0, compress)?;
        ensure!(
            plain.latency.0 == plain.latency.1 && plain.cycles == plain.blocks,
            "the test bench let it pass"
        );
        let (name, latency) = (bench.module, plain.latency.0);
        let (blocks, mismatches) = (plain.blocks, plain.mismatches);
        println!(
            "{name}: latency {latency} cycles, 1 block per cycle, blocks {blocks}, mismatches {mismatches}"
        );
        ensure!(mismatches == 0, "{name} and the library disagree");
        for (seed, stall) in [(2, 20), (3, 50), (4, 80)] {
            let Run { blocks, cycles, mismatches, .. } = run(bench, seed, stall, compress)?;
            println!(
                "{name}: both sides pausing in {stall} % of the cycles, blocks {blocks} in {cycles} cycles, \
                 mismatches {mismatches}"
            );
            ensure!(mismatches == 0, "{name} and the library disagree");
        }
    }
    Ok(())
}

/// Boundaries, random blocks, the golden tables of every word, the sample table, the SmolLM2 table.
fn blocks(amount: Amount) -> Result<Vec<Block>> {
    let (made, step) = match amount {
        Amount::Sample => (60_000, 64),
        Amount::Full => (1_000_000, 1),
    };
    let mut blocks = vectors::boundaries();
    let mut random = fastrand::Rng::with_seed(3);
    while blocks.len() < made {
        blocks.push(vectors::random(&mut random));
    }
    say(&format!("{} boundary, random and adversarial blocks", blocks.len()));
    for (path, step) in [
        ("spec/vectors/1.0-xnc-every-word.safetensors", 1),
        ("samples/all-MiniLM-L6-v2.rows-1000-5095.bf16.safetensors", 1),
        ("data/SmolLM2-135M.f16.safetensors", step),
    ] {
        match vectors::tables(path, step)? {
            Some(table) => {
                say(&format!("{} blocks of {path}", table.len()));
                blocks.extend(table);
            }
            None => say(&format!("{path} is not there, `cargo xtask data` makes it: left out")),
        }
    }
    Ok(blocks)
}

fn word_records(blocks: &[Block]) -> Vec<u8> {
    blocks.iter().flatten().flat_map(|word| word.to_le_bytes()).collect()
}

fn packed_records(blocks: &[Packed]) -> Vec<u8> {
    blocks.iter().flat_map(Packed::record).collect()
}

/// A module with the test bench around it, compiled.
struct Bench {
    module: &'static str,
    folder: PathBuf,
}

/// What a run showed.
struct Run {
    /// Least and most.
    latency: (u64, u64),
    blocks: u64,
    /// From the first block out to the last.
    cycles: u64,
    mismatches: usize,
}

impl Bench {
    fn build(tools: &Tools, module: &'static str, define: &str) -> Result<Self> {
        let folder = build_folder(module)?;
        say(&format!("compiling the test bench of {module}"));
        // Registers and X start as random bits that differ from run to run.
        let options =
            ["--cc", "--exe", "--build", "-Wall", "-O3", "--x-initial", "unique", "--x-assign", "unique"];
        let flags = format!("-O2 {define}");
        let folder_name = folder.display().to_string();
        let rest = ["-CFLAGS", &flags, "--top-module", module, "--Mdir", &folder_name, "-o", "xnc_tb"];
        let files = sources()?.into_iter().chain([root().join("rtl/tb/xnc_tb.cpp").display().to_string()]);
        tools.verilator(options.into_iter().chain(rest).map(str::to_owned).chain(files))?;
        Ok(Bench { module, folder: root().join(folder) })
    }

    fn run(&self, seed: u64, stall: u64, input: &[u8], expected: &[u8], record: usize) -> Result<Run> {
        let (given, taken) = (self.folder.join("input.bin"), self.folder.join("output.bin"));
        fs::write(&given, input)?;
        let output = Command::new(self.folder.join("xnc_tb"))
            .args([&given, &taken])
            .args([seed.to_string(), stall.to_string()])
            .output()
            .context("cannot start the test bench")?;
        let text = String::from_utf8_lossy(&output.stdout);
        ensure!(output.status.success(), "{}: {}", self.module, String::from_utf8_lossy(&output.stderr));
        let number = |name| {
            let mut fields = text.split_whitespace().skip_while(|field| *field != name).skip(1);
            fields.next().and_then(|field| field.parse().ok()).with_context(|| format!("no {name} in {text}"))
        };
        let found = fs::read(&taken)?;
        for file in [given, taken] {
            fs::remove_file(file)?;
        }
        Ok(Run {
            latency: (number("latency_least")?, number("latency_most")?),
            blocks: number("blocks")?,
            cycles: number("cycles")?,
            mismatches: self.judge(input, expected, &found, record)?,
        })
    }

    /// Compares record by record and prints the first blocks that differ.
    fn judge(&self, input: &[u8], expected: &[u8], found: &[u8], record: usize) -> Result<usize> {
        if found.len() != expected.len() {
            bail!("{}: {} bytes came out instead of {}", self.module, found.len(), expected.len());
        }
        let input_record = input.len() / (expected.len() / record);
        let pairs = expected.chunks(record).zip(found.chunks(record)).enumerate();
        let wrong: Vec<_> = pairs.filter(|(_, (expected, found))| expected != found).collect();
        for (number, (expected, found)) in wrong.iter().take(SHOWN) {
            let given = &input[number * input_record..][..input_record];
            println!("{}: block {number}", self.module);
            for (what, bytes) in [("given", given), ("expected", *expected), ("found", *found)] {
                println!("  {what:8} {}", show(bytes));
            }
        }
        Ok(wrong.len())
    }
}

/// A record for a person: words, or length and bytes.
fn show(record: &[u8]) -> String {
    if record.len() == Packed::RECORD {
        let Packed { bytes, bits } = Packed::from_record(record);
        format!("{bits} bits {}", bytes.map(|byte| format!("{byte:02x}")).concat())
    } else {
        vectors::from_record(record).map(|word| format!("{word:04x}")).join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boundary_blocks_reach_every_length_and_come_back() {
        let blocks = vectors::boundaries();
        let lengths: std::collections::BTreeSet<u16> =
            blocks.iter().map(|b| Packed::encode(b).bits).collect();
        let possible: std::collections::BTreeSet<u16> =
            (0..=32).map(|s| 321 + 3 * s).chain((1..=32).map(|s| 417 + 4 * s)).collect();
        assert_eq!(lengths, possible);
        for block in &blocks {
            assert_eq!(Packed::encode(block).decode(), *block);
        }
    }

    #[test]
    fn a_mismatch_is_counted() {
        let bench = Bench { module: "xnc_decompressor", folder: PathBuf::new() };
        let expected = [0; 128];
        let mut found = expected;
        found[64] = 1;
        assert_eq!(bench.judge(&[0; 144], &expected, &found, 64).expect("same size"), 1);
    }
}
