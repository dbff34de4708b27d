//! A process that encodes or decodes with a peer in Rust and reports what it took.

use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use serde_json::{Value, json};

use super::memory::Memory;
use super::{Decoding, Encoding, Task, peer};
use crate::clock::{LONG, repeated, timed};
use crate::tables::{Random, Words};

/// Time to spend on repetitions of one thing.
const TIME: Duration = Duration::from_millis(1200);
/// Samples of rows at least, and at most.
const ROWS: std::ops::Range<usize> = 5..400;
/// Rows timed together when one takes less than the clock can tell.
const BATCH: usize = 256;

/// Does `phase` of `name`; gives what harness.py prints for its peers.
pub fn run(name: &str, phase: &str, task: &Task<'_>) -> Result<Value> {
    match phase {
        "encode" => Ok(json!(encode(name, task)?)),
        "decode" => Ok(json!(decode(name, task)?)),
        _ => bail!("no phase `{phase}`"),
    }
}

fn encode(name: &str, task: &Task<'_>) -> Result<Encoding> {
    let peer = peer(name)?;
    let words = task.table.words()?;
    let all = on_one_processor()?;
    let memory = Memory::start();
    let (encoded, first) = timed(|| peer.encode(task, &words))?;
    let extra_bytes = memory.extra();
    let mut seconds = vec![first];
    if first < LONG.as_secs_f64() {
        // The first run asked the system for memory; others find it, since the process keeps what it frees.
        seconds = repeated(TIME, || peer.encode(task, &words))?;
    }
    back(all)?;
    let bytes = peer.store(task, &encoded)?;
    Ok(Encoding { version: peer.version(), means: peer.means(task.key)?.into(), bytes, seconds, extra_bytes })
}

fn decode(name: &str, task: &Task<'_>) -> Result<Decoding> {
    let peer = peer(name)?;
    let (rows, dim) = (task.table.rows, task.table.dim);
    let mut reader = peer.open(task)?;
    on_one_processor()?;
    let memory = Memory::start();
    // Every page of it is written, and the peer has run once, before the clock does.
    let mut out = Words::touched(rows * dim);
    reader.decode(&mut out)?;
    let extra_bytes = memory.extra();
    ensure!(out[..] == task.table.words()?[..], "the table does not come back");
    let seconds = repeated(TIME, || reader.decode(&mut out))?;
    let mut random = Random::new(11);
    let mut row = vec![1; dim];
    let mut one = |times: usize| -> Result<f64> {
        let ids: Vec<usize> = (0..times).map(|_| random.below(rows)).collect();
        let seconds = timed(|| ids.iter().try_for_each(|&id| reader.row(id, &mut row)))?.1;
        let last = ids[times - 1] * dim;
        ensure!(row[..] == out[last..last + dim], "a row does not come back");
        Ok(seconds / times as f64)
    };
    // What is allocated for the first row is there for those that count.
    one(1)?;
    let times = if one(1)? < 1e-4 { BATCH } else { 1 };
    let mut row_seconds = Vec::new();
    let begin = Instant::now();
    while row_seconds.len() < ROWS.start || (begin.elapsed() < TIME / 2 && row_seconds.len() < ROWS.end) {
        row_seconds.push(one(times)?);
    }
    Ok(Decoding { seconds, extra_bytes, row_seconds, own_memory: false })
}

/// Some libraries start threads whatever they are told; a single processor is the same for all. Gives what was
/// allowed before.
#[cfg(target_os = "linux")]
fn on_one_processor() -> Result<rustix::thread::CpuSet> {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
    let all = sched_getaffinity(None)?;
    let last = (0..CpuSet::MAX_CPU).rev().find(|&cpu| all.is_set(cpu)).unwrap_or(0);
    let mut one = CpuSet::new();
    one.set(last);
    sched_setaffinity(None, &one)?;
    Ok(all)
}

#[cfg(target_os = "linux")]
fn back(all: rustix::thread::CpuSet) -> Result<()> {
    Ok(rustix::thread::sched_setaffinity(None, &all)?)
}

#[cfg(not(target_os = "linux"))]
fn on_one_processor() -> Result<()> {
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn back(_: ()) -> Result<()> {
    Ok(())
}
