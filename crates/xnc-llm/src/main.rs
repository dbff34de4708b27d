//! The `xnc-llm` command: arguments in, library calls, text or JSON out.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, Subcommand};
use xnc_llm::compare::{self, Subject};

/// Shows that a small language model says the same from its compressed token table, bit for bit.
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
