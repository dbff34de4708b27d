"""Compressed files, from spec/container.md (C)."""

import math

from .checks import Table, crc32c, member, need
from .dense import decode_dense
from .elements import MADE, elements
from .fast import decode_fast
from .headers import parse
from .records import check_pieces, extents, join, parse_record
from .tight import decode_tight
from .xnc import decode_xnc

CODECS = {"fast": decode_fast, "tight": decode_tight, "dense": decode_dense, "xnc": decode_xnc}
CODED = {"codec": str, "words": str, "index_crc32c": str, "params": dict}
FILE, INDEX, META = "xnc.file", ".xnc_index", ".xnc_meta"


def is_companion(name):
    return name == FILE or name.endswith((INDEX, META))


class File:
    def __init__(self, data):
        self.data = data
        self.form, self.tensors, self.end = parse(data, len(data))
        self.metas = {name[:-len(META)]: self.meta(name) for name in self.tensors if name.endswith(META)}
        self.record = self.record_of(FILE) if FILE in self.tensors else None
        compressed = self.metas or self.record
        for name in self.tensors:
            owner = name[:-len(INDEX)] if compressed and name.endswith(INDEX) else None
            need(owner is None or "codec" in self.metas.get(owner, ()), "%r: an index of no compressed tensor" % name)
        if self.record:
            for name, kind in ("format", str), ("size", int), ("sha256", str), ("outside", list):
                member(self.record, name, kind)
            check_pieces(self.record["outside"])
            need(self.record["format"] == self.form, "the file record names another format")

    def bytes_of(self, name):  # C1: a payload, an index or a record
        need(name in self.tensors, "%r is missing" % name)
        kind, shape, begin, end = self.tensors[name]
        need(kind == ("U8" if self.form == "safetensors" else "I8") and shape == [end - begin] and shape[0] % 64 == 0,
             "%r is not a list of bytes, a multiple of 64" % name)
        return self.data[begin:end]

    def record_of(self, name):
        return parse_record(bytes(self.bytes_of(name)), name)

    def meta(self, companion):  # C3, C4
        name, meta = companion[:-len(META)], self.record_of(companion)
        need(member(meta, "name", str) == name, "%r: the record is of another tensor" % name)
        need(name in self.tensors and not is_companion(name), "%r: a record of no tensor" % name)
        need(meta.get("dtype") in ("BF16", "F16", "F32"), "%r: unknown dtype" % name)
        need(extents(meta.get("shape")) and all(meta["shape"]), "%r: a shape of no words" % name)
        member(meta, "blake3", str)
        if "same_as" in meta:
            member(meta, "same_as", str)
            need(not set(meta) & set(CODED), "%r: a duplicate that is coded" % name)
        else:
            for key, kind in CODED.items():
                member(meta, key, kind)
            need(meta["words"] in ("BF16", "F16"), "%r: unknown words" % name)
        return meta

    def words(self, name, wanted=None):  # C3, C4: metadata, and words of a range of rows
        need(name in self.metas, "%r is not a compressed tensor" % name)
        meta, shape = self.metas[name], self.metas[name]["shape"]
        payload = self.bytes_of(name)
        if "same_as" in meta:
            need(not len(payload), "%r: a duplicate with a payload" % name)
            name = meta["same_as"]
            twin, meta = meta, self.metas.get(name, {})
            need(all(twin[key] == meta.get(key) for key in ("dtype", "shape", "blake3")) and "same_as" not in meta,
                 "%r is named as a duplicate's original and is not" % name)
            payload = self.bytes_of(name)
        need((meta["dtype"], meta["words"]) in MADE, "%r: words that its elements cannot hold" % name)
        need(meta["codec"] in CODECS, "%r: unknown codec %r" % (name, meta["codec"]))
        index = bytes(self.bytes_of(name + INDEX))
        need(meta["index_crc32c"] == "%08x" % crc32c(index), "%r: the index's checksum differs" % name)
        table = Table(shape[0], math.prod(shape[1:]), meta["words"], meta["params"])
        return meta, CODECS[meta["codec"]](table, payload, index, range(table.rows) if wanted is None else wanted)

    def elements(self, name, wanted=None):  # little-endian bytes
        return elements(*self.words(name, wanted))

    def outside(self):  # C5: the joined pieces
        need(self.record, "not a compressed file: no file record")
        return join(self.record["outside"], bytes(self.data[24:self.end]) if self.form == "gguf" else None)
