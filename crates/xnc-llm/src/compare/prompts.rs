//! Prompts of several lengths: beginnings of one text.

use crate::error::Result;
use crate::tokenizer::Tokenizer;

/// Lengths in tokens. With 128 tokens after each there are 512 positions, the last past Gemma's window of 512.
const LENGTHS: [usize; 4] = [8, 32, 128, 448];

/// Tokens of the prompts.
///
/// # Errors
/// Those of the tokenizer.
pub fn of_several_lengths(tokenizer: &Tokenizer<'_>) -> Result<Vec<Vec<u32>>> {
    let mut tokens = tokenizer.encode(TEXT)?;
    let whole = tokens.clone();
    while tokens.len() < LENGTHS[LENGTHS.len() - 1] {
        tokens.extend(&whole);
    }
    Ok(LENGTHS.iter().map(|&length| tokens[..length].to_vec()).collect())
}

const TEXT: &str = include_str!("prompt.txt");
