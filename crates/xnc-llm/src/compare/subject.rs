//! One run of one file: every prompt, its tokens, the digest of every logit.

use std::path::Path;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use xnc::Backend;

use super::{memory, prompts};
use crate::error::Result;
use crate::model::{Model, TOKEN_TABLE};
use crate::session::Session;
use crate::tokenizer::Tokenizer;
use crate::{ModelFile, threads};

/// What a run found.
#[derive(Debug, Serialize, Deserialize)]
pub struct Subject {
    /// Size of the file.
    pub file_bytes: u64,
    /// Codec of the token table, none if it is plain.
    pub codec: Option<String>,
    /// Threads that worked.
    pub threads: usize,
    /// Instruction set of the head.
    pub backend: String,
    /// From opening the file to a model that can run.
    pub load_ms: f64,
    /// From the first prompt's tokens to its first new one; nothing was touched before.
    pub first_token_ms: f64,
    /// New tokens a second, after each prompt's first.
    pub tokens_per_s: f64,
    /// Resident memory at the end, where the system tells it.
    pub rss_bytes: Option<u64>,
    /// Largest resident memory.
    pub peak_rss_bytes: Option<u64>,
    /// Resident memory that belongs to the token table: its pages of the mapped file, and what closing it
    /// gives back elsewhere.
    pub table_rss_bytes: Option<u64>,
    /// Length of each prompt in tokens.
    pub prompt_tokens: Vec<usize>,
    /// All new tokens.
    pub tokens: Vec<u32>,
    /// BLAKE3 of the bits of all logits that each was chosen from.
    pub logits: Vec<String>,
}

impl Subject {
    /// Runs a file. After each prompt, `tokens` are decoded, whether or not the model ends the text.
    ///
    /// # Errors
    /// Those of loading and of decoding.
    pub fn measure(path: &Path, tokens: usize) -> Result<Subject> {
        let start = Instant::now();
        let file = ModelFile::open(path)?;
        let tokenizer = Tokenizer::new(&file)?;
        let model = Model::load(&file)?;
        let load_ms = ms(start);

        let prompts = prompts::of_several_lengths(&tokenizer)?;
        let longest = prompts.iter().map(Vec::len).max().unwrap_or(0);
        let mut session = Session::new(&model, longest + tokens);
        let (mut chosen, mut logits) = (Vec::new(), Vec::new());
        let (mut first_token_ms, mut decoding, mut steps) = (None, 0.0, 0);
        for prompt in &prompts {
            session.restart();
            let start = Instant::now();
            let mut token = session.prefill(prompt)?;
            first_token_ms.get_or_insert(ms(start));
            for left in (0..tokens).rev() {
                chosen.push(token);
                logits.push(digest(session.logits()));
                if left > 0 {
                    let start = Instant::now();
                    token = session.step(token)?;
                    decoding += start.elapsed().as_secs_f64();
                    steps += 1;
                }
            }
        }
        let memory = memory::now();
        let mapped = memory::resident_of(path, &file.table_ranges(TOKEN_TABLE));
        drop(session);
        let held = memory::anonymous().unwrap_or(0);
        drop(model.tokens);
        let held = held.saturating_sub(memory::anonymous().unwrap_or(0));
        Ok(Subject {
            file_bytes: file.file_bytes()?,
            codec: file.codec(TOKEN_TABLE).map(|codec| codec.to_string()),
            threads: threads::count(),
            backend: Backend::detect()?.to_string(),
            load_ms,
            first_token_ms: first_token_ms.unwrap_or(0.0),
            tokens_per_s: f64::from(steps) / decoding,
            rss_bytes: memory.resident,
            peak_rss_bytes: memory.peak,
            table_rss_bytes: mapped.map(|mapped| mapped + held),
            prompt_tokens: prompts.iter().map(Vec::len).collect(),
            tokens: chosen,
            logits,
        })
    }
}

fn digest(logits: &[f32]) -> String {
    let mut hasher = blake3::Hasher::new();
    let mut bytes = [0; 4096];
    for part in logits.chunks(bytes.len() / 4) {
        for (bytes, logit) in bytes.as_chunks_mut().0.iter_mut().zip(part) {
            *bytes = logit.to_bits().to_le_bytes();
        }
        hasher.update(&bytes[..4 * part.len()]);
    }
    hasher.finalize().to_hex().to_string()
}

fn ms(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e3
}
