"""Blosc2: shuffled blocks under a general-purpose compressor; reads slices of arrays."""

import blosc2
import numpy

VERSION = f"blosc2 {blosc2.__version__}"
MEANS = {
    "default": "NDArray, zstd 5 after byte shuffle",
    "best": "NDArray, zstd 9 after byte shuffle; a bit shuffle is larger",
}


def encode(setting, table):
    words = numpy.frombuffer(table.given, dtype=numpy.uint16).reshape(table.rows, table.dim)
    settings = {"codec": blosc2.Codec.ZSTD, "nthreads": 1, "filters": [blosc2.Filter.SHUFFLE]}
    settings["clevel"] = 9 if setting == "best" else 5
    return blosc2.asarray(words, cparams=settings)


def store(encoded, path):
    frame = encoded.to_cframe()
    with open(path, "wb") as file:
        file.write(frame)
    return len(frame)


def load(setting, path, table):
    blosc2.set_nthreads(1)
    with open(path, "rb") as file:
        return blosc2.ndarray_from_cframe(file.read(), copy=True)


def decode(opened, table):
    return opened[:]


def row(opened, table, number):
    return opened[number]
