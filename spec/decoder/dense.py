"""Codec `dense`, from spec/dense.md (D)."""

import array
import bisect
import math
import struct
import sys

from .checks import crc32c, member, need, up
from .fast import narrow


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
