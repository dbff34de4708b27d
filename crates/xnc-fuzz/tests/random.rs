//! The fuzz targets as a plain random test, for machines without libFuzzer: the same number of rounds on every machine, or with
//! `XNC_FUZZ_SECONDS`, which `cargo xtask fuzz` sets, as many as the time allows.

use std::time::{Duration, Instant};

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

/// Bytes of one round; the round is the whole seed, so a failure tells all that is needed to see it again.
fn bytes(round: u64) -> Vec<u8> {
    let mut random = Random(round);
    let length = random.next() % if round.is_multiple_of(16) { 2000 } else { 120 };
    (0..length).map(|_| random.next() as u8).collect()
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
fn round_trip() {
    run("round_trip", 200);
}

#[test]
fn backends() {
    run("backends", 300);
}
