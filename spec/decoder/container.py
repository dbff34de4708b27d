"""Compressed files, from spec/container.md (C)."""

import base64
import json
import math
import mmap
import os
import re
import struct
import zlib
from collections import namedtuple

from .checks import crc32c, member, need, up
from .xnc import decode_table
from .fast import decode_fast
from .tight import decode_tight
from .dense import decode_dense
from .elements import check, elements


VERSION = (1, 0)
Tensor = namedtuple("Tensor", "kind shape begin end")
# GGUF types: words per block, bytes per block. Not in the specification; from GGUF's own.
GGUF_SIZES = {0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 9: (32, 36),
              10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 15: (256, 292),
              16: (256, 66), 17: (256, 74), 18: (256, 98), 19: (256, 50), 20: (32, 18), 21: (256, 110),
              22: (256, 82), 23: (256, 136), 24: (1, 1), 25: (1, 2), 26: (1, 4), 27: (1, 8), 28: (1, 8),
              29: (256, 56), 30: (1, 2), 34: (256, 54), 35: (256, 66), 39: (32, 17), 40: (64, 36)}
GGUF_NAMES = {0: "F32", 1: "F16", 30: "BF16"}
GGUF_VALUES = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "B", 10: "Q", 11: "q", 12: "d"}


CODECS = {"xnc": decode_table, "fast": decode_fast, "tight": decode_tight, "dense": decode_dense}


def no_twins(pairs):
    need(len(dict(pairs)) == len(pairs), "a JSON object has a name twice")
    return dict(pairs)


def parse_json(data):
    value = json.loads(str(data, "utf-8"), object_pairs_hook=no_twins)
    need(type(value) is dict, "JSON that is not an object")
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
                need(meta.get("dtype") in ("BF16", "F16", "F32"), "%r: unknown dtype" % name)
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

    def elements(self, name, first=0, last=None):  # C3, C4
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
        check(meta, name)
        index = bytes(self.bytes_of(name + ".xnc_index"))
        need(member(meta, "index_crc32c", str) == "%08x" % crc32c(index), "%r: the index's checksum differs" % name)
        words = math.prod(shape)
        last = words if last is None else last
        return elements(meta, CODECS[codec](meta, words, self.bytes_of(name), index, first, last))

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
