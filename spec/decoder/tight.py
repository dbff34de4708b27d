"""Codec `tight`, from spec/tight.md (T)."""

import struct
from itertools import islice

from .checks import crc32c, need, padded, up
from .fast import placing


def level(data, symbols, deeper):  # T4: the symbols of a level's codes; of deeper levels where a word passes on
    for code in (byte >> bit & 3 for byte in data for bit in (0, 2, 4, 6)):
        yield symbols[code - 1] if code else next(deeper)


def coded(dim, planes):  # T3: bytes of a row before its second level
    tail = up(dim % 64, 4)
    return dim // 64 * (80 + 8 * planes) + tail // 4 + up(tail, 8) // 8 * planes + tail


def group_of(data, tail, planes):  # T3: the tail as a group
    group, plane = bytearray(b"\x55" * 16 + bytes(8 * planes + 64)), up(tail, 8) // 8
    for i in range(tail):
        p = i & 7 | (i >> 3 & 3) << 4 | i >> 5 << 3
        to = (0, 4, 2, 6)[p // 16]
        group[p % 16] += ((data[i // 4] >> 2 * (i % 4) & 3) - 1) << to
        for k in range(planes):
            group[16 + 8 * k + p % 8] |= (data[tail // 4 + plane * k + i // 8] >> i % 8 & 1) << p // 8
        group[16 + 8 * planes + p] = data[tail // 4 + plane * planes + i]
    return group


def decode_row(data, length, second, planes, symbols, biases):  # T3, T4: the words of a coded row, guard behind it
    groups = up(len(biases), 64) // 64
    size, words, tail = 80 + 8 * planes, [], up(len(biases) % 64, 4)
    levels = data[coded(len(biases), planes):]
    passed = level(levels, symbols[3:6], level(levels[second:], symbols[6:], reversed(data[:length])))
    for group in range(groups):
        record, uppers = data[size * group:size * (group + 1)], [0] * 64
        if tail and group == groups - 1:
            record = group_of(record, tail, planes)
        for p in range(64):
            code = record[p % 16] >> (0, 4, 2, 6)[p // 16] & 3
            symbol = symbols[code - 1] if code else next(passed)
            kept = sum((record[16 + 8 * plane + p % 8] >> p // 8 & 1) << plane for plane in range(planes))
            uppers[p] = symbol + kept
        bits = []
        for i in range(64):
            p, column = 16 * (i // 8 % 4) + 8 * (i // 32) + i % 8, 64 * group + i
            upper = uppers[p] + (biases[column] if column < len(biases) else 0)
            bits.append((upper & 255) << 8 | record[size - 64 + p])
        for quad in range(0, 64, 4):  # T2: a turn right
            whole = sum(word << 16 * i for i, word in enumerate(bits[quad:quad + 4]))
            whole = whole >> 1 | (whole & 1) << 63
            words += [whole >> 16 * i & 0xFFFF for i in range(4)]
    return words[:len(biases)]


def decode_tight(table, payload, index, wanted):  # T5: the words of the wanted rows
    rows, dim, kind, params = table
    begins, page = placing(params)
    planes = 3 if kind == "F16" else 0
    plain, form = (255, "B") if dim <= 2048 else (65535, "H")
    sizes = blocks, pages, counts, _, _ = up(rows, 32) // 32, up(len(payload), 4096) // 4096, 2 * rows, 9, dim
    form = "<%dQ%dI%d%s9B%dB" % (blocks, pages, counts, form, dim)
    padded(index, struct.calcsize(form), "the index")
    fields = iter(struct.unpack_from(form, index))
    starts, checksums, counts, symbols, biases = (list(islice(fields, size)) for size in sizes)
    groups, end, places, out, checked = up(dim, 64) // 64, 0, {}, [], set()
    for row in range(rows):
        second, third = counts[2 * row:2 * row + 2]
        length = 2 * dim if second == plain else coded(dim, planes) + second + third
        begin = begins(end, length)
        need(row % 32 or starts[row // 32] == begin, "block %d does not begin where its rows do" % (row // 32))
        need(third == 0 if second == plain else length < 2 * dim and second <= 16 * groups, "row %d: its counts" % row)
        places[row], end = (begin, length, second), begin + length
        need(end <= len(payload), "row %d passes the payload" % row)
    need(len(payload) == up(end + 64 + 16 * groups, page or 64) and not any(payload[end:]),
         "the payload does not end as it should")
    for begin, length, second in (places[row] for row in range(rows) if row in wanted):
        for p in set(range(begin // 4096, up(begin + length, 4096) // 4096)) - checked:
            need(crc32c(payload[4096 * p:4096 * p + 4096]) == checksums[p], "page %d: its checksum differs" % p)
            checked.add(p)
        data = bytes(payload[begin:begin + length + 64 + 16 * groups])
        out += (struct.unpack("<%dH" % dim, data[:2 * dim]) if second == plain else
                decode_row(data, length, second, planes, symbols, biases))
    return out
