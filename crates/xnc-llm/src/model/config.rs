//! What a model is made of, from the keys of its file.

use crate::error::{Error, Result};
use crate::keys::{Keys, required};
use crate::layers::{Activation, Pairing};

/// Shape and options of a decoder.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Number of layers.
    pub layers: usize,
    /// Length of the vectors between layers.
    pub dim: usize,
    /// Length of the vectors inside the feed-forward part.
    pub inner: usize,
    /// Query heads.
    pub heads: usize,
    /// Key and value heads.
    pub kv_heads: usize,
    /// Length of a head's vectors.
    pub head_dim: usize,
    /// Number of leading values of a head that are rotated.
    pub rotated: usize,
    /// Added to the mean square before its root is taken.
    pub epsilon: f32,
    /// Base of the rotation's frequencies in layers that see everything.
    pub base: f32,
    /// Layers that see only the last positions.
    pub sliding: Option<Sliding>,
    /// Which values of a head are rotated together.
    pub pairing: Pairing,
    /// The feed-forward part's gate.
    pub activation: Activation,
    /// Factor of a token's vector.
    pub scale: f32,
    /// Whether queries and keys are normalised, and the results of attention and of the feed-forward part.
    pub more_norms: bool,
}

/// Sliding windows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sliding {
    /// Positions that a layer sees, its own among them.
    pub window: usize,
    /// One layer in so many sees everything: the last of each.
    pub every: usize,
    /// Base of the rotation's frequencies.
    pub base: f32,
}

/// Extents far above those of any model that runs on a CPU, so that products of them cannot overflow.
const MAX_EXTENT: usize = 1 << 20;

impl Config {
    /// Reads the keys of architectures `llama` and `gemma3`.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for another architecture or option; a key that is missing or senseless.
    pub fn read(keys: &Keys<'_>) -> Result<Config> {
        let architecture = required("general.architecture", keys.text("general.architecture")?)?;
        let gemma = match architecture {
            "llama" => false,
            "gemma3" => true,
            other => {
                return Err(Error::Unsupported(format!(
                    "its architecture is `{other}`, not llama or gemma3"
                )));
            }
        };
        let key = |name: &str| format!("{architecture}.{name}");
        let extent = |name: &str| {
            let key = key(name);
            match required(&key, keys.number(&key)?)? {
                n if (1..=MAX_EXTENT).contains(&n) => Ok(n),
                _ => Err(Error::Key { key, what: "is out of range" }),
            }
        };
        if keys.text(&key("rope.scaling.type"))?.is_some_and(|kind| kind != "none") {
            return Err(Error::Unsupported("its positions are scaled".into()));
        }
        if keys.number(&key("expert_count"))?.is_some_and(|experts| experts > 0) {
            return Err(Error::Unsupported("it is a mixture of experts".into()));
        }
        let (dim, heads) = (extent("embedding_length")?, extent("attention.head_count")?);
        let kv_heads = keys.number(&key("attention.head_count_kv"))?.unwrap_or(heads);
        let head_dim = keys.number(&key("attention.key_length"))?.unwrap_or(dim / heads);
        let rotated = keys.number(&key("rope.dimension_count"))?.unwrap_or(head_dim);
        let sound = (1..=MAX_EXTENT).contains(&head_dim)
            && kv_heads > 0
            && heads.is_multiple_of(kv_heads)
            && rotated.is_multiple_of(2)
            && rotated <= head_dim
            && keys.number(&key("attention.value_length"))?.is_none_or(|length| length == head_dim);
        if !sound {
            return Err(Error::Unsupported("its heads have unusual extents".into()));
        }
        let window = keys.number(&key("attention.sliding_window"))?.filter(|&window| window > 0);
        let base = keys.real(&key("rope.freq_base"))?.unwrap_or(10_000.0);
        let epsilon = key("attention.layer_norm_rms_epsilon");
        Ok(Config {
            layers: extent("block_count")?,
            dim,
            inner: extent("feed_forward_length")?,
            heads,
            kv_heads,
            head_dim,
            rotated,
            epsilon: required(&epsilon, keys.real(&epsilon)?)?,
            base,
            sliding: window.filter(|_| gemma).map(|window| Sliding { window, every: 6, base: 10_000.0 }),
            pairing: if gemma { Pairing::Halves } else { Pairing::Neighbours },
            activation: if gemma { Activation::Gelu } else { Activation::Silu },
            scale: if gemma { (dim as f32).sqrt() } else { 1.0 },
            more_norms: gemma,
        })
    }

    /// The window of a layer, none if it sees everything.
    pub fn window(&self, layer: usize) -> Option<Sliding> {
        self.sliding.filter(|sliding| !(layer + 1).is_multiple_of(sliding.every))
    }
}
