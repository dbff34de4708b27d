"""ZipNN: bytes of a kind side by side, Huffman coded.

Its package imports torch and safetensors for tensors; for bytes it uses neither, so two empty stand-ins spare gigabytes of download.
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


def store(encoded, path):
    with open(path, "wb") as file:
        file.write(encoded)
    return len(encoded)


def load(setting, path, table):
    with open(path, "rb") as file:
        return file.read(), table.dtype, table.row_bytes


def decode(opened):
    return codec(opened[1]).decompress(opened[0])


def row(opened, number):
    size = opened[2]
    return memoryview(decode(opened))[number * size : (number + 1) * size]
