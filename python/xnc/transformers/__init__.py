"""Lets Transformers, and what loads as it does, read compressed folders.

>>> import xnc.transformers
>>> model = AutoModelForCausalLM.from_pretrained("model.xnc")

The import wraps ``safetensors.safe_open``: a compressed table becomes a tensor of the right shape whose rows are
looked up, and whose products are taken, from the mapped file on the CPU; all else loads as ever, and
``config.json`` is untouched. :func:`uninstall` undoes it, and :func:`load` does without it.

Without the import, loading fails with a mismatch of sizes. It does not with ``ignore_mismatched_sizes=True``,
which Transformers answers with random embeddings: never pass that for a compressed folder.
"""

from __future__ import annotations

from ._files import install, uninstall
from ._models import load, set_mode, tables, unpack
from ._tensor import XncTensor

__all__ = ["XncTensor", "install", "load", "set_mode", "tables", "uninstall", "unpack"]

install()
