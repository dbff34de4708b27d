"""Folders that the tests load: tiny models, plain and compressed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import models
import pytest
import torch
import transformers

import xnc
import xnc.transformers

# Tiny models gain nothing from more, and threads that wait for each other lose much on a busy machine.
torch.set_num_threads(1)
transformers.logging.set_verbosity_error()

Folders = Callable[[str], tuple[Path, Path]]


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    """A plain folder and a compressed one, by the name of a model."""
    made: dict[str, tuple[Path, Path]] = {}

    def get(name: str) -> tuple[Path, Path]:
        if name not in made:
            root = tmp_path_factory.mktemp(name)
            try:
                plain = models.make(name, root / "plain")
            except AttributeError as missing:
                pytest.skip(f"this version of Transformers lacks it: {missing}")
            report = xnc.compress(plain, root / "compressed")
            assert report["output_bytes"], report
            made[name] = plain, root / "compressed"
        return made[name]

    return get


def auto(name: str) -> Any:
    """The class that loads a model."""
    return transformers.AutoModelForImageTextToText if "vl" in name else transformers.AutoModelForCausalLM


def load(name: str, folder: Path, **kwargs: Any) -> Any:
    return auto(name).from_pretrained(folder, torch_dtype=torch.bfloat16, **kwargs).eval()
