"""Headers of safetensors and GGUF files, from spec/container.md, section 9 (C9)."""

import math
import struct
from collections import namedtuple

from .checks import member, need, up
from .records import extents, naturals, parse_json

Tensor = namedtuple("Tensor", "kind shape begin end")
Header = namedtuple("Header", "form tensors end")  # end: of the header, or of GGUF's pairs
BITS = {"F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8,
        "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8, "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32,
        "F32": 32, "I64": 64, "U64": 64, "F64": 64, "C64": 64}
GGUF_SIZES = {0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 9: (32, 36),
              10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 15: (256, 292),
              16: (256, 66), 17: (256, 74), 18: (256, 98), 19: (256, 50), 20: (32, 18), 21: (256, 110),
              22: (256, 82), 23: (256, 136), 24: (1, 1), 25: (1, 2), 26: (1, 4), 27: (1, 8), 28: (1, 8),
              29: (256, 56), 30: (1, 2), 31: (32, 18), 32: (32, 18), 33: (32, 18), 34: (256, 54), 35: (256, 66),
              36: (32, 18), 37: (32, 18), 38: (32, 18), 39: (32, 17), 40: (64, 36), 41: (128, 18), 42: (64, 18)}
GGUF_NAMES = {0: "F32", 1: "F16", 24: "I8", 30: "BF16"}
GGUF_VALUES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}  # bytes


def parse_safetensors(data, size):
    length, = struct.unpack_from("<Q", data)
    need(length <= 100_000_000 and 8 + length <= min(len(data), size), "the safetensors header is too long")
    need(data[8:9] == b"{", "neither safetensors nor GGUF")
    tensors, end = {}, 8 + length
    for name, item in parse_json(bytes(data[8:end])).items():
        need(type(item) is dict, "%r: malformed" % name)
        if name == "__metadata__":
            need(all(type(value) is str for value in item.values()), "metadata that is no text")
            continue
        need(set(item) == {"dtype", "shape", "data_offsets"}, "%r: members of other names" % name)
        begin, stop = naturals(item["data_offsets"])
        tensor = Tensor(member(item, "dtype", str), extents(item["shape"]), 8 + length + begin, 8 + length + stop)
        bits = BITS.get(tensor.kind)
        need(bits is None or math.prod(tensor.shape) * bits == 8 * (stop - begin), "%r: another size" % name)
        tensors[name] = tensor
    for name, tensor in in_order(tensors):
        need(tensor.begin == end <= tensor.end, "%r overlaps another, or leaves a hole" % name)
        end = tensor.end
    need(end == size, "the tensors do not end where the file does")
    return Header("safetensors", tensors, 8 + length)


class Fields:  # of a GGUF header, in order
    def __init__(self, data, at):
        self.data, self.at = data, at

    def bytes(self, length):
        need(length <= len(self.data) - self.at, "the GGUF header passes the end")
        self.at += length
        return bytes(self.data[self.at - length:self.at])

    def take(self, size):
        return int.from_bytes(self.bytes(size), "little")

    def text(self):
        return str(self.bytes(self.take(8)), "utf-8")

    def value(self, kind, arrays):  # of scalars the bytes
        if kind in GGUF_VALUES:
            return self.bytes(GGUF_VALUES[kind])
        if kind == 8:
            return self.bytes(self.take(8))
        need(kind == 9 and arrays < 4, "a GGUF value of unknown type, or arrays more than 4 deep")
        kind, count = self.take(4), self.take(8)
        need(kind in GGUF_VALUES or kind in (8, 9), "a GGUF array of unknown type")
        if kind in GGUF_VALUES:
            self.bytes(count * GGUF_VALUES[kind])
        for _ in range(count if kind in (8, 9) else 0):
            self.value(kind, arrays + 1)


def parse_gguf(data, size):
    fields = Fields(data, 4)
    need(fields.take(4) in (2, 3), "GGUF of another version or byte order")
    count, pairs, alignment, keys, tensors = fields.take(8), fields.take(8), 32, set(), {}
    for _ in range(pairs):
        key, kind = fields.text(), fields.take(4)
        value = fields.value(kind, 0)
        need(key not in keys, "the key %r stands twice" % key)
        keys.add(key)
        if key == "general.alignment":
            alignment = int.from_bytes(value, "little") if kind == 4 else 0
            need(alignment in [1 << n for n in range(21)], "general.alignment is malformed")
    pairs_end = fields.at
    for _ in range(count):
        name, dims = fields.text(), fields.take(4)
        need(dims <= 4, "%r: %d dimensions" % (name, dims))
        shape = extents([fields.take(8) for _ in range(dims)])
        kind, offset = fields.take(4), fields.take(8)
        need(kind in GGUF_SIZES, "%r: unknown type %d" % (name, kind))
        need(name not in tensors, "%r stands twice" % name)
        need(offset % alignment == 0, "%r is not aligned" % name)
        words, stored = GGUF_SIZES[kind]
        need((shape or [1])[0] % words == 0, "%r: not whole blocks" % name)
        bytes_ = math.prod(shape) // words * stored  # GGUF lists the innermost extent first
        tensors[name] = Tensor(GGUF_NAMES.get(kind, kind), shape[::-1], offset, offset + bytes_)
    data, end = up(fields.at, alignment), 0
    for name, tensor in in_order(tensors):
        need(end <= tensor.begin and data + tensor.end <= size, "%r overlaps another or passes the end" % name)
        end = tensor.end
    tensors = {name: t._replace(begin=data + t.begin, end=data + t.end) for name, t in tensors.items()}
    return Header("gguf", tensors, pairs_end)


def in_order(tensors):  # of their bytes
    return sorted(tensors.items(), key=lambda item: item[1][2:])


def parse(data, size):  # of a file of `size` bytes that begins with `data`
    return (parse_gguf if data[:4] == b"GGUF" else parse_safetensors)(data, size)
