"""Codec `fast`, from spec/fast.md (F)."""

import array
import math
import struct

from .checks import crc32c, member, need, up


def places(n):  # F3: of each bit of a plane, the word it belongs to and where that word's lower byte is
    if n < 64:
        return [(i, i) for i in range(n)]
    order = [None] * 64
    for i in range(64):
        p = i & 7 | (i >> 3 & 3) << 4 | i >> 5 << 3
        order[8 * (p % 8) + p // 8] = i, p
    return order


class Table:  # what all rows share
    def __init__(self, dim, f16, symbols, biases):
        self.dim, self.f16, self.symbols = dim, f16, symbols
        need(not any(symbol & (0x87 if f16 else 0x80) for symbol in symbols) and symbols[7] == 0, "malformed symbols")
        self.biases = [bias << (10 if f16 else 7) for bias in biases]

    def row(self, data):  # F3, F4: a row's words
        need(data, "a row of no bytes")
        dim, count = self.dim, data[0]
        if count == 255:
            need(len(data) == 1 + 2 * dim, "a plain row of %d bytes" % len(data))
            return [word for word, in struct.iter_unpack("<H", data[1:])]
        groups, at, end = [], 1, len(data) - 3 * count  # the exceptions are the row's end
        for begin in range(0, dim, 64):
            n, planes = min(64, dim - begin), []
            size = up(n, 8) // 8
            for _ in range(5 if self.f16 else 2):
                planes.append(int.from_bytes(data[at:at + size], "little"))
                need(planes[-1] >> n == 0, "unused bits of a plane are not zero")
                at += size
            groups.append((begin, places(n), planes, data[at:at + n]))
            at += n
            need(at <= end, "a row is shorter than its groups and exceptions")
        uppers, lowers = self.uppers(groups, data[at:end])
        last, ranked = -1, 0x78 if self.f16 else 0x7F
        for column, upper in struct.iter_unpack("<HB", data[end:]):
            need(last < column < dim, "an exception's column does not increase, or is none")
            need(uppers[column] == self.symbols[0] | upper & ~ranked, "an exception that is not coded as rank 0")
            uppers[column], last = upper, column
        return [(upper << 8 | lower) + bias & 0xFFFF for upper, lower, bias in zip(uppers, lowers, self.biases)]

    def uppers(self, groups, tiers):  # F4: upper bytes without exceptions, and lower bytes
        stream, uppers, lowers = int.from_bytes(tiers, "little"), [0] * self.dim, [0] * self.dim
        first, second = 0, sum(bin(planes[0]).count("1") for _, _, planes, _ in groups)

        def take(at, bits, weight):  # for each word of `bits` the next bit of the stream, added to its rank
            for k in bits:
                ranks[k] += weight * (stream >> at & 1)
                at += 1
            return at

        for begin, order, planes, lower in groups:
            ranks = [planes[0] >> k & 1 for k in range(len(order))]
            escapes = [k for k, rank in enumerate(ranks) if rank]
            first = take(first, escapes, 1)
            above_1 = [k for k in escapes if ranks[k] > 1]
            second = take(second, above_1, 1)
            above_2 = [k for k in above_1 if ranks[k] > 2]
            second = take(take(second, above_2, 1), above_2, 2)
            need(len(escapes) <= 57 and len(above_1) + 2 * len(above_2) <= 57, "a group with too many bits of tiers")
            for k, (i, p) in enumerate(order):
                upper = self.symbols[ranks[k]] | (planes[1] >> k & 1) << 7
                for bit, plane in enumerate(planes[2:]):
                    upper |= (plane >> k & 1) << bit
                uppers[begin + i], lowers[begin + i] = upper, lower[p]
        need(up(second, 8) == 8 * len(tiers) and stream >> second == 0, "tiers do not end with their last bit")
        return uppers, lowers


def decode_fast(meta, words, payload, index, first, last):  # F5: words first..last of a table
    rows, dim = meta["shape"][0], math.prod(meta["shape"][1:])
    need(member(meta, "params", dict) == {}, "params that codec fast does not have")
    rows = rows if dim else 0  # no words: no chunks, no row starts
    count = max(1, 65535 // (2 * dim + 1))  # rows of a chunk
    chunks = -(-rows // count)
    at = 16 * chunks + 2 * rows
    used = at + 8 + dim
    need(len(index) == up(used, 64), "the index's size does not fit the shape")
    need(not any(index[used:]), "the index's padding is not zero")
    records = list(struct.iter_unpack("<QII", index[:16 * chunks]))
    starts = struct.unpack("<%dH" % rows, index[16 * chunks:at])
    table = Table(dim, meta["words"] == "F16", index[at:at + 8], index[at + 8:used])
    out, wanted, begin = array.array("H"), range(first // max(dim, 1), -(-last // max(dim, 1))), 0
    for chunk, (end, crc, zero) in enumerate(records):
        need(begin <= end <= len(payload) and zero == 0, "chunk %d: its record is malformed" % chunk)
        numbers = range(chunk * count, min((chunk + 1) * count, rows))
        edges = [*starts[numbers.start:numbers.stop], end - begin]
        need(edges[0] == 0 and all(a <= b for a, b in zip(edges, edges[1:])),
             "chunk %d: row starts do not begin with 0, decrease, or pass its end" % chunk)
        if numbers.start < wanted.stop and wanted.start < numbers.stop:
            data = bytes(payload[begin:end])
            need(crc32c(data) == crc, "chunk %d: its checksum differs" % chunk)
            for row, a, b in zip(numbers, edges, edges[1:]):
                if row in wanted:
                    out.extend(table.row(data[a:b]))
        begin = end
    planes = dim // 64 * 8 + up(dim % 64, 8) // 8  # bytes of one plane
    spare = 1 + dim + (5 if table.f16 else 2) * planes + dim // 2 + 16
    need(len(payload) == up(begin + spare, 64), "the payload's size does not fit its chunks")
    need(not any(payload[begin:]), "the payload's padding is not zero")
    return out[first - wanted.start * dim:last - wanted.start * dim]
