"""`xnc.torch`: an embedding and a head that hold no parameter."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import xnc
import xnc.torch
from xnc.errors import ClosedError, DtypeError, RowError, UsageError

ROWS, DIM = 3000, 64


@pytest.fixture(scope="module")
def plain() -> torch.Tensor:
    torch.manual_seed(1)
    return (torch.randn(ROWS, DIM) * 0.05).bfloat16()


@pytest.fixture(scope="module")
def table(plain: torch.Tensor) -> xnc.Table:
    return xnc.encode(plain)


def test_tensors_are_taken_and_filled(table: xnc.Table, plain: torch.Tensor) -> None:
    ids = torch.tensor([[3, 9], [0, ROWS - 1]])
    out = torch.zeros(2, 2, DIM, dtype=torch.bfloat16)
    address = out.data_ptr()
    assert table.rows(ids, out=out) is out and out.data_ptr() == address
    assert torch.equal(out, plain[ids])
    values = torch.zeros(4, DIM)
    table.rows(ids.int().view(-1), out=values)
    assert torch.equal(values, plain[ids].float().view(4, DIM))
    half = xnc.encode(plain.half())
    out = torch.zeros(1, DIM, dtype=torch.float16)
    half.rows([5], out=out)
    assert torch.equal(out[0], plain[5].half())
    with pytest.raises(DtypeError):
        half.rows([5], out=torch.zeros(1, DIM, dtype=torch.bfloat16))
    with pytest.raises(DtypeError):
        table.rows([5], out=torch.zeros(1, DIM, dtype=torch.bfloat16, device="meta"))
    x = torch.randn(DIM)
    assert np.allclose(table.product(x), (plain.float() @ x).numpy(), atol=1e-5)
    assert np.allclose(table.product(x.bfloat16()), (plain.float() @ x.bfloat16().float()).numpy(), atol=1e-4)


def test_embedding(table: xnc.Table, plain: torch.Tensor) -> None:
    embedding = xnc.torch.Embedding(table)
    assert not list(embedding.parameters()) and not list(embedding.buffers()) and not embedding.state_dict()
    ids = torch.randint(0, ROWS, (3, 7))
    assert torch.equal(embedding(ids), F.embedding(ids, plain))
    assert torch.equal(embedding(torch.tensor(5)), plain[5])
    assert embedding(ids[:0]).shape == (0, 7, DIM)
    assert (embedding.num_embeddings, embedding.embedding_dim) == (ROWS, DIM)
    assert torch.equal(embedding.half()(ids), plain.half()[ids])
    assert torch.equal(embedding.to(torch.float32)(ids), plain.half().float()[ids])
    assert torch.equal(xnc.torch.Embedding(table, dtype=torch.float32)(ids), plain.float()[ids])
    with pytest.raises(RowError):
        embedding(torch.tensor([ROWS]))


@pytest.fixture(params=[1, 2])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    assert torch.get_num_threads() == request.param
    torch.set_num_threads(before)


@pytest.mark.parametrize("vectors", [1, 3, 50])
def test_linear(
    table: xnc.Table, plain: torch.Tensor, vectors: int, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("xnc.torch._weights.NEAR", 1 << 17)  # Some parts a thread.
    x, bias = torch.randn(vectors, 2, DIM).bfloat16(), torch.randn(ROWS).bfloat16()
    for some in (None, bias):
        exact = F.linear(x, plain, some)
        head = xnc.torch.Linear(table, some)
        assert not list(head.parameters())
        assert torch.equal(head(x), exact)
        fast = xnc.torch.Linear(table, some, mode="fast")(x)
        # Both round a sum of float32 once; the sums are taken in another order.
        assert torch.allclose(fast.float(), exact.float(), rtol=2**-7, atol=2**-10)
    wide = xnc.torch.Linear(table, dtype=torch.float32)
    assert torch.equal(wide(x.float()), F.linear(x.float(), plain.float()))
    with pytest.raises(UsageError):
        xnc.torch.Linear(table, mode="nonsense")


def test_gradients_of_linear(table: xnc.Table, plain: torch.Tensor) -> None:
    x = torch.randn(4, DIM).bfloat16()
    found = []
    for head in (xnc.torch.Linear(table), lambda x: F.linear(x, plain)):
        own = x.clone().requires_grad_()
        head(own).square().sum().backward()
        found.append(own.grad)
    assert torch.equal(found[0], found[1])


def test_modules_pickle_by_path(plain: torch.Tensor, tmp_path: Path) -> None:
    import safetensors.torch

    safetensors.torch.save_file({"a.embed_tokens.weight": plain}, tmp_path / "m.safetensors")
    xnc.compress(tmp_path / "m.safetensors")
    model = xnc.open(tmp_path / "m.xnc.safetensors")
    file = io.BytesIO()
    torch.save(xnc.torch.Embedding(model["a.embed_tokens.weight"]), file)
    assert file.tell() < 5000
    file.seek(0)
    again = torch.load(file, weights_only=False)
    assert torch.equal(again(torch.tensor([7])), plain[7:8])
    embedding = xnc.torch.Embedding(model["a.embed_tokens.weight"])
    model.close()
    with pytest.raises(ClosedError, match="a.embed_tokens.weight"):
        embedding(torch.tensor([1]))
