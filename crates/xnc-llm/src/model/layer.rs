//! One decoder layer: attention and a gated feed-forward part, each added to what came in. Both architectures
//! are this one, with norms more or less.

use super::Config;
use crate::error::Result;
use crate::file::ModelFile;
use crate::layers::{Activation, Attention, Cache, Matrix, Norm, Products, Room, Rope, gate};

/// Weights of a layer.
pub struct Layer {
    attention: Attention,
    rope: Rope,
    activation: Activation,
    inner: usize,
    before_attention: Norm,
    /// Queries, keys and values side by side.
    query_key_value: Matrix,
    query_key_norms: Option<[Norm; 2]>,
    joined: Matrix,
    after_attention: Option<Norm>,
    before_feed: Norm,
    /// Gate and up side by side.
    gate_up: Matrix,
    down: Matrix,
    after_feed: Option<Norm>,
}

/// Buffers that all layers use in turn.
#[derive(Default)]
pub struct Scratch {
    normed: Vec<f32>,
    heads: Vec<f32>,
    attended: Vec<f32>,
    wide: Vec<f32>,
    gated: Vec<f32>,
    room: Room,
    turn: Vec<(f32, f32)>,
}

impl Layer {
    /// Reads the tensors `blk.NUMBER.*`.
    ///
    /// # Errors
    /// Those of tensors that are missing or of another shape.
    pub fn load(file: &ModelFile, products: Products, config: &Config, number: usize) -> Result<Layer> {
        let Config { dim, inner, heads, kv_heads, head_dim, .. } = *config;
        let tensor = |name: &str| format!("blk.{number}.{name}.weight");
        let norm = |name: &str, length| {
            let weights = file.vector(&tensor(name), length);
            weights.map(|weights| Norm { weights, epsilon: config.epsilon })
        };
        let more = |name: &str, length| config.more_norms.then(|| norm(name, length)).transpose();
        let matrix = |dim, tensors: &[(&str, usize)]| {
            let names: Vec<_> = tensors.iter().map(|&(name, rows)| (tensor(name), rows)).collect();
            let names: Vec<_> = names.iter().map(|(name, rows)| (name.as_str(), *rows)).collect();
            Matrix::load(file, products, dim, &names)
        };
        let sliding = config.window(number);
        let keys = ("attn_k", kv_heads * head_dim);
        let query_key_norms = match (more("attn_q_norm", head_dim)?, more("attn_k_norm", head_dim)?) {
            (Some(query), Some(key)) => Some([query, key]),
            _ => None,
        };
        Ok(Layer {
            attention: Attention { heads, kv_heads, head_dim, window: sliding.map(|sliding| sliding.window) },
            rope: Rope::new(
                config.pairing,
                config.rotated,
                sliding.map_or(config.base, |sliding| sliding.base),
            ),
            activation: config.activation,
            inner,
            before_attention: norm("attn_norm", dim)?,
            query_key_value: matrix(dim, &[("attn_q", heads * head_dim), keys, ("attn_v", keys.1)])?,
            query_key_norms,
            joined: matrix(heads * head_dim, &[("attn_output", dim)])?,
            after_attention: more("post_attention_norm", dim)?,
            before_feed: norm("ffn_norm", dim)?,
            gate_up: matrix(dim, &[("ffn_gate", inner), ("ffn_up", inner)])?,
            down: matrix(inner, &[("ffn_down", dim)])?,
            after_feed: more("post_ffw_norm", dim)?,
        })
    }

    /// Takes the vectors in `x` of consecutive positions from `first` on through the layer, in place.
    ///
    /// # Errors
    /// Those of products.
    pub fn apply(&self, x: &mut [f32], first: usize, cache: &mut Cache, scratch: &mut Scratch) -> Result<()> {
        let steps = x.len() / self.before_attention.weights.len();
        let Scratch { normed, heads, attended, wide, gated, room, turn } = scratch;
        normed.resize(x.len(), 0.0);
        self.before_attention.apply(x, normed);
        heads.resize(steps * self.query_key_value.rows(), 0.0);
        self.query_key_value.times(normed, heads, room)?;
        for (step, heads) in heads.chunks_exact_mut(self.query_key_value.rows()).enumerate() {
            self.place(heads, first + step, cache, turn);
        }
        let Attention { heads: count, head_dim, .. } = self.attention;
        attended.resize(steps * count * head_dim, 0.0);
        self.attention.apply(cache, first, heads, self.query_key_value.rows(), attended);
        self.joined.times(attended, normed, room)?;
        add(self.after_attention.as_ref(), normed, x);

        self.before_feed.apply(x, normed);
        wide.resize(steps * 2 * self.inner, 0.0);
        self.gate_up.times(normed, wide, room)?;
        gated.resize(steps * self.inner, 0.0);
        gate(self.activation, wide, self.inner, gated);
        self.down.times(gated, normed, room)?;
        add(self.after_feed.as_ref(), normed, x);
        Ok(())
    }

    /// Turns one position's queries and keys to it and keeps its keys and values.
    fn place(&self, heads: &mut [f32], position: usize, cache: &mut Cache, turn: &mut Vec<(f32, f32)>) {
        let Attention { heads: count, kv_heads, head_dim, .. } = self.attention;
        let (queries, rest) = heads.split_at_mut(count * head_dim);
        let (keys, values) = rest.split_at_mut(kv_heads * head_dim);
        if let Some([query, key]) = &self.query_key_norms {
            query.apply_here(queries);
            key.apply_here(keys);
        }
        self.rope.turn(position, turn);
        self.rope.rotate(turn, queries, head_dim);
        self.rope.rotate(turn, keys, head_dim);
        cache.keep(position, keys, values);
    }
}

/// Adds what a part of the layer gave to what went into it.
fn add(norm: Option<&Norm>, part: &mut [f32], x: &mut [f32]) {
    if let Some(norm) = norm {
        norm.apply_here(part);
    }
    x.iter_mut().zip(part).for_each(|(x, part)| *x += *part);
}
