"""Words and the elements that they stand for, from spec/container.md, section 3."""

import array
import functools
import struct
import sys


@functools.lru_cache(maxsize=None)
def image(word):  # X4: the FP16 image of a BF16 word
    sign = word & 0x8000
    if word & 0x7FFF > 0x7F80:
        return sign | 0x7E00 | (word & 0x7F) << 3
    try:
        return struct.unpack("<H", struct.pack("<e", *struct.unpack("<f", struct.pack("<HH", 0, word))))[0]
    except OverflowError:  # Python refuses to round to infinity
        return sign | 0x7C00


@functools.lru_cache(maxsize=None)
def wide(word):  # the bits of a binary32 number that has an FP16 word's value
    if word & 0x7C00 == 0x7C00:  # infinities and NaNs: Python may change the latter
        return (word & 0x8000) << 16 | 0x7F800000 | (0x400000 | (word & 0x3FF) << 13 if word & 0x3FF else 0)
    return struct.unpack("<I", struct.pack("<f", *struct.unpack("<e", struct.pack("<H", word))))[0]


MADE = {("BF16", "BF16"): ("H", None), ("F16", "F16"): ("H", None), ("F16", "BF16"): ("H", image),
        ("F32", "BF16"): ("I", lambda word: word << 16), ("F32", "F16"): ("I", wide)}


def elements(meta, words):  # bytes
    form, make = MADE[meta["dtype"], meta["words"]]
    made = array.array(form, map(make, words) if make else words)
    if sys.byteorder == "big":
        made.byteswap()
    return made.tobytes()
