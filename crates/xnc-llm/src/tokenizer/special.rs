//! Tokens that are found in a text before it is cut by rule: those that steer the model, and those that a
//! model's makers added.

/// Kinds of tokens in GGUF.
const UNKNOWN: i64 = 2;
const CONTROL: i64 = 3;
const USER_DEFINED: i64 = 4;

/// The tokens that are found first.
pub struct Special<'f> {
    /// Longest first; of equally long ones the first.
    tokens: Vec<(u32, &'f str)>,
}

/// A part of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'t> {
    /// Still text.
    Text(&'t str),
    /// A token.
    Token(u32),
}

impl<'f> Special<'f> {
    /// Picks them out of a vocabulary.
    pub fn new(texts: &[&'f str], kinds: &[i64]) -> Special<'f> {
        let first = |kind: i64| [UNKNOWN, CONTROL, USER_DEFINED].contains(&kind);
        let tokens =
            (0..).zip(texts).zip(kinds).filter(|((_, text), kind)| first(**kind) && !text.is_empty());
        let mut tokens: Vec<(u32, &'f str)> = tokens.map(|((id, text), _)| (id, *text)).collect();
        tokens.sort_by_key(|(_, text)| std::cmp::Reverse(text.len()));
        Special { tokens }
    }

    /// Cuts them out of a text: the longest wherever it occurs, then the next in what is left.
    pub fn split<'t>(&self, text: &'t str) -> Vec<Piece<'t>> {
        let mut pieces = vec![Piece::Text(text)];
        for &(id, token) in &self.tokens {
            if !text.contains(token) {
                continue;
            }
            pieces = pieces
                .into_iter()
                .flat_map(|piece| match piece {
                    Piece::Text(text) => around(text, token, id),
                    token => vec![token],
                })
                .collect();
        }
        pieces.retain(|piece| *piece != Piece::Text(""));
        pieces
    }
}

fn around<'t>(text: &'t str, token: &str, id: u32) -> Vec<Piece<'t>> {
    let texts = text.split(token).map(Piece::Text);
    texts.flat_map(|text| [Piece::Token(id), text]).skip(1).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn longest_first() {
        let texts = ["a", "<s>", "\n", "\n\n", "<unk>"];
        let special = Special::new(&texts, &[1, CONTROL, USER_DEFINED, USER_DEFINED, UNKNOWN]);
        let pieces = special.split("<s>ab\n\n\nc<s><s>");
        let expected = [
            Piece::Token(1),
            Piece::Text("ab"),
            Piece::Token(3),
            Piece::Token(2),
            Piece::Text("c"),
            Piece::Token(1),
            Piece::Token(1),
        ];
        assert_eq!(pieces, expected);
        assert!(special.split("").is_empty());
    }
}
