"""The decoder in spec/decoder as a server: takes files from standard input, tells what it makes of each.

A file is its length (u32, little-endian) and its bytes. The answer is parts: a letter, a length, bytes.
  o                    the file opens; else a part r alone
  t NAME, w WORDS      a compressed tensor and its words: the elements, or what elements of F32 stand for
  t NAME, r REASON     a compressed tensor that is refused
  t NAME, x            one with more words than this server decodes; then the source is not told either
  s BYTES, or r REASON the source, no digest compared
  .                    the end
"""

import array
import math
import struct
import sys
import zlib

sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])

from decoder.checks import Refused
from decoder.container import File
from decoder.elements import elements
from decoder.restore import source_of

MOST_WORDS = 1 << 15
# What hostile bytes may reach of Python's own; anything else is a fault of the decoder.
REFUSALS = Refused, ValueError, struct.error, zlib.error


class Once(File):
    """Decodes each table once, for itself and for the source."""

    def __init__(self, data):
        super().__init__(data)
        self.known = {}

    def words(self, name, wanted=None):
        if name not in self.known:
            self.known[name] = super().words(name, wanted)
        return self.known[name]


def put(letter, data=b""):
    sys.stdout.buffer.write(letter + struct.pack("<I", len(data)))
    sys.stdout.buffer.write(data)


def attempt(letter, work):
    try:
        data = work()
    except REFUSALS as error:
        put(b"r", ("%s: %s" % (type(error).__name__, error)).encode(errors="backslashreplace"))
        return None
    put(letter, data if type(data) is bytes else b"")
    return data


def words(file, name):
    meta, found = file.words(name)
    return array.array("H", found).tobytes() if meta["dtype"] == "F32" else elements(meta, found)


def answer(data):
    file = attempt(b"o", lambda: Once(data))
    if not file:
        return
    small = True
    for name in sorted(file.metas):
        put(b"t", name.encode())
        if math.prod(file.metas[name]["shape"]) > MOST_WORDS:
            put(b"x")
            small = False
        else:
            attempt(b"w", lambda: words(file, name))
    if small:
        attempt(b"s", lambda: b"".join(source_of(file, digests=False)))


while head := sys.stdin.buffer.read(4):
    answer(memoryview(sys.stdin.buffer.read(*struct.unpack("<I", head))))
    put(b".")
    sys.stdout.buffer.flush()
