//! The names that architectures give to their tables, for a file that comes without a configuration.
//!
//! Tables are what is looked up by token, and the output heads that are multiplied by rows of tokens. Tables
//! of positions, of segments and of other small counts (`position_embeddings`, `wpe`,
//! `token_type_embeddings`) are none: they have few rows and nobody looks them up one at a time. Users name
//! those with `--tensors`.

/// Last components of names that mean a table wherever they stand, inside a numbered layer too, as in the
/// layers that predict several tokens.
const ANYWHERE: &[&str] = &[
    "embed_tokens",           // Llama, Qwen, Gemma, Phi, OPT, and many more
    "embed_tokens_per_layer", // Gemma 3n
    "word_embeddings",        // BERT, DeBERTa, Falcon, BLOOM, ChatGLM
    "tok_embeddings",         // Meta's checkpoints, InternLM2, ModernBERT
    "token_embedding",        // CLIP, SigLIP, Whisper
    "token_embeddings",
    "token_embd", // GGUF
    "per_layer_token_embd",
    "wte",      // GPT-2, StarCoder, MPT, DBRX
    "embed_in", // GPT-NeoX
    "embed_out",
    "codec_embedding", // speech models: Qwen3-TTS
    "codec_head",
    "text_embedding",
    "text_embeddings", // CSM
    "audio_embeddings",
    "lm_head",
    "lm_heads",            // MusicGen, one for each codebook
    "lm_head.decoder",     // RoBERTa, ESM
    "lm_head.linear",      // Phi-1
    "generator_lm_head",   // ELECTRA
    "predictions.decoder", // BERT, ALBERT
    "shared_head.head",    // DeepSeek-V3
    "nextn.shared_head_head",
];

/// Last components that mean a table outside numbered layers only: within them, attention and vision have
/// such names.
const OUTSIDE_LAYERS: &[&str] = &[
    "embedding",                   // Mamba, static models
    "embeddings",                  // Mamba, XLM, RWKV, xLSTM
    "word_embedding",              // XLNet
    "shared",                      // T5, BART
    "transformer.output_layer",    // ChatGLM
    "language_model.output_layer", // Megatron
    "language_model.output",       // InternVL
    "transformer.ff_out",          // OLMo
    "pred_layer.proj",             // XLM
    "lm_loss",                     // XLNet
];

/// Names that mean a table only as the whole name: short enough to end other names too.
const WHOLE: &[&str] = &[
    "output", // Meta's checkpoints, InternLM2, GGUF
    "output_layer",
    "emb", // RWKV
    "head",
    "embed",    // DeepSeek's own code
    "decoder",  // ModernBERT
    "text_emb", // Moshi
];

/// Names of tensors without `.weight`.
const BARE: &[&str] = &["embeddings", "embedding"];

/// What training and adapters put before a name.
const WRAPPERS: &[&str] = &["module.", "_orig_mod.", "_fsdp_wrapped_module.", "base_model.model."];

/// Parts of a name that make of an `embedding` one of something else than tokens.
const NOT_TOKENS: &[&str] =
    &["position", "pos_emb", "pos_enc", "type_emb", "segment", "timestep", "patch", "rotary", "relative"];

/// Whether a tensor of this name plays the role of a table.
pub fn is_table_name(name: &str) -> bool {
    let mut name = name;
    while let Some(inner) = WRAPPERS.iter().find_map(|wrapper| name.strip_prefix(wrapper)) {
        name = inner;
    }
    if BARE.contains(&name) {
        return true;
    }
    let Some(name) = name.strip_suffix(".weight") else { return false };
    let name = without_adapter(name);
    let in_layer = || name.split('.').any(is_number);
    let of_others = || NOT_TOKENS.iter().any(|other| name.contains(other));
    ends(without_number(name), ANYWHERE)
        || WHOLE.contains(&name)
        || (ends(name, OUTSIDE_LAYERS) && !in_layer() && !of_others())
}

/// Whether a name is one of `endings`, or ends in one after a dot.
fn ends(name: &str, endings: &[&str]) -> bool {
    let before = |ending: &&str| name.strip_suffix(*ending);
    endings.iter().filter_map(before).any(|before| before.is_empty() || before.ends_with('.'))
}

/// The name of the layer that a PEFT adapter wraps: `x.base_layer`, `x.original_module`,
/// `x.modules_to_save.ADAPTER`.
fn without_adapter(name: &str) -> &str {
    let saved = || {
        let (before, adapter) = name.rsplit_once(".modules_to_save")?;
        (adapter.is_empty() || (adapter.starts_with('.') && !adapter[1..].contains('.'))).then_some(before)
    };
    let kept = name.strip_suffix(".base_layer").or_else(|| name.strip_suffix(".original_module"));
    kept.or_else(saved).unwrap_or(name)
}

/// A name without the number at its end, which tells several tables of one kind apart.
fn without_number(name: &str) -> &str {
    name.rsplit_once('.').filter(|(_, last)| is_number(last)).map_or(name, |(before, _)| before)
}

fn is_number(component: &str) -> bool {
    !component.is_empty() && component.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests;
