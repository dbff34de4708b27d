//! Bytes spelled as letters, so that vocabularies of bytes are valid text: printable ones of Latin-1 as
//! themselves, the others, in their order, as the letters from U+0100 on. From the vocabulary of GPT-2
//! (Radford et al., 2019).

/// The letter of a byte.
fn letter(byte: u8) -> char {
    let before = match byte {
        b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff => return char::from(byte),
        0..=32 => u32::from(byte),
        127..=160 => u32::from(byte) - 127 + 33,
        173 => 67,
    };
    char::from_u32(0x100 + before).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// The text whose letters are the bytes of `text`.
pub fn spell(text: &str) -> String {
    text.bytes().map(letter).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_byte_has_a_letter_of_its_own() {
        let letters: HashSet<char> = (0..=255).map(letter).collect();
        assert_eq!(letters.len(), 256);
        assert!(letters.iter().all(|letter| !letter.is_whitespace() && !letter.is_control()));
        assert_eq!(spell(" a\n"), "\u{120}a\u{10a}");
    }
}
