//! Text into words, inside which pairs merge. A vocabulary names its rule.

use fancy_regex::Regex;

use crate::error::{Error, Result};

/// Cuts words by patterns, each in what the ones before left over.
pub struct Words(Vec<Regex>);

/// GPT-2's words: contractions, then letters, digits or other signs with at most one space before, then space.
const GPT2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)";
/// Single digits.
const DIGITS: &str = r"\p{N}";

impl Words {
    /// The rule that `tokenizer.ggml.pre` names.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for one that is not here.
    pub fn named(name: &str) -> Result<Words> {
        let patterns: &[&str] = match name {
            "gpt-2" => &[GPT2],
            "smollm" => &[DIGITS, GPT2],
            other => return Err(Error::Unsupported(format!("its words are cut by the rule `{other}`"))),
        };
        let compiled =
            patterns.iter().map(|pattern| Regex::new(pattern)).collect::<std::result::Result<_, _>>();
        compiled.map(Words).map_err(|error| Error::Unsupported(format!("its words: {error}")))
    }

    /// The words of a text; together they are the text.
    ///
    /// # Errors
    /// [`Error::Unsupported`] when matching gives up.
    pub fn split<'t>(&self, text: &'t str) -> Result<Vec<&'t str>> {
        let mut words = vec![text];
        for pattern in &self.0 {
            let mut cut = Vec::new();
            for word in words {
                let mut from = 0;
                for found in pattern.find_iter(word) {
                    let found = found.map_err(|error| Error::Unsupported(format!("a text: {error}")))?;
                    cut.extend([&word[from..found.start()], found.as_str()]);
                    from = found.end();
                }
                cut.push(&word[from..]);
            }
            cut.retain(|word| !word.is_empty());
            words = cut;
        }
        Ok(words)
    }
}

#[cfg(test)]
mod tests {
    use super::Words;

    #[test]
    fn words_of_smollm() {
        let words = Words::named("smollm").expect("a rule");
        let split = |text| words.split(text).expect("splits");
        assert_eq!(split("I'll pay  12 euros."), ["I", "'ll", " pay", "  ", "1", "2", " euros", "."]);
        assert_eq!(split("a\n\n  b "), ["a", "\n\n ", " b", " "]);
        assert_eq!(split("caf\u{e9} \u{4e16}\u{754c}!?"), ["caf\u{e9}", " \u{4e16}\u{754c}", "!?"]);
        assert!(split("").is_empty());
        assert!(Words::named("other").is_err());
    }
}
