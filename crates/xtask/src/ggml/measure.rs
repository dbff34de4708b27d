//! What llama.cpp's programs give with the backend and without: text, divergence, speed, memory, answers of a server.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::{server, variants};
use crate::{root, say};

const MODELS: [(&str, &str, &str); 2] =
    [("SmolLM2", "llama", "SmolLM2-135M.bf16.gguf"), ("Gemma", "gemma3", "Gemma-3-270M.bf16.gguf")];
/// Of each speed, plain and with the backend in turns.
const ROUNDS: usize = 5;
/// Runs of plain llama.cpp in one of which a text has to come.
const ATTEMPTS: usize = 3;
/// Tokens that are generated for a speed.
const TOKENS: &str = "64";

/// One way of running a program.
pub struct Way<'a> {
    programs: &'a Path,
    backend: Option<&'a Path>,
}

impl Way<'_> {
    /// A program, ready for arguments.
    pub fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.programs.join(name));
        command.env_remove("GGML_BACKEND_PATH").envs(self.backend.map(|path| ("GGML_BACKEND_PATH", path)));
        command.stdin(Stdio::null());
        command
    }
}

/// All of it, as lines of a table.
pub fn all(programs: &Path, backend: &Path, xnc: &Path, soak: Duration) -> Result<()> {
    let ways = [Way { programs, backend: None }, Way { programs, backend: Some(backend) }];
    let folder = tempfile::tempdir()?;
    println!("| what | plain | with the backend | |\n|---|---|---|---|");
    for (name, architecture, file) in MODELS {
        let model = root().join("data").join(file);
        texts(name, &ways, &model)?;
        variants::all((name, architecture), &ways, &model, folder.path())?;
        divergence(name, &ways, &model, folder.path())?;
        for threads in ["1", "2"] {
            speed(name, &ways, &model, threads)?;
        }
        memory(name, &ways, &model)?;
        let answers = server::compare(&ways, &model, soak).context(name)?;
        let [plain, ours] = answers.behind;
        println!(
            "| {name}, server, {} answers, 4 at once: the likeliest token is likelier by | {plain:.2} | {ours:.2} | |",
            answers.count
        );
        let compressed = folder.path().join("model.xnc.gguf");
        crate::run(Command::new(xnc).args(["compress", "--force", "-o"]).arg(&compressed).arg(&model))?;
        let mut command = Command::new(xnc);
        command.arg("run").arg(&compressed).arg("--").arg(programs.join("llama-completion"));
        let (text, peak) = completion(&mut command, PROMPTS[0])?;
        ensure!(
            text == completion(&mut with(&ways[0], &model), PROMPTS[0])?.0,
            "{name}: xnc run gives other text"
        );
        println!("| {name}, `xnc run` of the compressed file, peak MB | | {:.0} | the same text |", mb(peak));
    }
    Ok(())
}

const PROMPTS: [&str; 5] = [
    "The capital of France is",
    "Once upon a time, in a house at the edge of a forest, there lived",
    "def fibonacci(n):\n",
    "1, 2, 3, 5, 8, 13,",
    "Water boils when its vapour pressure reaches the pressure around it. On a mountain the air is thinner, so \
    water boils at a lower temperature, and an egg takes longer to cook. A cook who moves there has to",
];

pub fn with(way: &Way<'_>, model: &Path) -> Command {
    let mut command = way.program("llama-completion");
    command.arg("-m").arg(model);
    command
}

/// Greedy text, and the most memory that was resident, in kB.
pub fn completion(command: &mut Command, prompt: &str) -> Result<(String, u64)> {
    command.args(["-p", prompt, "-n", TOKENS, "--temp", "0", "-t", "2", "-no-cnv", "-c", "512"]);
    watched(command)
}

fn texts(name: &str, ways: &[Way<'_>; 2], model: &Path) -> Result<()> {
    for prompt in PROMPTS {
        let text = |way| completion(&mut with(way, model), prompt);
        // Plain llama.cpp was seen to give another text in one run of many, on a machine with much else to do.
        let mut plain = Vec::new();
        let ours = text(&ways[1])?.0;
        while plain.len() < ATTEMPTS && !plain.contains(&ours) {
            plain.push(text(&ways[0])?.0);
        }
        let same = plain.contains(&ours) && ours.len() > prompt.len();
        ensure!(same, "{name}: other text:\n{}\n{ours}", plain.join("\n"));
    }
    println!("| {name}, greedy text of {} prompts, {TOKENS} tokens | | the same | |", PROMPTS.len());
    Ok(())
}

/// Resident memory with the model in use, and at most: what the table saves has to be missing from both.
fn memory(name: &str, ways: &[Way<'_>; 2], model: &Path) -> Result<()> {
    let peak = |way| Ok::<_, anyhow::Error>(completion(&mut with(way, model), PROMPTS[0])?.1);
    println!("| {name}, peak MB | {:.0} | {:.0} | |", mb(peak(&ways[0])?), mb(peak(&ways[1])?));
    let (plain, ours) = (server::resident(&ways[0], model)?, server::resident(&ways[1], model)?);
    println!("| {name}, resident MB (server, after answers) | {:.0} | {:.0} | |", mb(plain), mb(ours));
    Ok(())
}

fn mb(kb: u64) -> f64 {
    kb as f64 * 1.024e-3
}

/// Runs a program to its end; gives what it printed, and its `VmHWM` as last seen.
fn watched(command: &mut Command) -> Result<(String, u64)> {
    let out = tempfile::NamedTempFile::new()?;
    let errors = tempfile::NamedTempFile::new()?;
    let mut child = command.stdout(out.reopen()?).stderr(errors.reopen()?).spawn()?;
    let mut peak = 0;
    let status = loop {
        peak = status_kb(child.id(), "VmHWM:").unwrap_or(peak).max(peak);
        if let Some(status) = child.try_wait()? {
            break status;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    ensure!(status.success(), "{command:?}: {status}\n{}", fs::read_to_string(errors.path())?);
    Ok((String::from_utf8_lossy(&fs::read(out.path())?).into_owned(), peak))
}

/// A line of what the system says of a process.
pub fn status_kb(process: u32, field: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

/// Tokens a second, of rounds in turns: medians.
fn speed(name: &str, ways: &[Way<'_>; 2], model: &Path, threads: &str) -> Result<()> {
    let mut found = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        for (way, found) in ways.iter().zip(&mut found) {
            let mut bench = way.program("llama-bench");
            bench
                .arg("-m")
                .arg(model)
                .args(["-p", "0", "-n", TOKENS, "-r", "1", "-t", threads, "-o", "json"]);
            let output = bench.output()?;
            ensure!(output.status.success(), "{bench:?}: {}", String::from_utf8_lossy(&output.stderr));
            let json: serde_json::Value = serde_json::from_slice(&output.stdout)?;
            found.push(json[0]["avg_ts"].as_f64().context("llama-bench tells no tokens a second")?);
        }
    }
    let [plain, ours] = found.map(median);
    let title = format!("{name}, tokens a second, {threads} thread(s)");
    println!("| {title} | {plain:.1} | {ours:.1} | {:.2} |", ours / plain);
    Ok(())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// KL divergence of the backend's logits to the stock program's over a text, and the time that all logits take.
fn divergence(name: &str, ways: &[Way<'_>; 2], model: &Path, folder: &Path) -> Result<()> {
    let text = folder.join("text.txt");
    fs::write(&text, text_of_documents()?)?;
    let base: PathBuf = folder.join("logits.bin");
    let arguments = ["-c", "512", "-b", "512", "-t", "2", "--chunks", "4"];
    let mut seconds = [Vec::new(), Vec::new()];
    for _ in 0..3 {
        for (way, seconds) in ways.iter().zip(&mut seconds) {
            let mut command = way.program("llama-perplexity");
            command.arg("-m").arg(model).arg("-f").arg(&text).args(arguments);
            seconds.push(between(&mut command, "calculating perplexity", "Final estimate")?);
        }
    }
    let [plain, ours] = seconds.map(median);
    println!("| {name}, all logits of 2,048 tokens, ms | {plain:.0} | {ours:.0} | {:.2} |", plain / ours);
    for (way, last) in ways.iter().zip([false, true]) {
        let mut command = way.program("llama-perplexity");
        command.arg("-m").arg(model).arg("-f").arg(&text).args(arguments);
        command.arg("--kl-divergence-base").arg(&base).args(last.then_some("--kl-divergence"));
        let output = command.output()?;
        ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
        let told = [output.stdout, output.stderr].concat();
        let told = String::from_utf8_lossy(&told).into_owned();
        let value = |line: &str| {
            let found = told.lines().find_map(|told| told.trim().strip_prefix(line));
            found.map(|found| found.trim_start_matches([':', ' ']).to_owned()).unwrap_or_default()
        };
        if last {
            let (mean, top) = (value("Mean    KLD"), value("Same top p"));
            println!("| {name}, KL divergence, same top token | | {mean}, {top} | |");
        }
    }
    fs::remove_file(base)?;
    Ok(())
}

/// Milliseconds from one line of what a program says to another.
fn between(command: &mut Command, from: &str, to: &str) -> Result<f64> {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    let mut told = BufReader::new(child.stderr.take().context("stderr is piped")?);
    let (mut began, mut took, mut line) = (None, None, Vec::new());
    while {
        line.clear();
        told.read_until(b'\n', &mut line)?
    } > 0
    {
        let said = String::from_utf8_lossy(&line);
        if said.contains(from) {
            began = Some(Instant::now());
        } else if said.contains(to) {
            took = began.map(|began: Instant| began.elapsed());
        }
    }
    ensure!(child.wait()?.success(), "{command:?} failed");
    Ok(took.with_context(|| format!("{command:?} does not say {from:?} and {to:?}"))?.as_secs_f64() * 1e3)
}

/// English text of this repository.
fn text_of_documents() -> Result<String> {
    let documents = ["README.md", "ARCHITECTURE.md", "docs/lossless.md", "docs/notes/fast.md"];
    let text: Result<Vec<_>, _> =
        documents.iter().map(|path| fs::read_to_string(root().join(path))).collect();
    say("the text is that of this repository's documents");
    Ok(text?.join("\n"))
}
