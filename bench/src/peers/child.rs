//! A process that encodes or decodes with a peer in Rust and reports what it took.

use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use serde_json::{Value, json};

use super::memory::Memory;
use super::{Decoding, Encoding, Task, peer};
use crate::tables::Random;

/// Time to spend on repetitions of one thing.
const TIME: Duration = Duration::from_millis(1500);
/// Repetitions at most.
const TIMES: usize = 15;
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
    let begin = Instant::now();
    while first < TIME.as_secs_f64() && begin.elapsed() < TIME && seconds.len() < TIMES {
        seconds.push(timed(|| peer.encode(task, &words))?.1);
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
    let mut out = vec![0; rows * dim];
    let first = timed(|| reader.decode(&mut out))?.1;
    let extra_bytes = memory.extra();
    ensure!(out[..] == task.table.words()?[..], "the table does not come back");
    let mut seconds = vec![first];
    let begin = Instant::now();
    while begin.elapsed() < TIME && seconds.len() < TIMES {
        seconds.push(timed(|| reader.decode(&mut out))?.1);
    }
    let mut random = Random::new(11);
    let mut row = vec![0; dim];
    let mut one = |times: usize| -> Result<f64> {
        let ids: Vec<usize> = (0..times).map(|_| random.below(rows)).collect();
        let seconds = timed(|| ids.iter().try_for_each(|&id| reader.row(id, &mut row)))?.1;
        let last = ids[times - 1] * dim;
        ensure!(row[..] == out[last..last + dim], "a row does not come back");
        Ok(seconds / times as f64)
    };
    let times = if one(1)? < 1e-4 { BATCH } else { 1 };
    let mut row_seconds = Vec::new();
    let begin = Instant::now();
    while row_seconds.is_empty() || (begin.elapsed() < TIME / 2 && row_seconds.len() < 400) {
        row_seconds.push(one(times)?);
    }
    Ok(Decoding { seconds, extra_bytes, row_seconds })
}

/// What `work` gives, and how long it took.
fn timed<T>(work: impl FnOnce() -> Result<T>) -> Result<(T, f64)> {
    let start = Instant::now();
    let result = work()?;
    Ok((result, start.elapsed().as_secs_f64()))
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
