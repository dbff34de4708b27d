//! `xnc bench --tune`: how far ahead products ask for memory, and for which cache, measured for this processor.
//! Each way is a process of its own, since a process settles on one way when it opens its first table.

use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use xnc::Table;

use super::measure::{elsewhere, median};
use crate::PROGRAM;
use crate::say;

/// Names the way, as `t0:8192`: for the first-level cache or the second, and how many bytes ahead.
const VARIABLE: &str = "XNC_PREFETCH";

const WAYS: [&str; 8] =
    ["t0:2048", "t0:4096", "t0:8192", "t0:16384", "t1:2048", "t1:4096", "t1:8192", "t1:16384"];

/// Every way is tried so often, in a new random order each time.
const ROUNDS: usize = 3;

/// Products that one process measures.
const PRODUCTS: usize = 15;

/// The process that measures one way: milliseconds of a product on one thread and on all.
pub fn probe(coded: &Table, threads: usize) -> Result<()> {
    let x: Vec<f32> = (0..coded.dim()).map(|i| (i % 7) as f32 - 3.0).collect();
    let mut out = vec![0.0; coded.rows()];
    let elsewhere = elsewhere(2 * coded.rows() * coded.dim());
    let mut ms = [1, threads].map(|threads| (threads, Vec::new()));
    for round in 0..=PRODUCTS {
        for (threads, ms) in &mut ms {
            black_box(black_box(&elsewhere).iter().fold(0, |sum, word| sum ^ word));
            let start = Instant::now();
            coded.product(&x, *threads, &mut out)?;
            if round > 0 {
                ms.push(1e3 * start.elapsed().as_secs_f64());
            }
        }
    }
    say::print_json(&json!(ms.map(|(_, ms)| median(ms))))
}

/// Tries all ways on the table of a compressed file, and says which is the quickest.
pub fn run(coded: &Path, tensor: &str, threads: usize, as_json: bool) -> Result<()> {
    let mut random = fastrand::Rng::with_seed(3);
    let mut times = WAYS.map(|way| (way, [const { Vec::new() }; 2]));
    for _ in 0..ROUNDS {
        random.shuffle(&mut times);
        for (way, times) in &mut times {
            let found = measure(coded, tensor, threads, way)?;
            times.iter_mut().zip(found).for_each(|(times, ms)| times.push(ms));
        }
    }
    let mut ways: Vec<(&str, [f64; 2])> = times
        .into_iter()
        .map(|(way, times)| (way, times.map(|times| median(times).unwrap_or(f64::MAX))))
        .collect();
    // One thread and all count alike.
    ways.sort_by(|(_, a), (_, b)| (a[0] * a[1]).total_cmp(&(b[0] * b[1])));
    let best = ways[0].0;
    if as_json {
        let ways = ways.iter().map(|(way, ms)| json!({"prefetch": way, "ms_one_thread": ms[0], "ms": ms[1]}));
        let ways: Vec<Value> = ways.collect();
        return say::print_json(&json!({"threads": threads, "best": best, "ways": ways}));
    }
    let mut lines = vec![format!("prefetch   one thread, ms   {threads} threads, ms")];
    lines.extend(ways.iter().map(|(way, [one, all])| format!("{way:<10} {one:>14.3} {all:>15.3}")));
    lines.push(format!("the quickest here: {VARIABLE}={best}"));
    say::print(&lines.join("\n"))
}

fn measure(coded: &Path, tensor: &str, threads: usize, way: &str) -> Result<[f64; 2]> {
    let mut child = Command::new(PROGRAM.get().context("nothing says what runs this command")?);
    child.args(["bench", "--probe", "--tensor", tensor, "--threads", &threads.to_string()]);
    let output = child.arg(coded).env(VARIABLE, way).output()?;
    let told = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "measuring {way} failed: {}", told.trim());
    serde_json::from_slice(&output.stdout).context("what a measurement printed")
}
