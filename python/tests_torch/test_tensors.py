"""What other libraries do with a weight: it works, or raises with a remedy, and never gives other numbers."""

from __future__ import annotations

import copy
import io
import pickle
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from conftest import load
from test_models import IDS, logits

import xnc.transformers
from xnc.errors import ReadOnlyError
from xnc.transformers import XncTensor

Folders = Callable[[str], tuple[Path, Path]]
NAME = "model.embed_tokens.weight"


@pytest.fixture
def pair(folders: Folders) -> tuple[Any, Any]:
    plain, compressed = folders("llama-tied")
    return load("llama-tied", plain), load("llama-tied", compressed)


@pytest.fixture
def weights(pair: tuple[Any, Any]) -> tuple[torch.Tensor, XncTensor]:
    plain, model = (model.get_input_embeddings().weight for model in pair)
    assert isinstance(model, XncTensor) and not isinstance(plain, XncTensor)
    return plain, model


def test_it_looks_like_a_weight(weights: tuple[torch.Tensor, XncTensor], pair: tuple[Any, Any]) -> None:
    plain, own = weights
    for name in ("shape", "dtype", "device", "ndim", "is_leaf", "layout"):
        assert getattr(own, name) == getattr(plain, name), name
    assert own.size() == plain.size() and own.stride() == plain.stride() and own.numel() == plain.numel()
    assert not own.requires_grad and NAME in repr(own)
    assert own.data_ptr() != 0
    assert isinstance(own.data, XncTensor) and isinstance(own.detach(), XncTensor)
    assert pair[1].get_output_embeddings().weight is own, "tied"
    assert torch.equal(own.plain(), plain)


def test_parts_of_it(weights: tuple[torch.Tensor, XncTensor]) -> None:
    plain, own = weights
    ids = torch.tensor([[3, -1], [0, 7]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for take in (
            lambda w: w[5],
            lambda w: w[-1],
            lambda w: w[10:20],
            lambda w: w[:-3],
            lambda w: w[ids],
            lambda w: w.data[5],
            lambda w: F.embedding(ids.abs(), w),
            lambda w: F.embedding(ids.abs(), w, padding_idx=0),
            lambda w: F.embedding_bag(ids.abs(), w, mode="mean"),
            lambda w: F.embedding_bag(ids.abs().view(-1), w, torch.tensor([0, 1]), mode="sum"),
            lambda w: F.linear(torch.ones(2, 64, dtype=torch.bfloat16), w),
            lambda w: F.linear(torch.ones(64, dtype=torch.bfloat16), w, torch.arange(600).bfloat16() / 7),
            lambda w: torch.zeros_like(w),
            lambda w: w.new_zeros(3),
        ):
            assert torch.equal(take(own), take(plain))
    assert torch.empty_like(own).shape == plain.shape
    # What needs all of it unpacks it, and says so.
    with pytest.warns(UserWarning, match="unpacks the whole"):
        assert torch.equal(own.float().mean(0), plain.float().mean(0))
    with pytest.warns(UserWarning, match="unpacks the whole"):
        assert torch.equal(own == 0, plain == 0)
    with pytest.warns(UserWarning, match="unpacks the whole"):
        assert torch.equal(torch.ones(1, 64).bfloat16() @ own.T, torch.ones(1, 64).bfloat16() @ plain.T)


def test_casts_round_as_often_as_plain_ones(weights: tuple[torch.Tensor, XncTensor]) -> None:
    plain, own = weights
    for cast in (
        lambda w: w.half(),
        lambda w: w.half().bfloat16(),
        lambda w: w.float(),
        lambda w: w.to(torch.float8_e4m3fn).bfloat16(),
        lambda w: w.double().half().float(),
    ):
        narrow = cast(own)
        assert isinstance(narrow, XncTensor) and narrow.dtype == cast(plain).dtype
        assert torch.equal(narrow.plain(), cast(plain))
        x = torch.randn(2, 64).to(narrow.dtype)
        assert torch.equal(F.linear(x, narrow), F.linear(x, cast(plain)))
    with pytest.warns(UserWarning, match="unpacks"):
        assert torch.equal(own.to(torch.int32), plain.to(torch.int32))


def test_what_would_change_it_is_refused(weights: tuple[torch.Tensor, XncTensor], pair: tuple[Any, Any]) -> None:
    _, own = weights
    for change in (
        lambda: own.requires_grad_(True),
        lambda: pair[1].requires_grad_(True),
        lambda: own.data.zero_(),
        lambda: own.data.mul_(2),
        lambda: own.data.copy_(torch.zeros(600, 64)),
        lambda: setattr(own, "data", torch.zeros(3, 64)),
        lambda: F.embedding(torch.tensor([1]), own, max_norm=1.0),
        lambda: own.storage(),
    ):
        with pytest.raises(ReadOnlyError, match="unpack") as raised:
            change()
        assert NAME in str(raised.value)
    with pytest.warns(UserWarning, match="stays frozen"):
        own.requires_grad = True
    assert not own.requires_grad


def test_equal_tables_are_not_unpacked(folders: Folders, weights: tuple[torch.Tensor, XncTensor]) -> None:
    _, own = weights
    again = load("llama-tied", folders("llama-tied")[1]).get_input_embeddings().weight
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert torch.equal(own, again)
    assert not torch.equal(own.half().bfloat16(), own) or torch.equal(own.plain().half().bfloat16(), own.plain())


def test_moves_only_change_what_it_is_called(weights: tuple[torch.Tensor, XncTensor]) -> None:
    """A nominal device, which needs no driver: no table moves to it."""
    _, own = weights
    moved = torch.ops.aten._to_copy.default(own, device="cuda:0")  # What `.to` comes to, where there is a driver.
    assert isinstance(moved, XncTensor) and moved.device == torch.device("cuda:0")
    assert moved.table is own.table and moved.shape == own.shape
    ids = torch.tensor([1, 5])
    assert torch.equal(F.embedding(ids, moved), own[ids])
    assert torch.equal(moved.to("cpu").plain(), own.plain())
    assert own.to("meta").device.type == "meta"


def test_copies_and_pickles(pair: tuple[Any, Any], tmp_path: Path) -> None:
    plain, model = pair
    twin = copy.deepcopy(model)
    held = twin.get_input_embeddings().weight
    assert isinstance(held, XncTensor) and twin.get_output_embeddings().weight is held
    assert torch.equal(logits(twin), logits(plain))
    # A pickle holds the plain table: whoever loads it needs nothing of ours.
    loaded = pickle.loads(pickle.dumps(model.get_input_embeddings()))
    assert type(loaded.weight) is torch.nn.Parameter
    assert torch.equal(loaded.weight, plain.get_input_embeddings().weight)
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    file.seek(0)
    state = torch.load(file, weights_only=True)
    for name, tensor in plain.state_dict().items():
        assert torch.equal(state[name], tensor), name


def test_saving_says_what_to_call(pair: tuple[Any, Any], folders: Folders, tmp_path: Path) -> None:
    plain, model = pair
    with pytest.raises(ReadOnlyError, match="unpack"):
        model.save_pretrained(tmp_path / "never")
    xnc.transformers.unpack(model).save_pretrained(tmp_path / "saved")
    assert not dict(xnc.transformers.tables(model))
    assert model.get_output_embeddings().weight is model.get_input_embeddings().weight
    assert torch.equal(logits(load("llama-tied", tmp_path / "saved")), logits(plain))


def test_compile_and_export(pair: tuple[Any, Any]) -> None:
    plain, model = pair
    compiled = torch.compile(model.model, backend="aot_eager", fullgraph=True)
    reference = torch.compile(plain.model, backend="aot_eager", fullgraph=True)
    with torch.no_grad():
        assert torch.equal(compiled(IDS).last_hidden_state, reference(IDS).last_hidden_state)
        program = torch.export.export(model, (), {"input_ids": IDS, "use_cache": False}, strict=False)
        assert torch.equal(program.module()(input_ids=IDS, use_cache=False).logits, logits(plain))


def test_gradients_go_through(pair: tuple[Any, Any]) -> None:
    found = []
    for model in pair:
        for name, parameter in model.named_parameters():
            if "embed" not in name:
                parameter.requires_grad_(True)
        model.get_input_embeddings().weight.requires_grad_(False)
        loss = model(input_ids=IDS, labels=IDS).loss
        loss.backward()
        named = model.named_parameters()
        found.append((loss.detach(), {name: p.grad for name, p in named if p.grad is not None}))
    (loss, gradients), (own_loss, own_gradients) = found
    assert torch.equal(loss, own_loss) and len(gradients) > 10 and gradients.keys() == own_gradients.keys()
    for name, gradient in gradients.items():
        assert torch.equal(gradient, own_gradients[name]), name


def test_low_rank_training(folders: Folders) -> None:
    peft = pytest.importorskip("peft")
    losses = []
    for folder in folders("llama-untied"):
        torch.manual_seed(3)
        config = peft.LoraConfig(r=4, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM")
        model = peft.get_peft_model(load("llama-untied", folder), config)
        optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-2)
        run = []
        for _ in range(4):
            loss = model(input_ids=IDS, labels=IDS).loss
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            run.append(loss.item())
        losses.append(run)
    assert losses[0] == losses[1] and losses[0][-1] < losses[0][0]
    with pytest.raises(ReadOnlyError, match="unpack"):
        config = peft.LoraConfig(r=4, target_modules=["q_proj"], modules_to_save=["embed_tokens"])
        peft.get_peft_model(load("llama-untied", folders("llama-untied")[1]), config)


def test_loading_in_inference_mode(folders: Folders, pair: tuple[Any, Any]) -> None:
    with torch.inference_mode():
        model = load("llama-tied", folders("llama-tied")[1])
    assert torch.equal(logits(model), logits(pair[0]))


def test_shards_codecs_and_wide_values(folders: Folders, tmp_path: Path, pair: tuple[Any, Any]) -> None:
    plain = pair[0]
    plain.save_pretrained(tmp_path / "shards", max_shard_size="60KB")
    assert len(list((tmp_path / "shards").glob("*.safetensors"))) > 2
    load("llama-tied", folders("llama-tied")[0]).float().save_pretrained(tmp_path / "wide")
    for source, codec in [("shards", "fast"), ("shards", "dense"), ("shards", "xnc"), ("wide", "tight")]:
        folder = tmp_path / f"{source}-{codec}"
        xnc.compress(tmp_path / source, folder, codec=codec)
        model = load("llama-tied", folder)
        ((_, own),) = {id(t): (n, t) for n, t in xnc.transformers.tables(model)}.values()
        assert own.table.codec == codec and torch.equal(logits(model), logits(plain))
    wide = xnc.transformers.load(type(plain), tmp_path / "wide-tight", torch_dtype=torch.float32)
    assert wide.get_input_embeddings().weight.dtype == torch.float32
    assert torch.equal(logits(wide), logits(type(plain).from_pretrained(tmp_path / "wide", torch_dtype=torch.float32)))
