//! Merging neighbours, the best first, until none can be: byte pair encoding (Sennrich et al.,
//! arXiv:1508.07909), by rank or by score.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

/// Numbers of texts. A vocabulary has hundreds of thousands, all of which are hashed on loading; the standard
/// hash is the slower one.
pub type Numbers<'f> = HashMap<&'f str, u32, foldhash::fast::RandomState>;

/// Which neighbours merge.
pub trait Merges {
    /// How early `text`, cut at byte `cut`, is merged, the lowest first; none for never.
    fn rank(&self, text: &str, cut: usize) -> Option<u32>;
}

/// Pairs by their place in a list.
pub struct Ranked<'f>(Numbers<'f>);

impl<'f> Ranked<'f> {
    /// Pairs, each two texts with a space between.
    pub fn new(pairs: Vec<&'f str>) -> Ranked<'f> {
        Ranked(pairs.into_iter().zip(0..).collect())
    }
}

impl Merges for Ranked<'_> {
    fn rank(&self, text: &str, cut: usize) -> Option<u32> {
        let (left, right) = text.split_at(cut);
        self.0.get(format!("{left} {right}").as_str()).copied()
    }
}

/// Pairs by the score of the token they make.
pub struct Scored<'a, 'f> {
    /// Tokens by text.
    pub ids: &'a Numbers<'f>,
    /// Score of each token, the highest first.
    pub scores: &'a [f32],
}

impl Merges for Scored<'_, '_> {
    fn rank(&self, text: &str, _cut: usize) -> Option<u32> {
        let score = self.scores.get(*self.ids.get(text)? as usize)?;
        // The bits of floats in the order of their values, the highest lowest.
        let bits = (score + 0.0).to_bits();
        Some(!(bits ^ (((bits as i32) >> 31) as u32 | 1 << 31)))
    }
}

/// A run of characters, linked to its neighbours.
#[derive(Clone, Copy)]
struct Symbol {
    start: usize,
    end: usize,
    before: Option<usize>,
    after: Option<usize>,
}

/// What is left of the characters of `text` after merging, in order. Of pairs that rank alike the leftmost goes first.
pub fn merge<'t>(text: &'t str, merges: &impl Merges) -> Vec<&'t str> {
    let count = text.chars().count();
    let mut symbols: Vec<Symbol> = text
        .char_indices()
        .enumerate()
        .map(|(i, (start, character))| Symbol {
            start,
            end: start + character.len_utf8(),
            before: i.checked_sub(1),
            after: Some(i + 1).filter(|&next| next < count),
        })
        .collect();
    let pair = |symbols: &[Symbol], left: Option<usize>, right: Option<usize>| {
        let (left, right) = (left?, right?);
        let (start, cut, end) = (symbols[left].start, symbols[left].end, symbols[right].end);
        let rank = merges.rank(&text[start..end], cut - start)?;
        Some(Reverse((rank, left, cut, end)))
    };
    let mut queue: BinaryHeap<_> = (1..count).filter_map(|i| pair(&symbols, Some(i - 1), Some(i))).collect();
    while let Some(Reverse((_, left, cut, end))) = queue.pop() {
        let Symbol { before, after: Some(right), .. } = symbols[left] else { continue };
        // One of the two has grown or gone since. A symbol that was merged away is empty.
        if symbols[left].end != cut || symbols[right].end != end || symbols[left].start == cut {
            continue;
        }
        let after = symbols[right].after;
        symbols[left].end = end;
        symbols[left].after = after;
        symbols[right].start = end;
        if let Some(after) = after {
            symbols[after].before = Some(left);
        }
        queue.extend(pair(&symbols, before, Some(left)));
        queue.extend(pair(&symbols, Some(left), after));
    }
    let left = symbols.iter().filter(|symbol| symbol.start < symbol.end);
    left.map(|symbol| &text[symbol.start..symbol.end]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Merges the best pair of all, the leftmost of equals, again and again.
    fn naive(text: &str, merges: &impl Merges) -> Vec<String> {
        let mut symbols: Vec<String> = text.chars().map(String::from).collect();
        loop {
            let pairs = symbols.windows(2).enumerate();
            let ranked = pairs.filter_map(|(i, pair)| Some((merges.rank(&pair.concat(), pair[0].len())?, i)));
            let Some((_, i)) = ranked.min() else { return symbols };
            let right = symbols.remove(i + 1);
            symbols[i].push_str(&right);
        }
    }

    #[test]
    fn as_one_by_one() {
        let ranked = Ranked::new(vec!["a b", "b c", "ab c", "c c", "a a", "aa ab", "\u{e9} a", "cc c"]);
        let texts = ["b", "a", "ab", "abc", "bc", "cc", "aa", "bca", "\u{e9}", "\u{e9}a"];
        let ids: Numbers<'_> = texts.into_iter().zip(0..).collect();
        let scores = [0.0, -1.0, -3.0, -2.5, -3.0, 1.5, -2.0, -0.0, 0.0, -2.0];
        let scored = Scored { ids: &ids, scores: &scores };
        let mut state = 1u32;
        for length in 0..200 {
            let text: String = (0..length % 40)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    ['a', 'b', 'c', '\u{e9}'][(state >> 28) as usize % 4]
                })
                .collect();
            assert_eq!(merge(&text, &ranked), naive(&text, &ranked), "{text}");
            assert_eq!(merge(&text, &scored), naive(&text, &scored), "{text}");
        }
    }

    #[test]
    fn higher_scores_rank_lower() {
        let scores = [f32::INFINITY, 2.0, 0.5, 0.0, -0.5, -1000.0];
        let ids: Numbers<'_> = ["a", "b", "c", "d", "e", "f"].into_iter().zip(0..).collect();
        let scored = Scored { ids: &ids, scores: &scores };
        let ranks: Vec<_> =
            ["a", "b", "c", "d", "e", "f"].iter().filter_map(|text| scored.rank(text, 0)).collect();
        assert!(ranks.is_sorted() && ranks.len() == 6);
    }
}
