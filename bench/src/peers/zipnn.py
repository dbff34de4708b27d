"""ZipNN: bytes of a kind side by side, Huffman coded.

Its package imports torch and safetensors for tensors; for bytes it uses neither, so two empty stand-ins spare
gigabytes of download.
"""

import importlib.metadata
import sys
from unittest.mock import MagicMock

for name in ("torch", "safetensors", "safetensors.torch"):
    sys.modules[name] = MagicMock()

import zipnn

VERSION = f"zipnn {importlib.metadata.version('zipnn')}"
MEANS = {"default": "bytes of BF16, one thread; its other methods are no smaller"}


def codec(table_dtype):
    kind = {"BF16": "bfloat16", "F16": "float16"}[table_dtype]
    return zipnn.ZipNN(bytearray_dtype=kind, threads=1)


def encode(setting, table):
    return codec(table.dtype).compress(table.given)


def decode(opened, table, out):
    return codec(table.dtype).decompress(opened)
