"""Compressed tables in safetensors files, for loaders that open these with `safe_open`."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from typing import Any

import safetensors
import torch

from .._model import Model
from .._model import open as open_model
from ._tensor import XncTensor

_META, _INDEX, _FILE = ".xnc_meta", ".xnc_index", "xnc.file"

#: Packages whose modules hold the name themselves.
_LOADERS = (
    "accelerate",
    "diffusers",
    "model2vec",
    "optimum",
    "peft",
    "safetensors",
    "sentence_transformers",
    "transformers",
)

#: Modules of Transformers that are imported late, and bind the name when they are.
_LATE = ("integrations.accelerate", "integrations.peft", "modeling_layers", "quantizers.quantizer_torchao")

_plain_open = safetensors.safe_open


class SafeOpen:
    """`safetensors.safe_open`, with compressed tables in place of what they are stored as.

    Everything that returns tensors or their names is here; the rest is the reader's of the plain file.
    """

    def __init__(self, filename: Any, framework: str = "pt", device: Any = "cpu", *args: Any, **kwargs: Any) -> None:
        self._file = _plain_open(filename, framework, device, *args, **kwargs)
        self._numpy = framework not in ("pt", "torch", "pytorch")
        self._device = device
        names = set(self._file.keys())
        self._tables = {
            name.removesuffix(_META) for name in names if name.endswith(_META) and name.removesuffix(_META) in names
        }
        companions = {table + end for table in self._tables for end in (_META, _INDEX)}
        self._hidden = companions | {_FILE} if self._tables else set()
        self._model: Model | None = open_model(filename) if self._tables else None

    def __enter__(self) -> SafeOpen:
        self._file.__enter__()
        return self

    def __exit__(self, *error: Any) -> Any:
        return self._file.__exit__(*error)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def keys(self) -> list[str]:
        return [name for name in self._file.keys() if name not in self._hidden]

    def offset_keys(self) -> list[str]:
        return [name for name in self._file.offset_keys() if name not in self._hidden]

    def metadata(self) -> dict[str, str] | None:
        held: dict[str, str] | None = self._file.metadata()
        # Loaders take some of these for descriptions of tensors of their own.
        return held and {key: text for key, text in held.items() if not key.startswith(("xnc.", "xnc_"))}

    def get_tensor(self, name: str) -> Any:
        return self._table(name) if name in self._tables else self._file.get_tensor(name)

    def get_tensors(self, *names: Any) -> dict[str, Any]:
        wanted = self.keys() if not names else names[0]
        return {name: self.get_tensor(name) for name in wanted}

    def get_slice(self, name: str) -> Any:
        return _Slice(self, name) if name in self._tables else self._file.get_slice(name)

    def _table(self, name: str) -> Any:
        assert self._model is not None
        table = self._model[name]
        if self._numpy:
            return table.values
        address = self._model.address(name) or 0
        tensor: torch.Tensor = XncTensor.of(table, name, address, self._model.digest(name))
        if len(table.source_shape) != 2:
            # No table of rows, but a tensor that somebody had compressed too.
            tensor = tensor.plain().reshape(table.source_shape)  # type: ignore[attr-defined]
        device = torch.device("cpu" if self._device is None else self._device)
        return tensor if device.type == "cpu" else tensor.to(device)


class _Slice:
    """What `get_slice` gives of a compressed table."""

    def __init__(self, file: SafeOpen, name: str) -> None:
        self._file, self._name = file, name

    def get_dtype(self) -> str:
        assert self._file._model is not None
        return str(self._file._model[self._name].source_dtype)

    def get_shape(self) -> list[int]:
        assert self._file._model is not None
        return list(self._file._model[self._name].source_shape)

    def __getitem__(self, key: Any) -> Any:
        table = self._file._table(self._name)
        whole = key is Ellipsis or key == slice(None) or key == (slice(None), slice(None))
        return table if whole else table[key]


def install() -> None:
    """Wraps `safetensors.safe_open`, here and where modules that are loaded hold it. Again is fine."""
    if "transformers" in sys.modules or importlib.util.find_spec("transformers") is not None:
        importlib.import_module("transformers.modeling_utils")
        for name in _LATE:
            try:
                importlib.import_module(f"transformers.{name}")
            except Exception:  # Parts of it need packages that may not be there, or may be broken.
                continue
    _rebind(_plain_open, SafeOpen)


def uninstall() -> None:
    """Undoes :func:`install`. Models that are loaded stay as they are."""
    _rebind(SafeOpen, _plain_open)


def _rebind(old: Any, new: Any) -> None:
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in _LOADERS and getattr(module, "__dict__", {}).get("safe_open") is old:
            module.safe_open = new  # type: ignore[attr-defined]
