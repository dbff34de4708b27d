//! The `xnc-llm` command: arguments in, library calls, text or JSON out.

use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::Result;
use clap::{Parser, Subcommand};
use xnc_llm::compare::{self, Subject};
use xnc_llm::{Model, ModelFile, Session, Tokenizer};

/// Run a small language model from its compressed token table.
///
/// The environment variable CANDLE_NUM_THREADS sets how many threads work; as many as there are cores without it.
#[derive(Parser)]
#[command(version)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Continue a text, always with the most likely token
    #[command(
        after_help = "Example: xnc-llm generate SmolLM2-135M.xnc.gguf --prompt \"The capital of France is\" --tokens 64"
    )]
    Generate {
        /// A GGUF file, plain or from `xnc compress`
        model: PathBuf,
        /// The text to continue
        #[arg(long)]
        prompt: String,
        /// Tokens to add at most; fewer when the model ends the text
        #[arg(long, default_value_t = 64)]
        tokens: usize,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Run a model from its plain and from its compressed table and compare every logit, speed and memory
    #[command(after_help = "Example: xnc-llm compare SmolLM2-135M.bf16.gguf SmolLM2-135M.bf16.xnc.gguf")]
    Compare {
        /// The GGUF file with a 16-bit token table
        plain: PathBuf,
        /// The same file after `xnc compress`
        compressed: PathBuf,
        /// Tokens decoded after each prompt
        #[arg(long, default_value_t = 128)]
        tokens: usize,
        /// Runs of each file, in turn; medians are reported
        #[arg(long, default_value_t = 3)]
        runs: usize,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Run one file and print what `compare` needs of it; each in a process of its own, so that memory is its own
    #[command(hide = true)]
    Measure {
        model: PathBuf,
        #[arg(long)]
        tokens: usize,
    },
}

fn main() -> Result<()> {
    match Args::parse().command {
        Command::Generate { model, prompt, tokens, json } => generate(&model, &prompt, tokens, json),
        Command::Compare { plain, compressed, tokens, runs, json } => {
            let report = compare::run(&plain, &compressed, tokens, runs)?;
            match json {
                true => println!("{}", serde_json::to_string_pretty(&report)?),
                false => print!("{}", compare::table(&report)),
            }
            Ok(())
        }
        Command::Measure { model, tokens } => {
            println!("{}", serde_json::to_string(&Subject::measure(&model, tokens)?)?);
            Ok(())
        }
    }
}

fn generate(path: &std::path::Path, prompt: &str, tokens: usize, json: bool) -> Result<()> {
    let start = Instant::now();
    let file = ModelFile::open(path)?;
    let tokenizer = Tokenizer::new(&file)?;
    let model = Model::load(&file)?;
    let load_ms = ms(start);
    let ids = tokenizer.encode(prompt)?;
    let mut session = Session::new(&model, ids.len() + tokens);
    let mut shown = 0;
    let mut out = std::io::stdout();
    let mut show = |all: &[u32]| -> Result<()> {
        if !json {
            let text = tokenizer.decode(all);
            // A character may be spelled by several tokens: what is unfinished waits.
            let whole = text.trim_end_matches(char::REPLACEMENT_CHARACTER);
            if let Some(new) = whole.get(shown..) {
                out.write_all(new.as_bytes())?;
                out.flush()?;
                shown = whole.len();
            }
        }
        Ok(())
    };
    let start = Instant::now();
    let mut added = Vec::with_capacity(tokens);
    let mut next = session.prefill(&ids)?;
    let first_token_ms = ms(start);
    let start = Instant::now();
    while added.len() < tokens && !tokenizer.is_end(next) {
        added.push(next);
        show(&added)?;
        if added.len() < tokens {
            next = session.step(next)?;
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    if !json {
        println!();
        return Ok(());
    }
    let steps = added.len().saturating_sub(1);
    let report = serde_json::json!({
        "prompt": prompt,
        "prompt_tokens": ids,
        "tokens": added,
        "text": tokenizer.decode(&added),
        "load_ms": load_ms,
        "first_token_ms": first_token_ms,
        "tokens_per_s": (steps > 0).then(|| steps as f64 / seconds),
    });
    println!("{}", serde_json::to_string_pretty(&report)?);
    Ok(())
}

fn ms(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e3
}
