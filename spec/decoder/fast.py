"""Codec `fast`, from spec/fast.md (F)."""

import struct
from itertools import islice

from .checks import crc32c, member, need, padded, up


def bits_of(i, n):  # F3: of word i of n, the place, and where its rank and its plane bits are
    if n < 64:
        return i, 2 * i, i
    p = i & 7 | (i >> 3 & 3) << 4 | i >> 5 << 3
    return p, 8 * (p % 16) + (0, 4, 2, 6)[p // 16], 8 * (p % 8) + p // 8


def decode_row(data, listed, planes, symbols, biases, phase):  # F3, F4: the words of a coded row
    dim, columns, words, at, place = len(biases), {}, [], 2 * listed, -1
    for begin in range(0, dim, 64):
        n, parts = min(64, dim - begin), []
        for size in up(n, 4) // 4, *[up(n, 8) // 8] * planes, n:
            parts.append(int.from_bytes(data[at:at + size], "little"))
            at += size
        ranks, *bits, lowers = parts
        for i in range(n):
            p, rank, bit = bits_of(i, n)
            upper = symbols[ranks >> rank & 3] + sum((plane >> bit & 1) << to for plane, to in zip(bits, (7, 0, 1, 2)))
            columns[begin + p] = len(words)
            words.append((upper + biases[begin + i] << 8 | lowers >> 8 * p & 255) - phase)
    for entry, in struct.iter_unpack("<H", data[:2 * listed]):
        place, code = place + 1 + entry % 4096, entry // 4096
        if code < 15 and place in columns:
            words[columns[place]] += symbols[4 + code] - symbols[0] << 8
    return [word & 0xFFFF for word in words]


def placing(params):  # F5: where a row begins, given where the one before ends and its length; the page
    align, page = member(params, "align", int), member(params, "page", int)
    need(len(params) == 2 and align in (1, 2, 4, 8, 16, 32, 64) and page in (0, 4096), "params that no codec has")

    def begins(end, length):
        begin = up(end, align)
        return up(begin, page) if length <= page < begin % page + length else begin
    return (begins if page else lambda end, length: up(end, align)), page


def decode_fast(table, payload, index, wanted):  # F5: the words of the wanted rows
    rows, dim, kind, params = table
    begins, page = placing(params)
    planes, mantissa = (4, 10) if kind == "F16" else (1, 7)
    plain, form = (255, "B") if dim <= 16384 else (65535, "H")
    sizes = blocks, pages, _, _, _ = up(rows, 32) // 32, up(len(payload), 4096) // 4096, rows, 20, dim
    form = "<%dQ%dI%d%s20B%dB" % (blocks, pages, rows, form, dim)
    padded(index, struct.calcsize(form), "the index")
    fields = iter(struct.unpack_from(form, index))
    starts, checksums, counts, (*symbols, phase), biases = (list(islice(fields, size)) for size in sizes)
    need(phase < 2, "a phase that is neither 0 nor 1")
    coded, end, out, checked = dim + up(dim, 4) // 4 + planes * (up(dim, 8) // 8), 0, [], set()
    for row, count in enumerate(counts):
        length = 2 * dim if count == plain else 2 * count + coded
        begin = begins(end, length)
        end = begin + length
        need(row % 32 or starts[row // 32] == begin, "block %d does not begin where its rows do" % (row // 32))
        need(end <= len(payload) and (count == plain or length < 2 * dim), "row %d is too long" % row)
        if row not in wanted:
            continue
        for p in set(range(begin // 4096, up(end, 4096) // 4096)) - checked:
            need(crc32c(payload[4096 * p:4096 * p + 4096]) == checksums[p], "page %d: its checksum differs" % p)
            checked.add(p)
        out += (struct.unpack("<%dH" % dim, payload[begin:end]) if count == plain else
                decode_row(payload[begin:end], count, planes, symbols, biases, phase << mantissa))
    need(len(payload) == up(end + 64, page or 64) and not any(payload[end:]), "the payload does not end as it should")
    return out
