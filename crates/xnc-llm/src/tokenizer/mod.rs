//! Text to tokens, by the vocabulary in the model's file, as llama.cpp does it.

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
    ids: Numbers<'f>,
    special: Special<'f>,
    scheme: Scheme<'f>,
    /// Token put before every text.
    begin: Option<u32>,
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
        Ok(Tokenizer { special: Special::new(&texts, &kinds), ids, scheme, begin })
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
