//! Which tensors of a model are looked up by row: token embeddings, per-layer embeddings, output heads.

use super::{Layout, Tensor};
use crate::error::{Error, Result};

/// Last components of the names that architectures give to tables, for a file that comes without a configuration.
///
/// Llama, Qwen, Gemma, Phi: `embed_tokens`, `lm_head`; Gemma 3n: `embed_tokens_per_layer`; BERT: `word_embeddings`; GPT-2: `wte`;
/// GPT-NeoX: `embed_in`, `embed_out`; Meta's checkpoints: `tok_embeddings`; OPT-like and static models: `embedding`, `embeddings`.
const TABLE_NAMES: &[&str] = &[
    "embed_tokens.weight",
    "embed_tokens_per_layer.weight",
    "word_embeddings.weight",
    "tok_embeddings.weight",
    "token_embedding.weight",
    "token_embeddings.weight",
    "embedding.weight",
    "embeddings.weight",
    "wte.weight",
    "embed_in.weight",
    "embed_out.weight",
    "lm_head.weight",
];

/// Names that are a table only when they are the whole name: short enough to end other names too.
/// GGUF's three names are among them.
const WHOLE_NAMES: &[&str] =
    &["embeddings", "embedding", "output.weight", "token_embd.weight", "per_layer_token_embd.weight"];

/// Which tensors a user wants compressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// Tables by role.
    Embeddings,
    /// Every 16-bit tensor.
    All,
    /// Exactly these.
    Named(Vec<String>),
}

/// Whether a tensor of this name plays the role of a table.
pub fn is_table_name(name: &str) -> bool {
    let ends =
        |suffix: &&str| name.strip_suffix(*suffix).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    WHOLE_NAMES.contains(&name) || TABLE_NAMES.iter().any(ends)
}

/// The tensors that `selection` picks, in file order. `table_rows` are the numbers of rows that a configuration gives to tables
/// ([`super::folder::table_rows`]), none for a lone file.
///
/// # Errors
/// A name that is missing, or names a tensor of another type.
pub fn select<'a>(layout: &'a Layout, selection: &Selection, table_rows: &[u64]) -> Result<Vec<&'a Tensor>> {
    let mut picked: Vec<&Tensor> = match selection {
        Selection::All => layout.tensors.iter().filter(|tensor| tensor.table_dtype().is_some()).collect(),
        Selection::Embeddings => candidates(layout).filter(|tensor| is_table(tensor, table_rows)).collect(),
        Selection::Named(names) => names.iter().map(|name| named(layout, name)).collect::<Result<_>>()?,
    };
    picked.sort_by_key(|tensor| tensor.range.start);
    picked.dedup_by_key(|tensor| &tensor.name);
    Ok(picked)
}

/// Whether a 2-D tensor plays the role of a table: by its name, or because its rows are counted by the vocabulary.
fn is_table(tensor: &Tensor, table_rows: &[u64]) -> bool {
    is_table_name(&tensor.name) || tensor.shape.first().is_some_and(|rows| table_rows.contains(rows))
}

/// Tables in the disguise of a quantised type: what a message names when there is nothing to compress.
pub fn quantised(layout: &Layout) -> impl Iterator<Item = &Tensor> {
    layout.tensors.iter().filter(|tensor| tensor.table_dtype().is_none() && is_table_name(&tensor.name))
}

fn named<'a>(layout: &'a Layout, name: &str) -> Result<&'a Tensor> {
    let tensor = layout
        .tensor(name)
        .ok_or_else(|| Error::TensorNotFound { name: name.into(), available: list(candidates(layout)) })?;
    if tensor.table_dtype().is_none() {
        let reason = format!("its type is {}, not BF16 or F16", tensor.dtype);
        return Err(Error::NotATable { name: name.into(), reason });
    }
    Ok(tensor)
}

/// The 2-D tensors of 16-bit words: what a user may name.
pub fn candidates(layout: &Layout) -> impl Iterator<Item = &Tensor> {
    layout.tensors.iter().filter(|tensor| tensor.table_dtype().is_some() && tensor.shape.len() == 2)
}

/// Names for a message, the first few.
pub fn list<'a>(tensors: impl Iterator<Item = &'a Tensor>) -> String {
    let mut names: Vec<&str> = tensors.map(|tensor| tensor.name.as_str()).collect();
    let total = names.len();
    names.truncate(12);
    match total {
        0 => "none".into(),
        _ if total > names.len() => format!("{} and {} more", names.join(", "), total - names.len()),
        _ => names.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::is_table_name;

    #[test]
    fn roles_by_name() {
        for name in
            ["model.embed_tokens.weight", "lm_head.weight", "wte.weight", "embeddings.word_embeddings.weight"]
        {
            assert!(is_table_name(name), "{name}");
        }
        for name in
            ["model.layers.0.mlp.up_proj.weight", "xembed_tokens.weight", "layers.0.attention.output.weight"]
        {
            assert!(!is_table_name(name), "{name}");
        }
    }
}
