//! Code, bold and links inside a text.

/// A piece of text.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    Plain(&'a str),
    Code(&'a str),
    Bold(&'a str),
    Link { text: &'a str, target: &'a str },
}

/// Cuts a text into its pieces. What is not closed is plain.
pub fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    let mut plain = 0;
    while plain < rest.len() {
        if let Some((piece, length)) = special(&rest[plain..]) {
            if plain > 0 {
                pieces.push(Piece::Plain(&rest[..plain]));
            }
            pieces.push(piece);
            rest = &rest[plain + length..];
            plain = 0;
        } else {
            plain += rest[plain..].chars().next().map_or(1, char::len_utf8);
        }
    }
    if !rest.is_empty() {
        pieces.push(Piece::Plain(rest));
    }
    pieces
}

/// The piece that `text` begins with when it is not plain, and the bytes it takes.
fn special(text: &str) -> Option<(Piece<'_>, usize)> {
    if let Some(rest) = text.strip_prefix('`') {
        let end = rest.find('`')?;
        return Some((Piece::Code(&rest[..end]), end + 2));
    }
    if let Some(rest) = text.strip_prefix("**") {
        let end = rest.find("**")?;
        return Some((Piece::Bold(&rest[..end]), end + 4));
    }
    let rest = text.strip_prefix('[')?;
    let middle = rest.find("](")?;
    let end = middle + rest[middle..].find(')')?;
    Some((Piece::Link { text: &rest[..middle], target: &rest[middle + 2..end] }, end + 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_a_text() {
        let text = "see `a*b`, **now**, [there](x.md).";
        let expected = [
            Piece::Plain("see "),
            Piece::Code("a*b"),
            Piece::Plain(", "),
            Piece::Bold("now"),
            Piece::Plain(", "),
            Piece::Link { text: "there", target: "x.md" },
            Piece::Plain("."),
        ];
        assert_eq!(pieces(text), expected);
    }

    #[test]
    fn what_is_not_closed_is_plain() {
        for text in ["a ` b", "**a", "[a](b", "[a]", "ü"] {
            assert_eq!(pieces(text), [Piece::Plain(text)]);
        }
        assert_eq!(pieces(""), []);
    }
}
