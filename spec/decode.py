#!/usr/bin/env python3
"""An independent, slow decoder of XNC files, written from xnc.md ("X"), fast.md ("F"), dense.md ("D") and container.md ("C") alone.

  decode.py restore IN OUT            write the source's bytes
  decode.py rows IN NAME ID[,ID...]   print rows as hexadecimal words, one row a line

Standard library only. BLAKE3 is not in it; digests are compared where two records must agree, and
restore checks the SHA-256 of the whole source instead. Rows are covered by the CRC-32C of their chunks.
"""
import array
import base64
import bisect
import functools
import hashlib
import json
import math
import mmap
import os
import re
import struct
import sys
import zlib
from collections import namedtuple

VERSION = (1, 0)
Tensor = namedtuple("Tensor", "kind shape begin end")
# GGUF types: words per block, bytes per block. Not in the specification; from GGUF's own.
GGUF_SIZES = {0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 9: (32, 36),
              10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 15: (256, 292),
              16: (256, 66), 17: (256, 74), 18: (256, 98), 19: (256, 50), 20: (32, 18), 21: (256, 110),
              22: (256, 82), 23: (256, 136), 24: (1, 1), 25: (1, 2), 26: (1, 4), 27: (1, 8), 28: (1, 8),
              29: (256, 56), 30: (1, 2), 34: (256, 54), 35: (256, 66), 39: (32, 17), 40: (64, 36)}
GGUF_NAMES = {1: "F16", 30: "BF16"}
GGUF_VALUES = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "B", 10: "Q", 11: "q", 12: "d"}


class Refused(ValueError):
    """The file is not what the specification allows."""


def need(condition, message):
    if not condition:
        raise Refused(message)


def crc_entry(value):
    for _ in range(8):
        value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    return value


CRC_TABLE = [crc_entry(byte) for byte in range(256)]


def crc32c(data):  # C2
    crc, table = 0xFFFFFFFF, CRC_TABLE
    for byte in data:
        crc = crc >> 8 ^ table[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def up(number, step):
    return -(-number // step) * step


# ---- codec `xnc` ----

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


def decode_chunk(data, words, exceptions, bf16):  # X5: the words of a chunk, and the sum of its blocks' sizes
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
    return out, at


def decode_table(meta, words, payload, index, first, last):  # X5: words first..last of a table
    chunks = -(-words // 8192)
    need(16 * chunks <= len(index), "the index is too short")
    records = list(struct.iter_unpack("<QII", index[:16 * chunks]))
    listed = records[-1][1] if records else 0
    need(len(index) == up(16 * chunks + listed, 64), "the index's size does not fit its chunks and exceptions")
    need(not any(index[16 * chunks + listed:]), "the index's padding is not zero")
    begins = [(0, 0)] + [record[:2] for record in records]
    bf16, out, total = meta["dtype"] == "BF16", array.array("H"), 0
    need(bf16 or not listed, "an FP16 table has exceptions")
    for c, (end, exceptions_end, crc) in enumerate(records):
        begin, exceptions_begin = begins[c]
        size = min(8192, words - 8192 * c)
        need(begin <= end <= len(payload), "chunk %d: its end decreases or passes the payload" % c)
        need(exceptions_begin <= exceptions_end <= listed, "chunk %d: exceptions decrease or pass the list" % c)
        exceptions = index[16 * chunks + exceptions_begin:16 * chunks + exceptions_end]
        need(all(a < b for a, b in zip(exceptions, exceptions[1:])), "chunk %d: exceptions do not increase" % c)
        need(not exceptions or 32 * exceptions[-1] < size, "chunk %d: an exception names no block" % c)
        if 8192 * c < last and first < 8192 * c + size:
            data = bytes(payload[begin:end])
            need(crc32c(data) == crc, "chunk %d: its checksum differs" % c)
            decoded, bits = decode_chunk(data, size, set(exceptions), bf16)
            total += bits
            out.extend(decoded[max(0, first - 8192 * c):last - 8192 * c])
    need(len(payload) == up(begins[-1][0], 64), "the payload's size does not fit its chunks")
    need(not any(payload[begins[-1][0]:]), "the payload's padding is not zero")
    if (first, last) == (0, words):
        need(member(member(meta, "params", dict), "bits", int) == total, "params.bits is not the blocks' size")
    return out


# ---- codec `fast` ----

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


# ---- codec `dense` ----

SCALE = (16384, 17867, 19484, 21247, 23170, 25268, 27554, 30048)
INVERSE = (16384, 15024, 13777, 12633, 11585, 10623, 9742, 8933)


def i32(number):  # D: arithmetic wraps
    return (number + (1 << 31)) % (1 << 32) - (1 << 31)


def clamp(value, low, high):
    return max(low, min(high, value))


class Stream:  # D2
    def __init__(self, data):
        need(len(data) >= 4 and len(data) % 2 == 0, "a stream is too short or odd")
        self.words = array.array("H", data)
        if sys.byteorder == "big":
            self.words.byteswap()
        self.x, self.at = self.words[0] << 16 | self.words[1], 2

    def refill(self):
        if self.x < 1 << 16 and self.at < len(self.words):
            self.x = self.x << 16 | self.words[self.at]
            self.at += 1

    def owned(self, low, high):
        self.x = (high - low) * (self.x >> 16) + (self.x & 0xFFFF) - low
        self.refill()

    def symbol(self, lows):
        byte = bisect.bisect_right(lows, self.x & 0xFFFF) - 1
        self.owned(lows[byte], lows[byte + 1])
        return byte

    def bits(self, n):
        if n > 16:
            return self.bits(16) | self.bits(n - 16) << 16
        value = self.x & (1 << n) - 1
        if n:
            self.x >>= n
            self.refill()
        return value

    def end(self):
        need(self.x == 0 and self.at == len(self.words), "a stream does not end where it should")


class Fields:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, form):
        values = struct.unpack_from("<" + form, self.data, self.at)
        self.at += struct.calcsize("<" + form)
        return values if len(values) > 1 else values[0]

    def bytes(self, size):
        need(0 <= size <= len(self.data) - self.at, "the index is too short")
        self.at += size
        return self.data[self.at - size:self.at]

    def bitmap(self):
        bits = int.from_bytes(self.bytes(32), "little")
        return [k for k in range(256) if bits >> k & 1]

    def distribution(self):  # D2: slots below each byte
        lows, owned = [0], {k: 0 for k in range(256)}
        for k in self.bitmap():
            owned[k] = None
        for k in range(256):
            lows.append(lows[-1] + (self.take("H") + 1 if owned[k] is None else 0))
        need(lows[-1] == 1 << 16, "a distribution does not sum to 2^16")
        return lows


class Model:  # D4
    def __init__(self, fields, dim, m):
        self.dim, self.m = dim, m
        self.columns = []
        for _ in range(dim):
            mean, unit, packed = fields.take("ihH")
            need(packed & 0x1FFF >= 1 << 12, "a column's scale is too small")
            self.columns.append((mean, unit, packed & 0x1FFF, packed >> 13))
        self.width = fields.take("64H")
        self.f = [sum(self.width[:k]) for k in range(65)]
        need(self.f[64] <= 32764, "pieces pass 32764")
        self.half = self.f[63] + (8191 * self.width[63] >> 13)
        self.kinds, self.scales, self.weights = (fields.distribution() for _ in range(3))
        self.coefficients = [()] * dim
        if fields.take("B") == 1:
            need(dim <= 4096, "too wide a row is predicted")
            lows = fields.distribution()
            stream = Stream(fields.bytes(fields.take("I")))
            self.coefficients = [[(stream.symbol(lows) + 128) % 256 - 128 for _ in range(j)] for j in range(dim)]
            stream.end()


def floor_of(word, unit, m):  # D6: innovation
    magnitude = word & 0x7FFF
    field, sign = magnitude >> m, -(word >> 15)
    if field == 0 or field < unit:
        value = 0
    elif field - unit > 22:
        value = (1 << 23) - 1
    else:
        value = ((1 << m) + (magnitude & (1 << m) - 1)) << 32 >> 32 + m - (field - unit)
    return value ^ sign


def decode_predicted(model, stream, head, refs):  # D6: words and innovations
    scale, lift, weights = head
    octave, part, m, half = scale >> 3, scale & 7, model.m, model.half
    words, e = [], []
    for j, (mean, unit, column, shift) in enumerate(model.columns):
        s = SCALE[part] * column >> 14
        inverse = INVERSE[part] * ((1 << 27) // column) >> 14
        bound, u = s << 3, unit + octave
        total = sum(a * b for a, b in zip(e, model.coefficients[j]))
        own = i32((mean >> octave) + i32((i32(total * s) >> 4 + shift) << lift))
        near = i32((i32(sum(ref[j] * w for ref, w in zip(refs, weights)) * s) >> 9) << lift)
        p = clamp(i32(own + near), -1 << 23, 1 << 23)

        def dist(d):
            return (1 << 19) - 1 if abs(d) >= bound else min(abs(d) * inverse >> 11, (1 << 19) - 1)

        def cdf(edge):
            r = dist(edge - p)
            f = model.f[r >> 13] + ((r & 8191) * model.width[r >> 13] >> 13)
            return half + f if edge >= p else half - f

        slot = stream.x & 0xFFFF
        if slot >= 2 * half:
            stream.owned(2 * half, 1 << 16)
            word = stream.bits(16)
            v = floor_of(word, u, m)
        else:
            coarse = min((dist(p) >> 13) ** 2 >> 7, 10)

            def cell(v):
                a = v if v >= 0 else -v - 1
                cut = max(a.bit_length() - 1 - m, coarse, 0)
                low = a >> cut << cut
                high = low + (1 << cut)
                return (low, high, a, cut) if v >= 0 else (-high, -low, a, cut)

            left, right = p - bound, p + bound  # the cell lies between: halve
            while True:
                middle = left + right >> 1
                low, high, a, cut = cell(middle)
                if slot < cdf(low):
                    right = low - 1
                elif slot >= cdf(high):
                    left = high
                else:
                    break
            stream.owned(cdf(low), cdf(high))
            n = (a >> cut << cut | 1).bit_length() - 1
            missing = clamp(m + cut - n, 0, m)
            g = (a >> cut) << missing | stream.bits(missing)
            word = ((u + n - 1 << m) + g & 0x7FFF) | (0x8000 if middle < 0 else 0)
            v = floor_of(word, u, m)
        q = clamp(i32(v - own) >> lift, -bound, bound)
        e.append(clamp(i32(q * inverse + (1 << 22)) >> 23, -127, 127))
        words.append(word)
    stream.end()
    return words, e


def decode_dense(meta, words, payload, index, first, last):
    params = member(meta, "params", dict)
    grid, predicted = member(params, "grid", str), member(params, "predicted", bool)
    need(grid in (("bf16",) if meta["dtype"] == "BF16" else ("bf16_in_f16", "f16")), "a grid that the type does not have")
    rows = (meta["shape"] or [1])[0] if words else 0
    dim = words // rows if rows else math.prod(meta["shape"][1:])
    fields = Fields(index)
    if predicted:
        model, per = Model(fields, dim, 10 if grid == "f16" else 7), 1
    else:  # D7
        upper = fields.distribution()
        lower = dict.fromkeys(fields.bitmap())
        lower = {k: (fields.take("B"), fields.distribution()) for k in lower}
        need(all(plain <= 7 for plain, _ in lower.values()), "too many plain bits")
        per = next((s for s in (1, 2, 4) if s * dim >= 2048), 8)
    size = 32768 // max(dim, 1)  # D3
    size = size // 8 * 8 if size >= 8 else 1 << max(size, 1).bit_length() - 1
    crcs = [fields.take("I") for _ in range(-(-rows // size))]
    least, width = fields.take("IB")
    count, level_bits = -(-rows // per), 2 if predicted else 0
    need(width <= 32, "lengths are too wide")
    used = -(-count * (width + level_bits) // 8)
    records = int.from_bytes(fields.bytes(used), "little")
    need(len(index) == up(fields.at, 64) and not any(index[fields.at:]), "the index's size or padding is wrong")
    ends, levels = [0], []
    for _ in range(count):
        levels.append(records & (1 << level_bits) - 1)
        records >>= level_bits
        ends.append(ends[-1] + 2 * (least + (records & (1 << width) - 1)))
        records >>= width
    need(records == 0 and len(payload) == up(ends[-1], 64) and not any(payload[ends[-1]:]), "padding is wrong")
    keys = [row for row, level in enumerate(levels) if level < 3] if predicted else []
    checked, done = set(), {}

    def stream_of(number):
        chunk = number * per // size
        if chunk not in checked:
            data = payload[ends[chunk * size // per]:ends[min(count, (chunk + 1) * size // per)]]
            need(crc32c(data) == crcs[chunk], "chunk %d: its checksum differs" % chunk)
            checked.add(chunk)
        return Stream(bytes(payload[ends[number]:ends[number + 1]]))

    def row_of(row):  # D5
        if row not in done:
            stream = stream_of(row)
            kind = stream.symbol(model.kinds)
            if kind == 32:
                done[row] = [stream.bits(16)] * dim, [0] * dim
                stream.end()
                return done[row]
            need(kind < 32, "an unknown kind of row")
            scale, refs, weights = stream.symbol(model.scales), [], []
            need(scale <= 127, "a row's scale is too large")
            for _ in range(kind // 8):
                refs.append(keys[stream.bits((len(keys) - 1).bit_length() if keys else 0)])
                weights.append((stream.symbol(model.weights) + 128) % 256 - 128)
                need(levels[refs[-1]] < levels[row], "a reference to a row that is not below")
            need(sum(map(abs, weights)) <= 254, "weights are too large")
            done[row] = decode_predicted(model, stream, (scale, kind % 8, weights), [row_of(ref)[1] for ref in refs])
        return done[row]

    out = array.array("H")
    for number in range(first // (per * dim), -(-last // (per * dim))) if last > first else ():
        begin = number * per * dim
        if predicted:
            decoded = row_of(number)[0]
        else:
            stream, decoded = stream_of(number), []
            for _ in range(min(per * dim, words - begin)):
                high = stream.symbol(upper)
                plain, top = lower.get(high, (8, None))
                low = stream.symbol(top) << plain if top else 0
                decoded.append(high << 8 | (low | stream.bits(plain)) & 0xFF)
            stream.end()
        out.extend(decoded[max(0, first - begin):last - begin])
    if grid == "bf16_in_f16":
        out = array.array("H", map(narrow, out))
    return out


CODECS = {"xnc": decode_table, "fast": decode_fast, "dense": decode_dense}


# ---- containers ----

def no_twins(pairs):
    need(len(dict(pairs)) == len(pairs), "a JSON object has a name twice")
    return dict(pairs)


def parse_json(data):
    value = json.loads(str(data, "utf-8"), object_pairs_hook=no_twins)
    need(type(value) is dict, "JSON that is not an object")
    return value


def member(record, name, kind):
    value = record.get(name)
    need(type(value) is kind and (kind is not int or value >= 0), "%r is missing or not %s" % (name, kind.__name__))
    return value


def naturals(value):
    need(type(value) is list and all(type(n) is int and n >= 0 for n in value), "a shape or range is malformed")
    return value


def parse_safetensors(data, size):
    length = struct.unpack_from("<Q", data)[0]
    need(length <= 100_000_000 and 8 + length <= len(data), "the safetensors header is too long")
    tensors = {}
    for name, item in parse_json(bytes(data[8:8 + length])).items():
        if name != "__metadata__":
            need(type(item) is dict, "%r: malformed" % name)
            begin, end = naturals(member(item, "data_offsets", list))
            tensors[name] = Tensor(member(item, "dtype", str), naturals(item.get("shape")),
                                   8 + length + begin, 8 + length + end)
    return "safetensors", tensors, 8 + length


def parse_gguf(data, size):
    at = 4

    def take(form):
        nonlocal at
        at += struct.calcsize("<" + form)
        return struct.unpack_from("<" + form, data, at - struct.calcsize("<" + form))[0]

    def text():
        nonlocal at
        length = take("Q")
        need(length <= len(data) - at, "a string passes the end")
        at += length
        return bytes(data[at - length:at])

    def value(kind):
        nonlocal at
        if kind == 8:
            return text()
        if kind != 9:
            need(kind in GGUF_VALUES, "unknown GGUF value type %d" % kind)
            return take(GGUF_VALUES[kind])
        kind, count = take("I"), take("Q")
        if kind in GGUF_VALUES:
            at += count * struct.calcsize(GGUF_VALUES[kind])
            need(at <= len(data), "an array passes the end")
        else:
            for _ in range(count):
                value(kind)

    need(take("I") in (2, 3), "GGUF of another version or byte order")
    count, pairs, alignment, tensors = take("Q"), take("Q"), 32, {}
    for _ in range(pairs):
        key, found = text(), value(take("I"))
        if key == b"general.alignment":
            need(type(found) is int and found > 0, "general.alignment is malformed")
            alignment = found
    pairs_end, items = at, []
    for _ in range(count):
        name = str(text(), "utf-8")
        dims = take("I")
        need(dims <= 16, "%r: %d axes" % (name, dims))
        shape = [take("Q") for _ in range(dims)][::-1]  # GGUF lists the innermost first
        items.append((name, shape, take("I"), take("Q")))
    for name, shape, kind, offset in items:
        need(kind in GGUF_SIZES, "%r: unknown GGUF type %d" % (name, kind))
        need(name not in tensors, "%r stands twice" % name)
        words, stored = GGUF_SIZES[kind]
        need(math.prod(shape) % words == 0, "%r: not whole blocks" % name)
        begin = up(at, alignment) + offset
        tensors[name] = Tensor(GGUF_NAMES.get(kind, kind), shape, begin, begin + math.prod(shape) // words * stored)
    return "gguf", tensors, pairs_end


def parse(data, size):  # C6: format, tensors, and the end of the header (safetensors) or of its pairs (GGUF)
    form, tensors, end = (parse_gguf if data[:4] == b"GGUF" else parse_safetensors)(data, size)
    at = 0
    for name, tensor in sorted(tensors.items(), key=lambda item: item[1][2:]):
        need(at <= tensor.begin <= tensor.end <= size, "%r overlaps another or passes the end" % name)
        at = tensor.end
    return form, tensors, end


class File:
    def __init__(self, path):
        with open(path, "rb") as file:
            need(os.fstat(file.fileno()).st_size >= 24, "too short for a compressed file")
            self.data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        self.form, self.tensors, self.end = parse(self.data, len(self.data))
        if self.form == "safetensors":
            used = sum(tensor.end - tensor.begin for tensor in self.tensors.values())
            need(self.end + used == len(self.data), "holes or trailing bytes")
        need("xnc.file" in self.tensors, "not a compressed file: no file record")
        self.metas = {}
        for name in self.tensors:
            if name.endswith(".xnc_meta"):
                meta = self.metas[name[:-9]] = self.record(name)
                need(meta.get("name") == name[:-9], "%r: the record is of another tensor" % name)
                need(meta.get("dtype") in ("BF16", "F16"), "%r: unknown dtype" % name)
                need(name[:-9] in self.tensors, "%r: a record of no tensor" % name)
                naturals(meta.get("shape"))
                need(re.fullmatch("[0-9a-f]{64}", member(meta, "blake3", str)), "%r: malformed BLAKE3" % name)

    def bytes_of(self, name):  # C1: a payload, an index or a record
        need(name in self.tensors, "%r is missing" % name)
        tensor = self.tensors[name]
        size = tensor.end - tensor.begin
        need(tensor.kind == ("U8" if self.form == "safetensors" else 24) and tensor.shape == [size] and size % 64 == 0,
             "%r is not a list of bytes, a multiple of 64" % name)
        return self.data[tensor.begin:tensor.end]

    def record(self, name):  # C2
        raw = bytes(self.bytes_of(name))
        need(raw[:11] == b'{"crc32c":"' and raw[19:21] == b'",', "%r is not a record" % name)
        need(raw[11:19] == b"%08x" % crc32c(raw[21:]), "%r: its checksum differs" % name)
        record = parse_json(raw.rstrip(b" "))
        major, minor = map(int, member(record, "version", str).split("."))
        need(list(record)[1] == "version", "%r: the version is not the second member" % name)
        need(major == VERSION[0] and minor <= VERSION[1], "%r: version %d.%d is unknown" % (name, major, minor))
        return record

    def words(self, name, first=0, last=None):  # C3, C4
        need(name in self.metas, "%r is not a compressed tensor" % name)
        meta, shape = self.metas[name], self.metas[name]["shape"]
        if "same_as" in meta:
            need(not len(self.bytes_of(name)) and name + ".xnc_index" not in self.tensors,
                 "%r: a duplicate with bytes" % name)
            name = member(meta, "same_as", str)
            twin, meta = meta, self.metas.get(name, {})
            need(all(twin.get(key) == meta.get(key) for key in ("dtype", "shape", "blake3")) and "same_as" not in meta,
                 "%r is named as a duplicate's original and is not" % name)
        codec = member(meta, "codec", str)
        need(codec in CODECS, "%r: unknown codec %r" % (name, codec))
        index = bytes(self.bytes_of(name + ".xnc_index"))
        need(member(meta, "index_crc32c", str) == "%08x" % crc32c(index), "%r: the index's checksum differs" % name)
        words = math.prod(shape)
        return CODECS[codec](meta, words, self.bytes_of(name), index, first, words if last is None else last)

    def outside(self, pieces):  # C5: the joined pieces
        joined, pairs = b"", self.data[24:self.end]
        for piece in pieces:
            need(type(piece) is dict and ("zlib" in piece) != ("from" in piece), "a piece is malformed")
            length = member(piece, "length", int)
            need(len(joined) + length <= 1 << 28, "the pieces join to more than 2^28 bytes")
            if "zlib" in piece:
                stream = zlib.decompressobj()
                part = stream.decompress(base64.b64decode(member(piece, "zlib", str), validate=True), length + 1)
                need(stream.eof and not stream.unused_data, "a piece is not one zlib stream of its length")
            else:
                need(self.form == "gguf", "a piece of pairs that safetensors does not have")
                start = member(piece, "from", int)
                part = bytes(pairs[start:start + length])
            need(len(part) == length, "a piece has another length")
            joined += part
        return joined


def restore(source, target):  # C5
    file = File(source)
    record = file.record("xnc.file")
    size = member(record, "size", int)
    need(record.get("format") == file.form, "the file record names another format")
    joined = file.outside(member(record, "outside", list))
    form, tensors, _ = parse(joined, size)
    need(form == file.form, "the source's header is of another format")
    inside = sum(tensor.end - tensor.begin for tensor in tensors.values())
    need(len(joined) + inside == size, "the pieces and tensors do not make the source's size")
    digest, at, used = hashlib.sha256(), 0, 0
    with open(target + ".part", "wb") as out:
        try:
            def put(data):
                digest.update(data)
                out.write(data)
            for name, tensor in sorted(tensors.items(), key=lambda item: item[1][2:]):
                put(joined[used:used + tensor.begin - at])
                used, at = used + tensor.begin - at, tensor.end
                if name in file.metas:
                    meta, words = file.metas[name], file.words(name)
                    if sys.byteorder == "big":
                        words.byteswap()
                    data, like = words.tobytes(), Tensor(meta["dtype"], meta["shape"], 0, 0)
                else:
                    need(name in file.tensors, "%r is missing" % name)
                    like = file.tensors[name]
                    data = file.data[like.begin:like.end]
                need(like[:2] == tensor[:2] and len(data) == tensor.end - tensor.begin,
                     "%r: type, shape or size is not the source's" % name)
                put(data)
            put(joined[used:])
            need(digest.hexdigest() == member(record, "sha256", str), "the SHA-256 of the restored file differs")
        except BaseException:
            os.unlink(target + ".part")
            raise
    os.replace(target + ".part", target)


def rows(source, name, ids):
    file = File(source)
    need(name in file.metas, "%r is not a compressed tensor" % name)
    shape = file.metas[name]["shape"]
    count, width = (shape or [1])[0], math.prod(shape[1:])
    for row in map(int, ids.split(",")):
        need(0 <= row < count, "row %d of %d" % (row, count))
        print(" ".join("%04x" % word for word in file.words(name, row * width, (row + 1) * width)))


def main(arguments):
    commands = {("restore", 2): restore, ("rows", 3): rows}
    command = commands.get((arguments[0] if arguments else "", len(arguments) - 1))
    if not command:
        sys.exit(__doc__)
    try:
        command(*arguments[1:])
    except (Refused, OSError) as error:
        sys.exit("error: %s" % error)
    except Exception as error:  # hostile input can reach any of Python's own
        sys.exit("error: malformed input: %s: %s" % (type(error).__name__, error))


if __name__ == "__main__":
    main(sys.argv[1:])
