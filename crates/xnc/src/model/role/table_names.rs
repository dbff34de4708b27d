//! The names that architectures give to their tables, for a file that comes without a configuration.
//!
//! Tables are what is looked up by token, and the output heads that are multiplied by rows of tokens. Tables of
//! positions, of segments and of other small counts (`position_embeddings`, `wpe`, `token_type_embeddings`) are none:
//! they have few rows and nobody looks them up one at a time. Users name those with `--tensors`.

/// Last components of names that mean a table wherever they stand, inside a numbered layer too, as in the layers that
/// predict several tokens.
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

/// Last components that mean a table outside numbered layers only: within them, attention and vision have such names.
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

/// The name of the layer that a PEFT adapter wraps: `x.base_layer`, `x.original_module`, `x.modules_to_save.ADAPTER`.
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
mod tests {
    use super::is_table_name;

    #[test]
    fn tables_are_known_by_name() {
        let names = [
            // Llama, Qwen, Gemma, Phi, Mistral, and those of several modes
            "model.embed_tokens.weight",
            "embed_tokens.weight",
            "lm_head.weight",
            "model.language_model.embed_tokens.weight",
            "language_model.model.embed_tokens.weight",
            "language_model.lm_head.weight",
            "model.language_model.embed_tokens_per_layer.weight",
            "model.embed_vision.embedding.weight",
            "thinker.model.embed_tokens.weight",
            "tok_embeddings.weight",
            "output.weight",
            "model.tok_embeddings.weight",
            "language_model.output.weight",
            "embed.weight",
            "head.weight",
            "model.layers.61.embed_tokens.weight",
            "model.layers.61.shared_head.head.weight",
            // encoders and decoders
            "shared.weight",
            "model.shared.weight",
            "encoder.embed_tokens.weight",
            "decoder.embed_tokens.weight",
            "model.decoder.embed_tokens.weight",
            "bert.embeddings.word_embeddings.weight",
            "embeddings.word_embeddings.weight",
            "deberta.embeddings.word_embeddings.weight",
            "roberta.embeddings.word_embeddings.weight",
            "cls.predictions.decoder.weight",
            "predictions.decoder.weight",
            "lm_head.decoder.weight",
            "generator_lm_head.weight",
            "decoder.weight",
            "model.embeddings.tok_embeddings.weight",
            "transformer.embeddings.weight",
            "pred_layer.proj.weight",
            "transformer.word_embedding.weight",
            "lm_loss.weight",
            // decoders of other families
            "wte.weight",
            "transformer.wte.weight",
            "model.transformer.wte.weight",
            "model.transformer.ff_out.weight",
            "transformer.word_embeddings.weight",
            "word_embeddings.weight",
            "gpt_neox.embed_in.weight",
            "embed_out.weight",
            "lm_head.linear.weight",
            "backbone.embeddings.weight",
            "backbone.embedding.weight",
            "model.embeddings.weight",
            "emb.weight",
            "rwkv.embeddings.weight",
            "transformer.embedding.word_embeddings.weight",
            "transformer.output_layer.weight",
            "language_model.embedding.word_embeddings.weight",
            "language_model.output_layer.weight",
            "output_layer.weight",
            // static models
            "embeddings",
            "embedding",
            "embedding.weight",
            // towers of text, speech
            "text_model.embeddings.token_embedding.weight",
            "token_embedding.weight",
            "clap.text_model.embeddings.word_embeddings.weight",
            "talker.model.codec_embedding.weight",
            "codec_embedding.weight",
            "talker.model.text_embedding.weight",
            "talker.codec_head.weight",
            "talker.code_predictor.model.codec_embedding.0.weight",
            "talker.code_predictor.lm_head.13.weight",
            "decoder.model.decoder.embed_tokens.3.weight",
            "decoder.lm_heads.3.weight",
            "text_emb.weight",
            "text_embeddings.weight",
            "audio_embeddings.weight",
            // adapters and training
            "lm_head.base_layer.weight",
            "base_model.model.lm_head.base_layer.weight",
            "base_model.model.model.embed_tokens.base_layer.weight",
            "lm_head.modules_to_save.default.weight",
            "lm_head.modules_to_save.weight",
            "base_model.model.lm_head.modules_to_save.my_adapter.weight",
            "base_model.model.model.embed_tokens.modules_to_save.default.weight",
            "base_model.model.lm_head.original_module.weight",
            "_orig_mod.head.weight",
            "module.module.output.weight",
            "base_model.model.output.weight",
            // GGUF
            "token_embd.weight",
            "per_layer_token_embd.weight",
            "t.token_embd.weight",
            "blk.46.nextn.embed_tokens.weight",
            "blk.46.nextn.shared_head_head.weight",
        ];
        for name in names {
            assert!(is_table_name(name), "{name}");
        }
    }

    #[test]
    fn layers_and_positions_are_no_tables() {
        let names = [
            "",
            ".weight",
            "weight",
            "model.layers.0.mlp.up_proj.weight",
            "xembed_tokens.weight",
            "model.embed_tokens",
            "model.embed_tokens.bias",
            "model.embed_tokens.weight_scale",
            "model.embed_tokens.scales",
            "model.embed_tokens.weight.xnc_index",
            "layers.0.attention.output.weight",
            "encoder.layer.0.attention.output.dense.weight",
            "encoder.layer.0.output.weight",
            "model.output.weight",
            "transformer.layers.0.output_layer.weight",
            "transformer.encoder.layers.27.output_layer.weight",
            "vision.output_layer.weight",
            "mlp.head.weight",
            "vision_model.head.weight",
            "blocks.3.head.weight",
            "visual.blocks.0.attn.head.weight",
            "model.layers.3.self_attn.head.weight",
            "model.head.weight",
            "classifier.weight",
            "score.weight",
            "encoder.0.embedding.weight",
            "blocks.3.embeddings.weight",
            "blk.0.output.weight",
            "blk.0.attn_output.weight",
            "output_norm.weight",
            "token_embd_norm.weight",
            "token_types.weight",
            "position_embd.weight",
            "v.position_embd.weight",
            "v.patch_embd.weight",
            "mm.0.weight",
            // positions, segments
            "wpe.weight",
            "transformer.wpe.weight",
            "embeddings.position_embeddings.weight",
            "bert.embeddings.position_embeddings.weight",
            "bert.embeddings.token_type_embeddings.weight",
            "model.decoder.embed_positions.weight",
            "vision_model.embeddings.position_embedding.weight",
            "text_model.embeddings.position_embedding.weight",
            "position_embeddings.embedding.weight",
            "pos_embedding.embedding.weight",
            "pos_encoder.embedding.weight",
            "embeddings.token_type_embeddings.embedding.weight",
            "relative_attention_bias.embedding.weight",
            "patch_embed.embeddings.weight",
            "time_embedding.timestep.embedding.weight",
            "deberta.encoder.rel_embeddings.weight",
            "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight",
            "transformer.lang_embeddings.weight",
            "transformer.position_embeddings.weight",
            // heads that do not end in rows of tokens
            "cls.predictions.transform.dense.weight",
            "cls.predictions.transform.LayerNorm.weight",
            "cls.seq_relationship.weight",
            "lm_head.dense.weight",
            "lm_head.layer_norm.weight",
            "model.decoder.layers.0.fc1.weight",
            "vision_model.embeddings.patch_embedding.weight",
            "transformer.word_embeddings_layernorm.weight",
            "embeddings.LayerNorm.weight",
            "model.transformer.blocks.0.ff_out.weight",
            "blocks.0.shared.weight",
            "model.layers.0.mlp.shared.weight",
            "model.layers.0.mlp.shared_expert.up_proj.weight",
            "decoder.0.weight",
            "head.0.weight",
            "embedding.0.weight",
            "linear.weight",
            "proj_out.weight",
            // adapters
            "base_model.model.model.embed_tokens.lora_embedding_A.weight",
            "base_model.model.lm_head.lora_A.default.weight",
            "base_model.model.model.layers.0.self_attn.q_proj.base_layer.weight",
            "base_model.model.score.modules_to_save.default.weight",
            "lm_head.modules_to_save.default.dense.weight",
            "base_layer.weight",
            "modules_to_save.default.weight",
        ];
        for name in names {
            assert!(!is_table_name(name), "{name}");
        }
    }
}
