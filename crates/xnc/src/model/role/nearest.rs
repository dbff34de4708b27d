//! Names that a user may have meant.

use std::cmp::Reverse;

/// Names that a message lists.
const MOST: usize = 5;
/// Characters compared, from the end; what a hostile file calls its tensors may be longer.
const COMPARED: usize = 96;
/// Characters shown of one name.
const SHOWN: usize = 160;

/// The candidates that are nearest to `name`, the nearest first, five at most. Near is what takes few edits,
/// ends in the same way, or contains the name: people leave the beginnings of names out and mistype the rest.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let name = compared(name);
    let mut best: Vec<(Reverse<isize>, &str)> = Vec::new();
    for candidate in candidates {
        let score = (Reverse(likeness(&name, &compared(candidate))), candidate);
        // Ties keep their order.
        let at = best.partition_point(|kept| kept.0 <= score.0);
        if at < MOST {
            best.insert(at, score);
            best.truncate(MOST);
        }
    }
    best.into_iter().map(|(_, candidate)| candidate).collect()
}

/// The candidates nearest to a name or pattern, for a message, and how many more there are.
pub fn nearest_list<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    let mut total = 0;
    let near = nearest(&name.replace(['*', '?'], ""), candidates.into_iter().inspect(|_| total += 1));
    let shown: Vec<String> = near.iter().map(|name| shown(name)).collect();
    match total - near.len() {
        _ if total == 0 => "none".into(),
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// A name as messages show it, which is not longer than a screen is wide.
pub(super) fn shown(name: &str) -> String {
    match name.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}...", &name[..end]),
        None => name.into(),
    }
}

/// The end of a name, in small letters.
fn compared(name: &str) -> String {
    let from = name.char_indices().rev().nth(COMPARED - 1).map_or(0, |(at, _)| at);
    name[from..].to_ascii_lowercase()
}

fn likeness(name: &str, candidate: &str) -> isize {
    let suffix = name.chars().rev().zip(candidate.chars().rev()).take_while(|(a, b)| a == b).count();
    let contained = if candidate.contains(name) { 2 * name.len() } else { 0 };
    let edits = strsim::levenshtein(name, candidate);
    // All three are at most a few times `COMPARED`.
    (suffix + contained) as isize - edits as isize
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODEL: &[&str] = &[
        "model.layers.0.mlp.up_proj.weight",
        "model.layers.0.mlp.down_proj.weight",
        "model.layers.0.self_attn.q_proj.weight",
        "model.layers.0.self_attn.k_proj.weight",
        "model.layers.0.self_attn.v_proj.weight",
        "model.layers.0.self_attn.o_proj.weight",
        "model.language_model.embed_tokens.weight",
        "model.embed_vision.embedding.weight",
        "lm_head.weight",
    ];

    #[test]
    fn what_was_meant_comes_first() {
        let cases = [
            ("lm_hed.weight", "lm_head.weight"),
            ("lm_head", "lm_head.weight"),
            ("LM_HEAD.WEIGHT", "lm_head.weight"),
            ("embed_tokens.weight", "model.language_model.embed_tokens.weight"),
            ("embed_tokens", "model.language_model.embed_tokens.weight"),
            ("model.embed_tokens.weight", "model.language_model.embed_tokens.weight"),
            ("model.language_model.embed_tokens.wieght", "model.language_model.embed_tokens.weight"),
            ("embedding.weight", "model.embed_vision.embedding.weight"),
            ("layers.0.self_attn.v_proj", "model.layers.0.self_attn.v_proj.weight"),
            ("model.layers.0.mlp.donw_proj.weight", "model.layers.0.mlp.down_proj.weight"),
        ];
        for (name, meant) in cases {
            let near = nearest(name, MODEL.iter().copied());
            assert_eq!(near.len(), MOST);
            assert_eq!(near[0], meant, "{name}: {near:?}");
        }
        assert!(nearest("a", []).is_empty());
        assert_eq!(nearest("", ["b", "a"]), ["b", "a"], "ties keep their order");
    }

    #[test]
    fn lists_are_short() {
        assert_eq!(nearest_list("a", []), "none");
        assert_eq!(nearest_list("ab", ["xx", "ab"]), "ab, xx");
        let names: Vec<String> = (0..1000).map(|number| format!("model.layers.{number}.weight")).collect();
        let list = nearest_list("model.layers.77.wait", names.iter().map(String::as_str));
        assert!(list.starts_with("model.layers.77.weight, ") && list.ends_with(" and 995 more"), "{list}");
        let long = "é".repeat(100_000);
        let list = nearest_list(&long, [long.as_str(), &long, "é"]);
        assert!(list.len() < 1000 && list.contains("..."), "{list}");
    }
}
