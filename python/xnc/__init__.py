"""Lossless compression of 16-bit embedding tables that stay addressable by row.

>>> model = xnc.open("model.xnc.safetensors")          # mapped; a plain file opens as well
>>> table = model["model.embed_tokens.weight"]
>>> words = table[[3, 1, 4]]                           # float16, or uint16 that holds BF16 words
>>> table.rows(ids, out=buffer)                        # into NumPy, ml_dtypes or torch, nothing copied
>>> logits = table.product(hidden)                     # the output head, from compressed rows

``xnc.Store`` reads rows of tables that are larger than memory from disk.

``xnc.compress`` and its kin do what the command ``xnc`` does, which comes with this package.
``xnc.torch`` has modules, and ``import xnc.transformers`` lets Transformers load compressed folders.
"""

from __future__ import annotations

from . import errors
from ._files import analyze, compress, inspect, restore, transcode, verify
from ._model import Model, open
from ._store import Store
from ._table import Table, encode
from ._xnc import CODECS, __version__
from .errors import Error

__all__ = [
    "CODECS",
    "Error",
    "Model",
    "Store",
    "Table",
    "__version__",
    "analyze",
    "compress",
    "encode",
    "errors",
    "inspect",
    "open",
    "restore",
    "transcode",
    "verify",
]
