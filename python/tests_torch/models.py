"""Tiny models of nine architectures, with random weights, as plain folders."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers

VOCAB = 600
TEXT = {
    "vocab_size": VOCAB,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "max_position_embeddings": 256,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}


def _causal(name: str, **more: Any) -> Any:
    config = getattr(transformers, f"{name}Config")(**{**TEXT, **more})
    return getattr(transformers, f"{name}ForCausalLM")(config)


def _gemma3n() -> Any:
    return transformers.Gemma3nForCausalLM(
        transformers.Gemma3nTextConfig(
            **{**TEXT, "num_hidden_layers": 4, "intermediate_size": [96] * 4},
            vocab_size_per_layer_input=VOCAB,
            hidden_size_per_layer_input=16,
            num_kv_shared_layers=0,
            layer_types=["sliding_attention", "full_attention"] * 2,
            activation_sparsity_pattern=[0.0] * 4,
            laurel_rank=8,
        )
    )


def _gemma4() -> Any:
    return transformers.Gemma4ForCausalLM(
        transformers.Gemma4TextConfig(
            **{**TEXT, "num_hidden_layers": 4},
            vocab_size_per_layer_input=VOCAB,
            hidden_size_per_layer_input=16,
            num_kv_shared_layers=0,
            layer_types=["sliding_attention", "full_attention"] * 2,
            global_head_dim=16,
        )
    )


def _qwen_vl() -> Any:
    vision = {"depth": 1, "hidden_size": 32, "num_heads": 2, "intermediate_size": 32, "out_hidden_size": 64}
    config = transformers.Qwen2_5_VLConfig(
        text_config={
            **{key: value for key, value in TEXT.items() if key != "head_dim"},
            "rope_scaling": {"type": "mrope", "rope_type": "default", "mrope_section": [2, 3, 3]},
        },
        vision_config=vision,
        image_token_id=10,
        video_token_id=11,
        vision_start_token_id=12,
        vision_end_token_id=13,
    )
    return transformers.Qwen2_5_VLForConditionalGeneration(config)


def _smol_vlm() -> Any:
    vision = {
        "hidden_size": 32,
        "intermediate_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "image_size": 32,
        "patch_size": 16,
    }
    config = transformers.SmolVLMConfig(
        text_config={**TEXT, "model_type": "llama"}, vision_config=vision, image_token_id=10
    )
    return transformers.SmolVLMForConditionalGeneration(config)


MODELS: dict[str, Callable[[], Any]] = {
    "llama-tied": lambda: _causal("Llama", tie_word_embeddings=True),
    "llama-untied": lambda: _causal("Llama", tie_word_embeddings=False),
    "qwen2": lambda: _causal("Qwen2", tie_word_embeddings=True),
    "qwen3": lambda: _causal("Qwen3", tie_word_embeddings=True),
    "gemma3": lambda: transformers.Gemma3ForCausalLM(transformers.Gemma3TextConfig(**TEXT)),
    "gemma3n": _gemma3n,
    "gemma4": _gemma4,
    "qwen2.5-vl": _qwen_vl,
    "smolvlm": _smol_vlm,
}


def make(name: str, folder: Path, dtype: torch.dtype = torch.bfloat16) -> Path:
    """Writes the model as a plain folder."""
    torch.manual_seed(7)
    model = MODELS[name]().to(dtype).eval()
    # Random heads of the usual scale make logits that differ by less than a rounding.
    for parameter in model.parameters():
        if parameter.dim() == 2 and parameter.shape[0] == VOCAB:
            torch.nn.init.normal_(parameter, std=0.5)
    model.save_pretrained(folder)
    return folder
