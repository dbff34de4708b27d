"""Nine architectures: the same logits and tokens as plain, and nothing of a table's size that is plain."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import models
import pytest
import torch
from conftest import auto, load

import xnc.transformers
from xnc.transformers import XncTensor

Folders = Callable[[str], tuple[Path, Path]]

IDS = torch.tensor([[5, 77, 401, 9, 333, 20, 599, 100]])


def logits(model: Any, ids: torch.Tensor = IDS) -> torch.Tensor:
    with torch.no_grad():
        result: torch.Tensor = model(input_ids=ids).logits
    return result


def tokens(model: Any, count: int = 64) -> list[int]:
    # No token twice: random models with tied tables would say one thing for ever.
    options = {"max_new_tokens": count, "min_new_tokens": count, "do_sample": False, "no_repeat_ngram_size": 1}
    out = model.generate(IDS, attention_mask=torch.ones_like(IDS), **options)
    found: list[int] = out[0].tolist()
    return found


@pytest.mark.parametrize("name", models.MODELS)
def test_logits_and_tokens_are_those_of_plain(folders: Folders, name: str) -> None:
    plain_folder, folder = folders(name)
    plain, model = load(name, plain_folder), load(name, folder)
    assert dict(xnc.transformers.tables(model)), "no table is compressed"
    for part in (IDS, IDS[:, :1], IDS.repeat(3, 20)):
        assert torch.equal(logits(model, part), logits(plain, part))
    expected = tokens(plain)
    assert len(set(expected)) > 8, "a model that says one thing shows nothing"
    assert tokens(model) == expected
    xnc.transformers.set_mode(model, "fast")
    assert tokens(model) == expected
    one = logits(model, IDS[:, :1])
    assert torch.allclose(one.float(), logits(plain, IDS[:, :1]).float(), rtol=2**-7, atol=2**-7)


@pytest.mark.parametrize("name", models.MODELS)
def test_without_a_wrapped_reader(folders: Folders, name: str) -> None:
    plain_folder, folder = folders(name)
    xnc.transformers.uninstall()
    try:
        model = xnc.transformers.load(auto(name), folder).eval()
        assert dict(xnc.transformers.tables(model))
        assert torch.equal(logits(model), logits(load(name, plain_folder)))
        assert tokens(model, 8) == tokens(load(name, plain_folder), 8)
    finally:
        xnc.transformers.install()


@pytest.mark.parametrize("name", ["llama-tied", "llama-untied", "gemma3n", "gemma4"])
def test_nothing_plain_hides(folders: Folders, name: str) -> None:
    _, folder = folders(name)
    gc.collect()
    before = {id(found) for found in gc.get_objects() if isinstance(found, torch.Tensor)}
    model = load(name, folder)
    logits(model)
    gc.collect()
    everything = dict(model.named_parameters()) | dict(model.named_buffers())
    for tensor_name, tensor in everything.items():
        assert models.VOCAB not in tensor.shape or isinstance(tensor, XncTensor), tensor_name
    for found in gc.get_objects():
        if isinstance(found, torch.Tensor) and id(found) not in before and not isinstance(found, XncTensor):
            assert not (found.dim() == 2 and found.shape[0] == models.VOCAB), found.shape


def test_loading_fails_loudly_without_the_import(folders: Folders) -> None:
    _, folder = folders("llama-tied")
    xnc.transformers.uninstall()
    try:
        with pytest.raises((RuntimeError, ValueError)):
            load("llama-tied", folder)
    finally:
        xnc.transformers.install()
    assert dict(xnc.transformers.tables(load("llama-tied", folder)))
