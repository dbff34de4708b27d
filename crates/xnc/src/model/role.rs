//! Which tensors of a model are looked up by row: token embeddings, per-layer embeddings, output heads.

mod nearest;
mod pattern;
mod table_names;

use std::collections::BTreeSet;

use super::{Layout, Tensor};
use crate::error::{Error, Result};

pub use nearest::nearest_list;
pub use table_names::is_table_name;

/// Names that [`list`] shows.
const LISTED: usize = 12;

/// Which tensors a user wants compressed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Selection {
    /// Tables by role.
    #[default]
    Embeddings,
    /// Every tensor of 16-bit values.
    All,
    /// Exactly these. A name in which `*` or `?` stands is a pattern, unless a tensor has that very name: `*` stands
    /// for any characters and `?` for one. A pattern takes the tensors of two dimensions or more that it matches,
    /// passes over those of other types, and must find one.
    Named(Vec<String>),
}

/// The tensors that `selection` picks, in file order; whether the values of an F32 tensor are of 16 bits is
/// for the caller to see. `table_rows` are the numbers of rows that a configuration gives to tables, none for
/// a lone file.
///
/// # Errors
/// A name that is missing, or names a tensor of another type.
pub fn select<'a>(layout: &'a Layout, selection: &Selection, table_rows: &[u64]) -> Result<Vec<&'a Tensor>> {
    let all = layout.tensors().iter().filter(|tensor| tensor.element().is_some());
    Ok(match selection {
        Selection::All => all.collect(),
        Selection::Embeddings => {
            all.filter(|tensor| tensor.shape.len() == 2 && is_table(tensor, table_rows)).collect()
        }
        Selection::Named(names) => {
            let mut picked = BTreeSet::new();
            for name in names {
                let found = named(layout, name)?;
                if found.is_empty() {
                    let available = names_of(candidates(layout)).map(str::to_owned).collect();
                    return Err(Error::TensorNotFound { name: name.clone(), available });
                }
                picked.extend(found);
            }
            picked.into_iter().map(|position| &layout.tensors()[position]).collect()
        }
    })
}

/// Whether a file has anything under a name or pattern of [`Selection::Named`]. A tensor that is named and is no table
/// is there; [`select`] complains of it.
pub fn has(layout: &Layout, name: &str) -> bool {
    named(layout, name).map_or(true, |found| !found.is_empty())
}

/// Positions of the tensors that a name or pattern means.
fn named(layout: &Layout, name: &str) -> Result<Vec<usize>> {
    if let Some(position) = layout.position(name) {
        let tensor = &layout.tensors()[position];
        if tensor.element().is_none() {
            let reason = format!("its type is {}, not BF16, F16 or F32", tensor.dtype);
            return Err(Error::NotATable { name: name.into(), reason });
        }
        return Ok(vec![position]);
    }
    if !pattern::is_pattern(name) {
        return Ok(Vec::new());
    }
    let fits = |tensor: &Tensor| {
        tensor.element().is_some() && tensor.shape.len() >= 2 && pattern::matches(name, &tensor.name)
    };
    let tensors = layout.tensors().iter().enumerate();
    Ok(tensors.filter(|(_, tensor)| fits(tensor)).map(|(position, _)| position).collect())
}

/// Whether a 2-D tensor plays the role of a table: by its name, or because its rows are counted by the vocabulary.
fn is_table(tensor: &Tensor, table_rows: &[u64]) -> bool {
    is_table_name(&tensor.name) || tensor.shape.first().is_some_and(|rows| table_rows.contains(rows))
}

/// Tables that are not 16-bit: what a message names when there is nothing to compress.
pub fn quantised(layout: &Layout) -> impl Iterator<Item = &Tensor> {
    layout.tensors().iter().filter(|tensor| tensor.table_dtype().is_none() && is_table_name(&tensor.name))
}

/// The 2-D tensors of 16-bit words: what a user may name.
pub fn candidates(layout: &Layout) -> impl Iterator<Item = &Tensor> {
    layout.tensors().iter().filter(|tensor| tensor.table_dtype().is_some() && tensor.shape.len() == 2)
}

fn names_of<'a>(tensors: impl Iterator<Item = &'a Tensor>) -> impl Iterator<Item = &'a str> {
    tensors.map(|tensor| tensor.name.as_str())
}

/// Names for a message, the first few.
pub fn list<'a>(tensors: impl Iterator<Item = &'a Tensor>) -> String {
    let mut names = names_of(tensors);
    let first: Vec<String> = names.by_ref().take(LISTED).map(nearest::shown).collect();
    match names.count() {
        _ if first.is_empty() => "none".into(),
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::safetensors;

    /// Tensors of two rows.
    fn layout(tensors: &[(&str, &str, &[u64])]) -> Layout {
        let size = |dtype: &str| if dtype == "F32" { 4 } else { 2 };
        let bytes = |dtype: &str, shape: &[u64]| shape.iter().product::<u64>() * size(dtype);
        let infos = tensors.iter().map(|(name, dtype, shape)| (*name, *dtype, *shape, bytes(dtype, shape)));
        let head = safetensors::header(&[], infos, 8);
        let data: u64 = tensors.iter().map(|(_, dtype, shape)| bytes(dtype, shape)).sum();
        Layout::parse(&head, head.len() as u64 + data).expect("our own header")
    }

    fn model() -> Layout {
        layout(&[
            ("lm_head.weight", "BF16", &[2, 8]),
            ("model.embed_norm.weight", "BF16", &[8]),
            ("model.embed_tokens.weight", "F16", &[2, 8]),
            ("model.embed_wide.weight", "F32", &[2, 8]),
            ("model.embed_ids.weight", "I16", &[2, 8]),
            ("model.experts", "BF16", &[2, 2, 8]),
            ("shared.weight", "F32", &[2, 8]),
            ("*", "BF16", &[3, 8]),
            ("other", "F32", &[5, 8]),
        ])
    }

    fn picked(selection: &Selection, rows: &[u64]) -> std::result::Result<Vec<String>, String> {
        let layout = model();
        let picked = select(&layout, selection, rows).map_err(|error| error.to_string())?;
        Ok(picked.iter().map(|tensor| tensor.name.clone()).collect())
    }

    fn names(names: &[&str]) -> Selection {
        Selection::Named(names.iter().map(|&name| name.into()).collect())
    }

    #[test]
    fn selections_pick_in_file_order_and_once() {
        let tables = ["lm_head.weight", "model.embed_tokens.weight", "shared.weight"];
        assert_eq!(picked(&Selection::Embeddings, &[]).expect("picks"), tables);
        let counted = picked(&Selection::Embeddings, &[3, 5]).expect("picks");
        assert_eq!(counted, [tables[0], tables[1], tables[2], "*", "other"]);
        assert_eq!(picked(&Selection::All, &[]).expect("picks").len(), 8, "all but one of I16");
        let twice = names(&["model.embed_tokens.weight", "*_head*", "lm_head.weight", "*embed_t*"]);
        assert_eq!(picked(&twice, &[]).expect("picks"), tables[..2]);
        let wide = picked(&names(&["*embed_*"]), &[]).expect("picks");
        assert_eq!(wide, ["model.embed_tokens.weight", "model.embed_wide.weight"]);
        assert_eq!(picked(&names(&["*.experts"]), &[]).expect("picks"), ["model.experts"]);
        assert_eq!(picked(&names(&["model.embed_norm.weight"]), &[]).expect("picks").len(), 1);
        assert_eq!(picked(&names(&["*"]), &[]).expect("a tensor has that name"), ["*"]);
    }

    #[test]
    fn wrong_names_are_errors_that_name_the_nearest() {
        let cases = [
            ("lm_hed.weight", "no tensor `lm_hed.weight`; the tables here are: lm_head.weight, "),
            ("*embd*", "no tensor `*embd*`; the tables here are: "),
            ("", "no tensor ``"),
            ("*embed_ids*", "no tensor `*embed_ids*`"),
            ("*norm*", "no tensor `*norm*`"),
            ("model.embed_ids.weight", "`model.embed_ids.weight` cannot be used as a table: its type is I16"),
        ];
        for (name, says) in cases {
            let error = picked(&names(&["lm_head.weight", name]), &[]).expect_err(name);
            assert!(error.contains(says), "{name}: {error}");
        }
    }

    #[test]
    fn a_file_has_what_is_there_even_if_it_is_no_table() {
        let cases =
            [("lm_head.weight", true), ("*head*", true), ("model.embed_ids.weight", true), ("no", false)];
        for (name, expected) in cases.into_iter().chain([("*ids*", false), ("??", false)]) {
            assert_eq!(has(&model(), name), expected, "{name}");
        }
    }
}
