"""Files that tests read: made here, of words that compress."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest

import xnc

NAME = "model.embed_tokens.weight"
ROWS, DIM = 3000, 64


def bf16_words(seed: int, rows: int = ROWS, dim: int = DIM) -> np.ndarray:
    """Words of normal values rounded to BF16, as weights are."""
    values = np.random.default_rng(seed).standard_normal((rows, dim), np.float32) * 0.03
    return (values.view(np.uint32) >> 16).astype(np.uint16)


def values_of(words: np.ndarray) -> np.ndarray:
    """The float32 values of BF16 words."""
    return (words.astype(np.uint32) << 16).view(np.float32)


def write_safetensors(path: Path, tensors: dict[str, tuple[str, np.ndarray]]) -> None:
    """A safetensors file, by its specification."""
    header, at = {"__metadata__": {"format": "pt"}}, 0
    for name, (dtype, array) in tensors.items():
        header[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": [at, at + array.nbytes]}
        at += array.nbytes
    text = json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for _, array in tensors.values():
            file.write(array.tobytes())


@pytest.fixture(scope="session")
def words() -> np.ndarray:
    return bf16_words(1)


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory, words: np.ndarray) -> Path:
    path = tmp_path_factory.mktemp("plain") / "model.safetensors"
    half = values_of(bf16_words(2, 500)).astype(np.float16)
    wide = values_of(bf16_words(3, 400))
    norm = np.full(DIM, 0.1, np.float32)
    write_safetensors(
        path,
        {
            NAME: ("BF16", words),
            "lm_head.weight": ("F16", half),
            "wide.embed_tokens.weight": ("F32", wide),
            "norm.weight": ("F32", norm),
        },
    )
    return path


@pytest.fixture(scope="session")
def compressed(plain: Path) -> Path:
    path = plain.with_name("model.xnc.safetensors")
    xnc.compress(plain, path)
    return path


@pytest.fixture
def model(compressed: Path) -> xnc.Model:
    return xnc.open(compressed)


@pytest.fixture
def table(model: xnc.Model) -> xnc.Table:
    return model[NAME]
