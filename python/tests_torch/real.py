"""Real models as plain folders: bodies of `data/*.gguf` unpacked to BF16, tables of `data/*.bf16.safetensors`."""

from __future__ import annotations

import os
from pathlib import Path

import safetensors.torch
import torch
import transformers

#: Body and table, as `cargo xtask data` makes them.
MODELS = {
    "SmolLM2-135M": ("SmolLM2-135M-Instruct.Q4_1.gguf", "SmolLM2-135M.bf16.safetensors"),
    "Gemma-3-270M": ("gemma-3-270m-q4_k_m.gguf", "Gemma-3-270M.bf16.safetensors"),
}


def data() -> Path:
    """Where `cargo xtask data` writes."""
    return Path(os.environ.get("XNC_TEST_DATA", Path(__file__).parents[2] / "data"))


def make(name: str, folder: Path) -> Path:
    """Writes the model as a plain folder, unless it is there."""
    if not (folder / "config.json").exists():
        body, table = MODELS[name]
        # Since 5.2x blocks stay packed unless one asks for plain weights; before, there was nothing to ask.
        packed = getattr(transformers, "GgufConfig", None)
        plain = {"quantization_config": packed(dequantize=True)} if packed else {}
        model = transformers.AutoModelForCausalLM.from_pretrained(
            data(), gguf_file=body, torch_dtype=torch.bfloat16, **plain
        )
        (weight,) = safetensors.torch.load_file(data() / table).values()
        model.get_input_embeddings().weight.data = weight
        model.tie_weights()
        model.save_pretrained(folder)
    return folder
