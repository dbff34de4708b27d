//! Text to tokens and back, by the vocabulary in the model's file, as llama.cpp does it.

mod bytes;
mod merge;
mod special;
mod words;

use crate::error::{Error, Result};
use crate::file::ModelFile;
use crate::keys::{Keys, Value, required};
use merge::{Merges, Numbers, Ranked, Scored};
use special::{Piece, Special};

/// A vocabulary, borrowed from its file, and the rules by which it cuts text.
pub struct Tokenizer<'f> {
    texts: Vec<&'f str>,
    ids: Numbers<'f>,
    special: Special<'f>,
    scheme: Scheme<'f>,
    /// Token put before every text.
    begin: Option<u32>,
    ends: Vec<u32>,
}

enum Scheme<'f> {
    /// Words of bytes, each byte spelled as a letter; pairs merged by rank.
    Bytes { ranks: Ranked<'f>, words: words::Words },
    /// Whole text with `▁` for a space; pairs merged by the score of what they become; bytes as tokens of their own.
    Pieces { scores: Vec<f32>, leading_space: bool },
}

/// Stands for a space in a vocabulary of pieces.
const SPACE: &str = "\u{2581}";

impl<'f> Tokenizer<'f> {
    /// Reads the vocabulary.
    ///
    /// # Errors
    /// A key that is missing or of another type; [`Error::Unsupported`] for another kind of vocabulary.
    pub fn new(file: &'f ModelFile) -> Result<Tokenizer<'f>> {
        let keys = file.keys()?;
        let texts = keys.array("tokenizer.ggml.tokens", |value| match value {
            Value::Text(text) => Some(text),
            _ => None,
        })?;
        let kinds = keys.array("tokenizer.ggml.token_type", |value| match value {
            Value::Signed(kind) => Some(kind),
            Value::Unsigned(kind) => i64::try_from(kind).ok(),
            _ => None,
        })?;
        let ids: Numbers<'_> = (0..).zip(&texts).map(|(id, &text)| (text, id)).collect();
        let model = required("tokenizer.ggml.model", keys.text("tokenizer.ggml.model")?)?;
        let scheme = match model {
            "gpt2" => Scheme::bytes(&keys)?,
            "llama" => Scheme::pieces(&keys)?,
            other => return Err(Error::Unsupported(format!("its vocabulary is of the kind `{other}`"))),
        };
        let token = |name: &str| keys.number(name).map(|id| id.and_then(|id| u32::try_from(id).ok()));
        let begin = match keys.flag("tokenizer.ggml.add_bos_token")?.unwrap_or(model == "llama") {
            true => token("tokenizer.ggml.bos_token_id")?,
            false => None,
        };
        let turn_ends = ["<|im_end|>", "<end_of_turn>", "<|eot_id|>"];
        let turn_ends = turn_ends.iter().filter_map(|text| ids.get(text).copied());
        let ends = token("tokenizer.ggml.eos_token_id")?.into_iter().chain(turn_ends).collect();
        Ok(Tokenizer { special: Special::new(&texts, &kinds), texts, ids, scheme, begin, ends })
    }

    /// Tokens of a text. Tokens with a meaning of their own, such as `<|im_start|>`, are found where the text
    /// spells them.
    ///
    /// # Errors
    /// [`Error::Unsupported`] when the vocabulary cannot spell the text.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>> {
        let mut out: Vec<u32> = self.begin.into_iter().collect();
        let mut after_special = true;
        for piece in self.special.split(text) {
            match piece {
                Piece::Token(id) => out.push(id),
                Piece::Text(text) => self.encode_plain(text, after_special, &mut out)?,
            }
            after_special = matches!(piece, Piece::Token(_));
        }
        Ok(out)
    }

    fn encode_plain(&self, text: &str, after_special: bool, out: &mut Vec<u32>) -> Result<()> {
        match &self.scheme {
            Scheme::Bytes { ranks, words } => {
                for word in words.split(text)? {
                    self.spell(&bytes::spell(word), ranks, out)?;
                }
                Ok(())
            }
            Scheme::Pieces { scores, leading_space } => {
                let space = if *leading_space && after_special { SPACE } else { "" };
                let text = format!("{space}{}", text.replace(' ', SPACE));
                self.spell(&text, &Scored { ids: &self.ids, scores }, out)
            }
        }
    }

    /// Merges what can be merged; what is no token then is spelled in bytes.
    fn spell(&self, text: &str, merges: &impl Merges, out: &mut Vec<u32>) -> Result<()> {
        for symbol in merge::merge(text, merges) {
            if let Some(&id) = self.ids.get(symbol) {
                out.push(id);
                continue;
            }
            for byte in symbol.bytes() {
                let id = self.ids.get(format!("<0x{byte:02X}>").as_str());
                out.push(
                    *id.ok_or_else(|| Error::Unsupported(format!("its vocabulary cannot spell `{symbol}`")))?,
                );
            }
        }
        Ok(())
    }

    /// The text of tokens. Bytes that are no UTF-8 become the replacement character; tokens that steer the
    /// model become nothing.
    pub fn decode(&self, tokens: &[u32]) -> String {
        let mut out = Vec::new();
        for &token in tokens {
            let Some(&text) = self.texts.get(token as usize) else { continue };
            match &self.scheme {
                _ if self.special.steers(token) => {}
                _ if self.special.contains(token) => out.extend(text.bytes()),
                Scheme::Bytes { .. } => bytes::read(text, &mut out),
                Scheme::Pieces { .. } => match byte_token(text) {
                    Some(byte) => out.push(byte),
                    None => out.extend(text.replace(SPACE, " ").bytes()),
                },
            }
        }
        String::from_utf8_lossy(&out).into_owned()
    }

    /// Whether a token ends the text.
    pub fn is_end(&self, token: u32) -> bool {
        self.ends.contains(&token)
    }
}

impl<'f> Scheme<'f> {
    fn bytes(keys: &Keys<'f>) -> Result<Scheme<'f>> {
        let pre = required("tokenizer.ggml.pre", keys.text("tokenizer.ggml.pre")?)?;
        let merges = keys.array("tokenizer.ggml.merges", |value| match value {
            Value::Text(text) => Some(text),
            _ => None,
        })?;
        Ok(Scheme::Bytes { ranks: Ranked::new(merges), words: words::Words::named(pre)? })
    }

    fn pieces(keys: &Keys<'f>) -> Result<Scheme<'f>> {
        let scores = keys.array("tokenizer.ggml.scores", |value| match value {
            Value::Float(score) => Some(score as f32),
            _ => None,
        })?;
        let leading_space = keys.flag("tokenizer.ggml.add_space_prefix")?.unwrap_or(true);
        Ok(Scheme::Pieces { scores, leading_space })
    }
}

/// The byte of a token such as `<0x0A>`.
fn byte_token(text: &str) -> Option<u8> {
    let digits = text.strip_prefix("<0x")?.strip_suffix('>')?;
    u8::from_str_radix(digits, 16).ok().filter(|_| digits.len() == 2)
}
