"""Codec `fast`, from spec/fast.md (F)."""

import array
import functools
import math
import struct

from .checks import crc32c, member, need, up


GROUP = 64
CODINGS = {"bf16": ("BF16", 7, 0), "f16": ("F16", 10, 3), "bf16_in_f16": ("F16", 7, 0)}  # F2: dtype, mantissa, kept


def places(n):  # F3: of each word of a group, its place among the lower bytes and its plane bit
    if n < GROUP:
        return [(i, i) for i in range(n)]
    found = [(i >> 3 & 3) << 4 | (i >> 5) << 3 | i & 7 for i in range(n)]
    return [(place, (place & 7) << 3 | place >> 3) for place in found]


@functools.lru_cache(maxsize=None)
def narrow(word):  # F2: BF16 word to the FP16 word of the same value
    if word & 0x7FFF > 0x7F80:
        return word & 0x8000 | 0x7E00 | (word & 0x7F) << 3
    value = struct.unpack("<f", struct.pack("<HH", 0, word))[0]
    try:
        return struct.unpack("<H", struct.pack("<e", value))[0]
    except OverflowError:
        return word & 0x8000 | 0x7C00


def decode_row(data, dim, mantissa, kept, tops, bias):  # F3, F4: the words of a row
    need(data, "a row without bytes")
    if data[0] == 255:
        need(len(data) == 1 + 2 * dim, "a plain row of another length")
        return [word[0] for word in struct.iter_unpack("<H", data[1:])]
    at, groups = 1, []
    for first in range(0, dim, GROUP):
        n = min(GROUP, dim - first)
        size = -(-n // 8)
        need(at + size * (2 + kept) + n <= len(data), "a row ends inside a group")
        planes = [int.from_bytes(data[at + size * i:at + size * i + size], "little") for i in range(2 + kept)]
        at += size * (2 + kept)
        groups.append((first, n, planes, data[at:at + n]))
        at += n
    exceptions = len(data) - 3 * data[0]
    need(at <= exceptions, "a row without room for its exceptions")
    bits = int.from_bytes(data[at:], "little")  # what a row lacks is not defined; here it is zero

    def spread(mask):  # F4: the next bits, in order, to the set bits of a mask
        nonlocal bits
        out = 0
        for bit in range(GROUP):
            if mask >> bit & 1:
                out |= (bits & 1) << bit
                bits >>= 1
        return out

    seconds = [spread(planes[0]) for _, _, planes, _ in groups]
    words = []
    for (first, n, planes, lower), second in zip(groups, seconds):
        third = spread(second)
        low = spread(third)
        high = spread(third)
        for i, (place, bit) in enumerate(places(n)):
            one = [plane >> bit & 1 for plane in (planes[0], second, third, low, high)]
            rank = one[0] + one[1] + one[2] + one[3] + 2 * one[4]
            upper = tops[rank] | (planes[1] >> bit & 1) << 7
            upper |= sum((plane >> bit & 1) << j for j, plane in enumerate(planes[2:]))
            words.append((upper << 8 | lower[place]) + (bias[first + i] << mantissa) & 0xFFFF)
    for column, upper in struct.iter_unpack("<HB", data[exceptions:]):
        need(column < dim, "an exception in no column")
        coded = words[column] - (bias[column] << mantissa)
        words[column] = (upper << 8 | coded & 0xFF) + (bias[column] << mantissa) & 0xFFFF
    return words


def decode_fast(meta, words, payload, index, first, last):  # F5: words first..last of a table
    rows, dim = meta["shape"][0], math.prod(meta["shape"][1:])
    coding = member(member(meta, "params", dict), "coding", str)
    need(coding in CODINGS and CODINGS[coding][0] == meta["dtype"], "coding %r of %s" % (coding, meta["dtype"]))
    _, mantissa, kept = CODINGS[coding]
    count = max(1, 65535 // (2 * dim + 1))
    chunks, rows = (-(-rows // count), rows) if dim else (0, 0)
    starts_at, tops_at = 16 * chunks, 16 * chunks + 2 * rows
    need(len(index) == up(tops_at + 8 + dim, 64), "the index's size does not fit its rows")
    need(not any(index[tops_at + 8 + dim:]), "the index's padding is not zero")
    starts = [start[0] for start in struct.iter_unpack("<H", index[starts_at:tops_at])]
    tops, bias = index[tops_at:tops_at + 7], index[tops_at + 8:tops_at + 8 + dim]
    begin, out = 0, array.array("H")
    for c in range(chunks):
        end, crc = struct.unpack_from("<QI", index, 16 * c)
        need(begin <= end <= len(payload), "chunk %d: its end decreases or passes the payload" % c)
        held = range(c * count, min(rows, (c + 1) * count))
        bounds = [starts[row] for row in held] + [end - begin]
        need(bounds[0] == 0 and bounds == sorted(bounds), "chunk %d: its rows decrease or pass it" % c)
        if held.start * dim < last and first < held.stop * dim:
            data = bytes(payload[begin:end])
            need(crc32c(data) == crc, "chunk %d: its checksum differs" % c)
            for row, a, b in zip(held, bounds, bounds[1:]):
                if row * dim < last and first < (row + 1) * dim:
                    decoded = decode_row(data[a:b], dim, mantissa, kept, tops, bias)
                    if coding == "bf16_in_f16":
                        decoded = [narrow(word) for word in decoded]
                    out.extend(decoded[max(0, first - row * dim):last - row * dim])
        begin = end
    groups = dim // GROUP * (16 + 8 * kept + GROUP) + -(-(dim % GROUP) // 8) * (2 + kept) + dim % GROUP
    need(len(payload) == up(begin + 1 + groups + dim // 2 + 16, 64), "the payload's size does not fit its chunks")
    need(not any(payload[begin:]), "the payload's padding is not zero")
    return out
