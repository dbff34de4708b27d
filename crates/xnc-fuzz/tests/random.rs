//! The fuzz targets as a plain random test, for machines without libFuzzer: the same number of rounds on every
//! machine, or with `XNC_FUZZ_SECONDS`, which `cargo xtask fuzz` sets, as many as the time allows.

use std::time::{Duration, Instant};

/// Bytes of one round; the round is the whole seed, so a failure tells all that is needed to see it again.
fn bytes(round: u64) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(round);
    let length = random.usize(..if round.is_multiple_of(16) { 2000 } else { 120 });
    (0..length).map(|_| random.u8(..)).collect()
}

/// Tells the round when a target panics in it.
struct Told<'a>(&'a str, u64);

impl Drop for Told<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("target {} fails in round {}", self.0, self.1);
        }
    }
}

fn run(name: &str, rounds: u64) {
    let (_, body) = xnc_fuzz::TARGETS.iter().find(|target| target.0 == name).expect("a target of that name");
    let seconds = std::env::var("XNC_FUZZ_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
    let end = seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let done = (0u64..).find(|&round| {
        let _told = Told(name, round);
        body(&bytes(round));
        end.map_or(round + 1 >= rounds, |end| Instant::now() >= end)
    });
    println!("target {name}: {} rounds", done.map_or(0, |round| round + 1));
}

#[test]
fn safetensors() {
    run("safetensors", 20_000);
}

#[test]
fn gguf() {
    run("gguf", 20_000);
}

#[test]
fn container() {
    run("container", 4000);
}

#[test]
fn block() {
    run("block", 1500);
}

#[test]
fn dense() {
    run("dense", 1500);
}

#[test]
fn fast() {
    run("fast", 1500);
}

#[test]
fn round_trip() {
    run("round_trip", 200);
}

#[test]
fn backends() {
    run("backends", 300);
}

#[test]
fn decoders() {
    run("decoders", 600);
}
