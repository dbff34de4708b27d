"""Blosc2: shuffled blocks under a general-purpose compressor; reads slices of arrays, into arrays that are there."""

import blosc2
import numpy

VERSION = f"blosc2 {blosc2.__version__}"
MEANS = {
    "default": "NDArray, zstd 5 after byte shuffle",
    "best": "NDArray, zstd 9 after byte shuffle; a bit shuffle is larger",
    "quick": "NDArray, LZ4 5 after bit shuffle",
    "rows": "NDArray, a block a row, chunks of 64 KiB, zstd 5 after byte shuffle",
    "4k": "NDArray, blocks of at most 4 KiB in whole rows, chunks of 64 KiB, zstd 5 after byte shuffle",
    "64k": "NDArray, blocks and chunks of at most 64 KiB in whole rows, zstd 5 after byte shuffle",
}
INTO = tuple(MEANS)
PIECES = {"rows": 0, "4k": 1 << 12, "64k": 1 << 16}


def encode(setting, table):
    words = numpy.frombuffer(table.given, dtype=numpy.uint16).reshape(table.rows, table.dim)
    settings = {"codec": blosc2.Codec.ZSTD, "nthreads": 1, "filters": [blosc2.Filter.SHUFFLE]}
    settings["clevel"] = 9 if setting == "best" else 5
    if setting == "quick":
        settings |= {"codec": blosc2.Codec.LZ4, "filters": [blosc2.Filter.BITSHUFFLE]}
    if setting not in PIECES:
        return blosc2.asarray(words, cparams=settings)
    block = min(max(1, PIECES[setting] // table.row_bytes), table.rows)
    chunk = max(block, min((1 << 16) // table.row_bytes // block * block, table.rows))
    return blosc2.asarray(words, cparams=settings, chunks=(chunk, table.dim), blocks=(block, table.dim))


def store(encoded, path):
    frame = encoded.to_cframe()
    with open(path, "wb") as file:
        file.write(frame)
    return len(frame)


def load(setting, path, table):
    blosc2.set_nthreads(1)
    with open(path, "rb") as file:
        return blosc2.ndarray_from_cframe(file.read(), copy=True)


def decode(opened, table, out):
    array = numpy.frombuffer(out, dtype=numpy.uint16).reshape(table.rows, table.dim)
    opened.get_slice_numpy(array, ((0, 0), (table.rows, table.dim)))


def row(opened, table, number, out):
    array = numpy.frombuffer(out, dtype=numpy.uint16).reshape(1, table.dim)
    opened.get_slice_numpy(array, ((number, 0), (number + 1, table.dim)))
