//! Edits of bytes that are meant for files: numbers, runs of digits, moved and missing parts.

use crate::choices::Choices;

/// Applies one edit.
pub fn apply(bytes: &mut Vec<u8>, choices: &mut Choices<'_>) {
    let kind = choices.byte() % 9;
    let at = choices.below(bytes.len() + 1);
    match kind {
        0 => overwrite(bytes, at, &[choices.byte()]),
        1 => {
            let length = usize::from(choices.byte());
            overwrite(bytes, at, choices.bytes(length));
        }
        2 => overwrite(bytes, at & !7, &choices.number().to_le_bytes()),
        3 => overwrite(bytes, at & !3, &(choices.number() as u32).to_le_bytes()),
        4 => overwrite(bytes, at, &choices.number().to_le_bytes()),
        5 => number(bytes, choices),
        6 => {
            let length = usize::from(choices.byte());
            bytes.splice(at..at, choices.bytes(length).iter().copied());
        }
        7 => {
            // A part, once more somewhere else.
            let end = bytes.len().min(at + usize::from(choices.word()));
            let part = bytes[at..end].to_vec();
            let to = choices.below(bytes.len() + 1);
            bytes.splice(to..to, part);
        }
        _ => {
            let end = bytes.len().min(at + choices.below(1 << 10));
            bytes.drain(at..end);
        }
    }
}

/// Applies up to `most` edits, while there are choices.
pub fn apply_some(bytes: &mut Vec<u8>, choices: &mut Choices<'_>, most: usize) {
    for _ in 0..most {
        if choices.is_empty() || bytes.len() > 1 << 18 {
            break;
        }
        apply(bytes, choices);
    }
}

fn overwrite(bytes: &mut [u8], at: usize, with: &[u8]) {
    bytes.iter_mut().skip(at).zip(with).for_each(|(byte, with)| *byte = *with);
}

/// The first decimal number behind some place becomes another: JSON stays JSON.
pub fn number(bytes: &mut Vec<u8>, choices: &mut Choices<'_>) {
    let (at, number) = (choices.below(bytes.len() + 1), choices.number());
    // Digits in strings count too, but a number mostly follows one of these.
    let starts = |pair: &[u8]| matches!(pair[0], b':' | b'[' | b',') && pair[1].is_ascii_digit();
    if let Some(found) = bytes[at..].windows(2).position(starts) {
        let start = at + found + 1;
        let end = start + bytes[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        bytes.splice(start..end, number.to_string().into_bytes());
    }
}
