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


def test_an_id_of_a_hub_through_the_local_cache(folders: Folders, tmp_path: Path) -> None:
    plain, folder = folders("qwen3")
    cached = tmp_path / "models--someone--tiny"
    (cached / "refs").mkdir(parents=True)
    (cached / "refs/main").write_text("0" * 40)
    (cached / "snapshots").mkdir()
    # As the cache is laid out: links to files elsewhere, and only those that loading asks for.
    snapshot = cached / "snapshots" / ("0" * 40)
    snapshot.mkdir()
    for name in ("config.json", "generation_config.json", "model.safetensors"):
        (snapshot / name).symlink_to(folder / name)
    options = {"cache_dir": tmp_path, "local_files_only": True, "torch_dtype": torch.bfloat16}
    model = auto("qwen3").from_pretrained("someone/tiny", **options).eval()
    assert dict(xnc.transformers.tables(model))
    assert torch.equal(logits(model), logits(load("qwen3", plain)))


def test_base_models_and_device_maps(folders: Folders) -> None:
    import transformers

    plain, folder = folders("llama-untied")
    for options in ({}, {"device_map": "cpu"}):
        base = transformers.AutoModel.from_pretrained(folder, torch_dtype=torch.bfloat16, **options).eval()
        other = transformers.AutoModel.from_pretrained(plain, torch_dtype=torch.bfloat16).eval()
        assert isinstance(base.get_input_embeddings().weight, XncTensor)
        with torch.no_grad():
            assert torch.equal(base(IDS).last_hidden_state, other(IDS).last_hidden_state)


def test_an_unfamiliar_type_of_the_body(folders: Folders) -> None:
    plain, folder = folders("llama-tied")
    for dtype in (torch.float32, torch.float16):
        model, other = (auto("").from_pretrained(path, torch_dtype=dtype).eval() for path in (folder, plain))
        assert model.get_input_embeddings().weight.dtype == dtype
        assert torch.equal(logits(model), logits(other))
    with torch.autocast("cpu", torch.bfloat16):
        model, other = (auto("").from_pretrained(path, torch_dtype=torch.float32).eval() for path in (folder, plain))
        assert logits(model).dtype == logits(other).dtype and torch.equal(logits(model), logits(other))
