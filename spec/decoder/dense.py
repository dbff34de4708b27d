"""Codec `dense`, from spec/dense.md (D)."""

import bisect
import itertools
import struct
from operator import mul

from .checks import crc32c, member, need, padded


MANTISSA = {"BF16": 7, "F16": 10}  # D1
SCALE = (16384, 17867, 19484, 21247, 23170, 25268, 27554, 30048)
INVERSE = (16384, 15024, 13777, 12633, 11585, 10623, 9742, 8933)


def wrap(number):  # to 32 bits, two's complement
    return (number + (1 << 31)) % (1 << 32) - (1 << 31)


def signed(byte):
    return (byte ^ 128) - 128


def clamp(v, a, b):
    return max(a, min(v, b))


class Fields:  # what an index holds, from its beginning
    def __init__(self, data):
        self.data, self.at = data, 0

    def bytes(self, size):
        need(size <= len(self.data) - self.at, "the index is too short")
        self.at += size
        return self.data[self.at - size:self.at]

    def list(self, form, count=1):  # numbers of struct's type `form`
        return list(struct.unpack("<%d%s" % (count, form), self.bytes(count * struct.calcsize("<" + form))))

    def map(self):  # D2: the bytes of a map
        bits = self.bytes(32)
        return [byte for byte in range(256) if bits[byte >> 3] >> (byte & 7) & 1]

    def distribution(self):  # D2: the bytes that occur, and the edges of their slots
        occur, edges = self.map(), [0]
        for slots in self.list("H", len(occur)):
            edges.append(edges[-1] + slots + 1)
        need(edges[-1] == 1 << 16, "a distribution's slots do not sum to 2^16")
        return occur, edges

    def numbers(self, most=24):  # D2: how numbers are coded
        plain, = self.list("B")
        need(plain <= most, "%d plain bits" % plain)
        return plain, self.distribution()


class Stream:  # D2; of a row, the first coder word stands in its record
    def __init__(self, data):
        need(len(data) >= 4 and len(data) % 2 == 0, "a stream of %d bytes" % len(data))
        self.words, self.at = [word for word, in struct.iter_unpack("<H", data)], 1
        self.refill(self.words[0])

    def refill(self, x):
        if x < 1 << 16 and self.at < len(self.words):
            x = x << 16 | self.words[self.at]
            self.at += 1
        self.x = x

    def take(self, low, high):  # the symbol that owns the slots low..high
        self.refill((high - low) * (self.x >> 16) + (self.x & 0xFFFF) - low)

    def symbol(self, distribution):
        occur, edges = distribution
        k = bisect.bisect_right(edges, self.x & 0xFFFF) - 1
        self.take(edges[k], edges[k + 1])
        return occur[k]

    def number(self, numbers):
        plain, distribution = numbers
        return self.symbol(distribution) << plain | self.plain(plain)

    def plain(self, n):
        if n > 16:
            low = self.plain(16)
            return low | self.plain(n - 16) << 16
        v = self.x & (1 << n) - 1
        if n:
            self.refill(self.x >> n)
        return v

    def end(self):
        need(self.x == 0 and self.at == len(self.words), "a stream does not end with its last symbol")


class Counted:  # D7
    def __init__(self, fields, dim):
        self.dim = dim
        self.upper, self.lower = fields.distribution(), {}
        for byte in fields.map():
            self.lower[byte] = fields.numbers(7)
        self.stride = next((s for s in (1, 2, 4) if s * dim >= 2048), 8)  # rows of a stream

    def decode(self, stream, rows):
        words = []
        for _ in range(rows * self.dim):
            upper = stream.symbol(self.upper)
            lower = stream.number(self.lower[upper]) if upper in self.lower else stream.plain(8)
            words.append(upper << 8 | lower & 0xFF)
        stream.end()
        return words


class Predicted:  # D4 to D6
    stride = 1

    def __init__(self, fields, dim, mantissa):
        self.dim, self.mantissa = dim, mantissa
        self.columns = []
        for mean, unit, packed in struct.iter_unpack("<ihH", fields.bytes(8 * dim)):
            need(packed & 0x1FFF >= 1 << 12, "a column's scale is below 2^12")
            self.columns.append((mean, unit, packed & 0x1FFF, packed >> 13))
        self.width, self.edge = fields.list("H", 64), [0]  # edge: F
        for width in self.width:
            self.edge.append(self.edge[-1] + width)
        need(self.edge[64] <= 32764, "the pieces' widths sum to more than 32764")
        self.half = self.edge[63] + (8191 * self.width[63] >> 13)  # H
        self.kinds, self.scales, self.weights = [fields.distribution() for _ in range(3)]
        self.numbers = fields.numbers()  # of keys
        predicted, = fields.list("B")
        need(predicted == 0 or predicted == 1 and dim <= 4096, "coefficients flag %d" % predicted)
        self.coefficients = [[] for _ in range(dim)]  # C
        if predicted:
            distribution = fields.distribution()
            stream = Stream(fields.bytes(*fields.list("I")))
            self.coefficients = [[signed(stream.symbol(distribution)) for _ in range(j)] for j in range(dim)]
            stream.end()

    def head(self, stream, keys):  # D5: lift, scale, [(number of a key, weight)]; or the word that fills the row
        kind = stream.symbol(self.kinds)
        need(kind <= 32, "a row of kind %d" % kind)
        if kind == 32:
            return stream.plain(16)
        scale = stream.symbol(self.scales)
        need(scale <= 127, "a row of scale %d" % scale)
        references = []
        for _ in range(kind >> 3):
            number = stream.number(self.numbers)
            need(number < keys, "key %d of %d" % (number, keys))
            references.append((number, signed(stream.symbol(self.weights))))
        need(sum(abs(weight) for _, weight in references) <= 254, "a row's weights are too large")
        return kind & 7, scale, references

    def decode(self, stream, keys, innovations):  # a row's words and innovations
        head = self.head(stream, keys)
        if type(head) is int:
            stream.end()
            return [head] * self.dim, [0] * self.dim
        lift, scale, references = head
        references = [(innovations(number), weight) for number, weight in references]
        octave, part = scale >> 3, scale & 7
        words, e = [], []
        for j, (mean, unit, deviation, shift) in enumerate(self.columns):
            S = SCALE[part] * deviation >> 14
            I = INVERSE[part] * ((1 << 27) // deviation) >> 14
            U = unit + octave
            total = sum(map(mul, e, self.coefficients[j]))
            own = wrap((mean >> octave) + (wrap(total * S) >> 4 + shift << lift))
            near = sum(ref[j] * weight for ref, weight in references) * S >> 9 << lift
            p = clamp(wrap(own + near), -1 << 23, 1 << 23)
            word, v = self.word(stream, p, S << 3, I, U)
            words.append(word)
            q = clamp(wrap(v - own) >> lift, -S << 3, S << 3)
            e.append(clamp(q * I + (1 << 22) >> 23, -127, 127))
        stream.end()
        return words, e

    def word(self, stream, p, B, I, U):  # D6: the next word, and its value in units
        M, H, edge, width = self.mantissa, self.half, self.edge, self.width

        def dist(d):
            d = abs(d)
            return (1 << 19) - 1 if d >= B or d * I >> 30 else d * I >> 11

        def cdf(v):
            r = dist(v - p)
            f = edge[r >> 13] + ((r & 8191) * width[r >> 13] >> 13)
            return H + f if v >= p else H - f

        slot = stream.x & 0xFFFF
        if slot >= 2 * H:  # an escape
            stream.take(2 * H, 1 << 16)
            word = stream.plain(16)
            return word, self.floor(word, U)
        # cdf rises from 0 at p - B to 2 H at p + B; the last v with cdf(v) <= slot lies in the cell
        v = bisect.bisect_right(range(p - B, p + B), slot, key=cdf) + p - B - 1
        coarse = min((dist(p) >> 13) ** 2 >> 7, 10)
        a = v if v >= 0 else -v - 1
        open_ = max(a.bit_length() - 1 - M, coarse)
        low = a >> open_ << open_
        high = low + (1 << open_)
        stream.take(*((cdf(low), cdf(high)) if v >= 0 else (cdf(-high), cdf(-low))))
        n = (low | 1).bit_length() - 1
        missing = clamp(M + open_ - n, 0, M)
        g = (a >> open_) << missing | stream.plain(missing)
        value = g << n >> M
        return ((U + n - 1 << M) + g & 0x7FFF) | (v < 0) << 15, -value - 1 if v < 0 else value

    def floor(self, word, U):  # D6: the word in units
        M = self.mantissa
        E, m = (word & 0x7FFF) >> M, word & (1 << M) - 1
        floor = 0 if E == 0 or E < U else (1 << 23) - 1 if E - U > 22 else (1 << M | m) << E - U >> M
        return -floor - 1 if word >> 15 else floor


def records(fields, count, predicted, room):  # D3: level, first coder word and size of the others, of each stream
    least, = fields.list("I")
    need(least >= 16, "streams of %d bits" % least)
    lengths = fields.numbers()
    levels = fields.distribution() if predicted else None
    stream = Stream(fields.bytes(*fields.list("Q")))
    all_ = []
    for _ in range(count):
        level = stream.symbol(levels) if predicted else 0
        need(level <= 3, "a row of level %d" % level)
        length = least + stream.number(lengths)
        others = max(1, (length - 1) // 16)
        n = length - 16 * others
        first = 1 << n - 1 | stream.plain(n - 1) if n else 0
        all_.append((level, first, 2 * others))
        room -= 2 * others
        need(room >= 0, "a payload too short for its streams")
    stream.end()
    return all_


def decode_dense(table, payload, index, wanted):  # D3: the words of the wanted rows
    rows, dim, kind, params = table
    predicted = member(params, "predicted", bool)
    need(len(params) == 1, "params that codec dense does not have")
    need(dim <= 1 << 20, "rows of %d words" % dim)
    count = 32768 // dim
    count = count & ~7 if count >= 8 else 1 << max(count.bit_length() - 1, 0)  # rows of a chunk
    fields = Fields(index)
    model = Predicted(fields, dim, MANTISSA[kind]) if predicted else Counted(fields, dim)
    stride = model.stride  # rows of a stream
    streams = -(-rows // stride)
    checksums = fields.list("I", -(-rows // count))
    levels, firsts, sizes = zip(*records(fields, streams, predicted, len(payload)))
    padded(index, fields.at, "the index")
    begins = [0, *itertools.accumulate(sizes)]
    padded(payload, begins[-1], "the payload")
    keys = [row for row, level in enumerate(levels) if level < 3]
    checked, kept = set(), {}  # chunks; innovations of keys

    def stream(number):
        chunk = number * stride // count
        if chunk not in checked:
            begin, end = (begins[min(c * count // stride, streams)] for c in (chunk, chunk + 1))
            need(crc32c(payload[begin:end]) == checksums[chunk], "chunk %d: its checksum differs" % chunk)
            checked.add(chunk)
        return Stream(struct.pack("<H", firsts[number]) + payload[begins[number]:begins[number + 1]])

    def decode(row):
        def innovations(number):  # of a key; it decodes first. Levels fall, so at most three deep
            key = keys[number]
            need(levels[key] < levels[row], "row %d refers to one that is not of a lower level" % row)
            if key not in kept:
                decode(key)
            return kept[key]

        decoded, own = model.decode(stream(row), len(keys), innovations)
        if levels[row] < 3:
            kept[row] = own
        return decoded

    out, first = [], wanted.start // stride
    for number in range(first, -(-wanted.stop // stride)):
        out += decode(number) if predicted else model.decode(stream(number), min(stride, rows - number * stride))
    return out[(wanted.start - first * stride) * dim:(wanted.stop - first * stride) * dim]
