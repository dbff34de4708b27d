"""Loading without a wrapped reader, and what can be done with loaded models."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from ..errors import MissingFileError, UsageError
from ..torch._weights import MODES
from ._files import SafeOpen
from ._tensor import XncTensor


def load(cls: Any, folder: str | os.PathLike[str], *, mode: str = "exact", **kwargs: Any) -> Any:
    """Loads a compressed folder with nothing wrapped: ``load(AutoModelForCausalLM, "model.xnc")``.

    ``cls`` is a model class or one of the Auto classes; ``kwargs`` go to its ``from_pretrained``. Checkpoints of
    torchao need the metadata of their files, which do not get there this way: for these, and for ids of a hub,
    import :mod:`xnc.transformers` and call ``from_pretrained``.
    """
    from transformers import AutoConfig, GenerationConfig

    folder = Path(folder)
    config = kwargs.pop("config", None) or AutoConfig.from_pretrained(folder)
    if hasattr(cls, "_model_mapping"):
        cls = cls._model_mapping[type(config)]
        # A configuration may name several classes, of which the first is the usual one.
        cls = cls[0] if isinstance(cls, (list, tuple)) else cls
    state = {name: tensor for file in _shards(folder) for name, tensor in SafeOpen(file).get_tensors().items()}
    if "dtype" not in kwargs and "torch_dtype" not in kwargs:
        kwargs["torch_dtype"] = getattr(config, "dtype", None) or getattr(config, "torch_dtype", None) or "auto"
    model = cls.from_pretrained(None, config=config, state_dict=state, **kwargs)
    if (folder / "generation_config.json").exists() and hasattr(model, "generation_config"):
        model.generation_config = GenerationConfig.from_pretrained(folder)
    model.name_or_path = str(folder)
    set_mode(model, mode)
    return model


def set_mode(model: torch.nn.Module, mode: str) -> None:
    """How heads of a model are multiplied on the CPU.

    ``exact`` unpacks rows a few at a time for torch's own product: every bit as from plain. ``fast`` multiplies
    compressed rows as they are: within one rounding.
    """
    if mode not in MODES:
        raise UsageError(f"mode is one of {', '.join(MODES)}, not {mode!r}")
    for _, tensor in tables(model):
        tensor._handle.set_mode(mode)


def tables(model: torch.nn.Module) -> Iterator[tuple[str, XncTensor]]:
    """The compressed tables of a model, by the names of their parameters; tied ones under each name."""
    for name, parameter in model.named_parameters(remove_duplicate=False):
        if isinstance(parameter, XncTensor):
            yield name, parameter


def unpack(model: torch.nn.Module) -> torch.nn.Module:
    """Makes every compressed table of a model a plain parameter, in place; tied ones stay tied."""
    made: dict[int, torch.nn.Parameter] = {}
    for module in model.modules():
        for name, held in module._parameters.items():
            if isinstance(held, XncTensor):
                if id(held) not in made:
                    made[id(held)] = torch.nn.Parameter(held.plain())
                module._parameters[name] = made[id(held)]
    return model


def _shards(folder: Path) -> list[Path]:
    """The safetensors files of a model folder, as its index names them."""
    index = folder / "model.safetensors.index.json"
    if index.exists():
        names = json.loads(index.read_text())["weight_map"].values()
        return [folder / name for name in dict.fromkeys(names)]
    if not (folder / "model.safetensors").exists():
        raise MissingFileError(f"{folder}: holds neither model.safetensors nor an index of shards")
    return [folder / "model.safetensors"]
