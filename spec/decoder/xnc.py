"""Codec `xnc`, from spec/xnc.md (X)."""

import functools
import struct

from .checks import crc32c, member, need, padded, up


def decode_block(bits, n):  # X2, X3: the words of a block that starts at bit 0, and its size in bits
    ones = (1 << n) - 1
    flag, selectors, signs = bits & 1, bits >> 1 & ones, bits >> 1 + n & ones
    has_mid, has_rest = (selectors, 0) if flag else (ones, selectors)
    core = 1 + 2 * n
    mid = core + 8 * n
    rest = mid + 3 * bin(has_mid).count("1")
    words, word = [], 0
    for i in range(n):
        sign = signs >> i & 1
        u = sign << 15 | (bits >> core & 0xFF) << 3
        core += 8
        if has_mid >> i & 1:
            u |= (bits >> mid & 7) << 11
            mid += 3
        else:
            u |= 0x3800 * sign
        if has_rest >> i & 1:
            u |= (bits >> rest & 7) | (bits >> rest + 3 & 1) << 14
            rest += 4
        else:
            u |= sign << 14
        word ^= u ^ 0x7800 * sign  # NOT undone, then XOR undone
        words.append(word)
    return words, rest


@functools.lru_cache(maxsize=None)
def widen(image):  # X4: FP16 word to BF16 word
    if image & 0x7FFF > 0x7C00:
        return image & 0x8000 | 0x7FC0 | image >> 3 & 0x7F
    single = struct.pack("<f", *struct.unpack("<e", struct.pack("<H", image)))
    return struct.unpack("<H", single[2:])[0]


def decode_chunk(data, words, exceptions, bf16):  # X5: the words of a chunk
    out, at = [], 0
    for number in range(-(-words // 32)):
        n = min(32, words - 32 * number)
        bits = int.from_bytes(data[at // 8:at // 8 + 70], "little") >> at % 8  # 7 + 545 bits, or 7 + 512
        if number in exceptions:
            block, size = [bits >> 16 * i & 0xFFFF for i in range(n)], 16 * n
        else:
            block, size = decode_block(bits, n)
            if bf16:
                block = [widen(word) for word in block]
        at += size
        need(at <= 8 * len(data), "a chunk ends inside a block")
        out += block
    need(up(at, 8) == 8 * len(data), "a chunk goes on after its last block")
    need(at % 8 == 0 or data[-1] >> at % 8 == 0, "a chunk's filling bits are not zero")
    return out


def decode_xnc(table, payload, index, wanted):  # X5: the words of the wanted rows
    words, chunks = table.rows * table.dim, up(table.rows * table.dim, 8192) // 8192
    need(list(table.params) == ["bits"] and member(table.params, "bits", int) >= 0, "params that xnc does not have")
    need(16 * chunks <= len(index), "the index is too short")
    records = [(0, 0, 0), *struct.iter_unpack("<QII", index[:16 * chunks])]
    padded(index, 16 * chunks + records[-1][2], "the index")
    padded(payload, records[-1][0], "the payload")
    bf16, out = table.words == "BF16", []
    first, last = wanted.start * table.dim, wanted.stop * table.dim
    for c, ((begin, _, listed), (end, crc, listed_end)) in enumerate(zip(records, records[1:])):
        at, size = 8192 * c, min(8192, words - 8192 * c)
        need(up(10 * size, 8) <= 8 * (end - begin) <= up(18 * size, 8), "chunk %d: %d bytes" % (c, end - begin))
        need(listed <= listed_end <= records[-1][2], "chunk %d: exceptions decrease or pass the list" % c)
        exceptions = index[16 * chunks + listed:16 * chunks + listed_end]
        need(all(a < b for a, b in zip(exceptions, exceptions[1:])), "chunk %d: exceptions do not increase" % c)
        need(not exceptions or bf16 and 32 * exceptions[-1] < size, "chunk %d: an exception names no block" % c)
        if at < last and first < at + size:
            data = bytes(payload[begin:end])
            need(crc32c(data) == crc, "chunk %d: its checksum differs" % c)
            out += decode_chunk(data, size, set(exceptions), bf16)[max(0, first - at):max(0, last - at)]
    return out
