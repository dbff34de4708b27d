//! Names with wildcards.

/// Whether a name asks for all tensors that match it.
pub(super) fn is_pattern(name: &str) -> bool {
    name.contains(['*', '?'])
}

/// Whether all of `name` matches `pattern`, where `*` stands for any characters, none among them, and `?` for
/// one.
///
/// Only the last `*` is ever tried again, so the time is at most the product of both lengths.
pub(super) fn matches(pattern: &str, name: &str) -> bool {
    let (mut wanted, mut there) = (pattern.chars(), name.chars());
    // What follows the last `*`, and where in the name that was tried last.
    let mut retry = None;
    loop {
        let name_here = there.clone();
        match (wanted.next(), there.next()) {
            (None, None) => return true,
            (Some('*'), _) => {
                there = name_here;
                retry = Some((wanted.clone(), there.clone()));
            }
            (Some(w), Some(t)) if w == '?' || w == t => {}
            _ => {
                let Some((after, from)) = &mut retry else { return false };
                if from.next().is_none() {
                    return false;
                }
                (wanted, there) = (after.clone(), from.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{is_pattern, matches};

    #[test]
    fn wildcards_stand_for_what_they_say() {
        let cases = [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("*", "anything.at.all", true),
            ("?", "", false),
            ("?", "é", true),
            ("??", "é", false),
            ("*embed*", "model.embed_tokens.weight", true),
            ("*embed*", "embed", true),
            ("*embed*", "model.embd_tokens.weight", false),
            ("model.*.weight", "model.layers.0.weight", true),
            ("model.*.weight", "model.weight", false),
            ("*.weight", "lm_head.weight", true),
            ("*.weight", "lm_head.weight2", false),
            ("lm_head*", "lm_head", true),
            ("lm_head*", "xlm_head", false),
            ("blk.?.x", "blk.1.x", true),
            ("blk.?.x", "blk.12.x", false),
            ("**a**b**", "xaxbx", true),
            ("*ab", "aab", true),
            ("*a?c*", "abbabcx", true),
            ("a*a", "a", false),
            ("*é?", "aéü", true),
            ("[a]*", "[a]b", true),
            ("[a]*", "ab", false),
        ];
        for (pattern, name, expected) in cases {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
        assert!(is_pattern("a?") && is_pattern("*") && !is_pattern("model.embed_tokens.weight"));
    }

    /// Matches by trying everything: what the words say, in exponential time.
    fn slowly(pattern: &[char], name: &[char]) -> bool {
        match (pattern, name) {
            ([], []) => true,
            (['*', rest @ ..], _) => (0..=name.len()).any(|skipped| slowly(rest, &name[skipped..])),
            (['?', rest @ ..], [_, left @ ..]) => slowly(rest, left),
            ([first, rest @ ..], [same, left @ ..]) if first == same => slowly(rest, left),
            _ => false,
        }
    }

    #[test]
    fn every_short_pattern_and_name_match_as_if_all_were_tried() {
        let all = |letters: &[char], most: u32| -> Vec<Vec<char>> {
            let of_length = |length: u32| {
                (0..letters.len().pow(length)).map(move |number| {
                    (0..length).map(|at| letters[number / letters.len().pow(at) % letters.len()]).collect()
                })
            };
            (0..=most).flat_map(of_length).collect()
        };
        let names = all(&['a', 'b'], 6);
        for pattern in all(&['a', 'b', '*', '?'], 5) {
            for name in &names {
                let texts: [String; 2] = [pattern.iter().collect(), name.iter().collect()];
                assert_eq!(matches(&texts[0], &texts[1]), slowly(&pattern, name), "{texts:?}");
            }
        }
    }

    #[test]
    fn a_pattern_of_many_stars_does_not_explode() {
        let name = "a".repeat(20_000);
        assert!(!matches(&format!("{}b", "*a".repeat(200)), &name));
        assert!(matches(&"*a".repeat(200), &name));
    }
}
