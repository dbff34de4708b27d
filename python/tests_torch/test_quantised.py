"""Quantised bodies keep their own quantiser, and only the table is ours."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import models
import pytest
import torch
import transformers
from conftest import load
from test_models import IDS, logits

import xnc.transformers
from xnc.transformers import XncTensor

Folders = Callable[[str], tuple[Path, Path]]


def torchao() -> Any:
    quantization = pytest.importorskip("torchao.quantization")
    return transformers.TorchAoConfig(quantization.Int8WeightOnlyConfig())


def bits_4() -> Any:
    pytest.importorskip("bitsandbytes")
    return transformers.BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.bfloat16
    )


def bits_8() -> Any:
    pytest.importorskip("bitsandbytes")
    return transformers.BitsAndBytesConfig(load_in_8bit=True)


QUANTISERS = {"torchao": torchao, "bitsandbytes-4": bits_4, "bitsandbytes-8": bits_8}


@pytest.mark.parametrize("name", ["llama-tied", "llama-untied"])
@pytest.mark.parametrize("quantiser", QUANTISERS)
def test_checkpoints_of_a_quantiser(folders: Folders, tmp_path: Path, name: str, quantiser: str) -> None:
    config = QUANTISERS[quantiser]()
    try:
        made = load(name, folders(name)[0], quantization_config=config)
        made.save_pretrained(tmp_path / "plain")
        plain = load(name, tmp_path / "plain")
        expected = logits(plain)
    except Exception as upstream:
        pytest.skip(f"{quantiser} does not save, load and run here: {upstream}")
    xnc.compress(tmp_path / "plain", tmp_path / "small")
    assert (tmp_path / "small/config.json").read_bytes() == (tmp_path / "plain/config.json").read_bytes()
    small = load(name, tmp_path / "small")
    held = dict(xnc.transformers.tables(small))
    assert held and all(models.VOCAB in table.shape for table in held.values())
    assert type(small.model.layers[0].mlp.up_proj) is type(plain.model.layers[0].mlp.up_proj)
    assert torch.equal(logits(small), expected)


@pytest.mark.parametrize("quantiser", QUANTISERS)
def test_quantising_a_compressed_folder(folders: Folders, quantiser: str) -> None:
    config = QUANTISERS[quantiser]()
    plain, folder = folders("llama-untied")
    try:
        expected = logits(load("llama-untied", plain, quantization_config=config))
    except Exception as upstream:
        pytest.skip(f"{quantiser} does not quantise here: {upstream}")
    small = load("llama-untied", folder, quantization_config=config)
    assert isinstance(small.get_input_embeddings().weight, XncTensor)
    assert torch.equal(logits(small), expected)


def test_preparation_for_training_in_4_bits(folders: Folders) -> None:
    peft = pytest.importorskip("peft")
    config = bits_4()
    try:
        logits(load("llama-untied", folders("llama-untied")[0], quantization_config=config))
    except Exception as upstream:
        pytest.skip(f"4 bits do not run here: {upstream}")
    found = []
    for folder in folders("llama-untied"):
        torch.manual_seed(5)
        model = load("llama-untied", folder, quantization_config=config)
        model = peft.prepare_model_for_kbit_training(model)
        model = peft.get_peft_model(model, peft.LoraConfig(r=4, target_modules=["q_proj"], task_type="CAUSAL_LM"))
        loss = model(input_ids=IDS, labels=IDS).loss
        loss.backward()
        named = model.named_parameters()
        found.append((loss.detach(), {name: p.grad for name, p in named if p.grad is not None}))
    (loss, gradients), (own_loss, own_gradients) = found
    assert torch.equal(loss, own_loss) and gradients and gradients.keys() == own_gradients.keys()
    for name, gradient in gradients.items():
        assert torch.equal(gradient, own_gradients[name]), name
