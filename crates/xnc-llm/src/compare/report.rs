//! Both files side by side.

use std::path::Path;
use std::process::{Command, Stdio};

use serde::Serialize;

use super::Subject;
use crate::error::{Error, Result};

/// What `compare` prints.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Positions at which a token was chosen, and compared.
    pub positions: usize,
    /// Whether every token was the same.
    pub tokens_identical: bool,
    /// Whether every bit of every logit was the same.
    pub logits_identical: bool,
    /// The plain file.
    pub plain: Side,
    /// The compressed file.
    pub compressed: Side,
    /// Plain over compressed.
    pub table_rss_ratio: Option<f64>,
    /// Compressed over plain.
    pub tokens_per_s_ratio: f64,
    /// Length of each prompt in tokens.
    pub prompt_tokens: Vec<usize>,
    /// Threads that worked.
    pub threads: usize,
    /// Instruction set of the head.
    pub backend: String,
    /// Runs of each file that the medians are of.
    pub runs: usize,
}

/// Medians of one file's runs.
#[derive(Debug, Serialize)]
pub struct Side {
    /// New tokens a second, after each prompt's first.
    pub tokens_per_s: f64,
    /// From the first prompt's tokens to its first new one, nothing touched before.
    pub first_token_ms: f64,
    /// From opening the file to a model that can run.
    pub load_ms: f64,
    /// Resident memory at the end.
    pub rss_bytes: Option<u64>,
    /// Largest resident memory.
    pub peak_rss_bytes: Option<u64>,
    /// Size of the file.
    pub file_bytes: u64,
    /// Resident memory that belongs to the token table.
    pub table_rss_bytes: Option<u64>,
    /// Codec of the token table.
    pub codec: Option<String>,
}

/// Runs both files `runs` times in turn, each run in a process of its own.
///
/// # Errors
/// [`Error::Unsupported`] when a run fails, with what it said.
pub fn run(plain: &Path, compressed: &Path, tokens: usize, runs: usize) -> Result<Report> {
    let mut sides = [Vec::new(), Vec::new()];
    for round in 0..runs.max(1) {
        // Neither file always comes after the other.
        for side in if round % 2 == 0 { [0, 1] } else { [1, 0] } {
            let path = [plain, compressed][side];
            eprintln!("run {} of {}: {}", round + 1, runs.max(1), path.display());
            sides[side].push(apart(path, tokens)?);
        }
    }
    let [plain, compressed] = &sides;
    let first = &plain[0];
    let all = || plain.iter().chain(compressed);
    let [plain_side, compressed_side] = [plain, compressed].map(|runs| Side::of(runs));
    Ok(Report {
        positions: first.tokens.len(),
        tokens_identical: all().all(|run| run.tokens == first.tokens),
        logits_identical: all().all(|run| run.logits == first.logits),
        table_rss_ratio: ratio(plain_side.table_rss_bytes, compressed_side.table_rss_bytes),
        tokens_per_s_ratio: compressed_side.tokens_per_s / plain_side.tokens_per_s,
        plain: plain_side,
        compressed: compressed_side,
        prompt_tokens: first.prompt_tokens.clone(),
        threads: first.threads,
        backend: first.backend.clone(),
        runs: runs.max(1),
    })
}

/// The report for people.
pub fn table(report: &Report) -> String {
    let (plain, compressed) = (&report.plain, &report.compressed);
    let megabytes =
        |bytes: Option<u64>| bytes.map_or("?".into(), |bytes| format!("{:.1} MB", bytes as f64 / 1e6));
    let ms = |ms: f64| format!("{ms:.0} ms");
    let codec = compressed.codec.as_deref().unwrap_or("plain");
    let mut out = format!("| | plain | {codec} |\n|---|---|---|\n");
    let mut line = |name: &str, plain: String, compressed: String| {
        out += &format!("| {name} | {plain} | {compressed} |\n");
    };
    let same = |same: bool| if same { "the same".into() } else { "DIFFERENT".into() };
    line(&format!("tokens at {} positions", report.positions), String::new(), same(report.tokens_identical));
    line("logits, every bit", String::new(), same(report.logits_identical));
    let speed = |side: &Side| format!("{:.1}", side.tokens_per_s);
    line("tokens a second", speed(plain), speed(compressed));
    line("first token", ms(plain.first_token_ms), ms(compressed.first_token_ms));
    line("load", ms(plain.load_ms), ms(compressed.load_ms));
    line("table, resident", megabytes(plain.table_rss_bytes), megabytes(compressed.table_rss_bytes));
    line("process, resident", megabytes(plain.rss_bytes), megabytes(compressed.rss_bytes));
    line("process, at most", megabytes(plain.peak_rss_bytes), megabytes(compressed.peak_rss_bytes));
    line("file", megabytes(Some(plain.file_bytes)), megabytes(Some(compressed.file_bytes)));
    out
}

impl Side {
    fn of(runs: &[Subject]) -> Side {
        let real = |of: fn(&Subject) -> f64| median(runs.iter().map(of).collect(), f64::total_cmp);
        let whole = |of: fn(&Subject) -> Option<u64>| {
            runs.iter().map(of).collect::<Option<Vec<_>>>().map(|all| median(all, u64::cmp))
        };
        Side {
            tokens_per_s: real(|run| run.tokens_per_s),
            first_token_ms: real(|run| run.first_token_ms),
            load_ms: real(|run| run.load_ms),
            rss_bytes: whole(|run| run.rss_bytes),
            peak_rss_bytes: whole(|run| run.peak_rss_bytes),
            file_bytes: runs[0].file_bytes,
            table_rss_bytes: whole(|run| run.table_rss_bytes),
            codec: runs[0].codec.clone(),
        }
    }
}

fn apart(path: &Path, tokens: usize) -> Result<Subject> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("measure").arg(path).args(["--tokens", &tokens.to_string()]).stderr(Stdio::inherit());
    let output = command.output()?;
    if !output.status.success() {
        return Err(Error::Unsupported(format!("the run of {} failed: {}", path.display(), output.status)));
    }
    serde_json::from_slice(&output.stdout)
        .map_err(|error| Error::Unsupported(format!("a run's report: {error}")))
}

fn median<T: Copy>(mut all: Vec<T>, order: impl FnMut(&T, &T) -> std::cmp::Ordering) -> T {
    all.sort_by(order);
    all[all.len() / 2]
}

fn ratio(a: Option<u64>, b: Option<u64>) -> Option<f64> {
    Some(a? as f64 / b.filter(|&b| b > 0)? as f64)
}
