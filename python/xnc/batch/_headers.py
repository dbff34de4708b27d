"""What the header of a model file says of its tables: enough for an estimate, read by a range or two.

The library decides which tables are compressed, when it has the file. This reads no more of a header than names, types
and shapes, and gives up on what it does not understand: a bad file is for the library to refuse, when its turn comes.
"""

from __future__ import annotations

import json
import math
import re
import struct
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

#: What is read of a file first. Most headers of shards are shorter.
FIRST = 64 << 10
#: A header that is longer is not looked at: the format allows 100 MB, and a plan is not worth it.
_LONGEST = 32 << 20
#: Last name components of embeddings and heads: those that are worth an estimate.
_TABLE = re.compile(
    r"(^|[._/])(embed\w*|\w*embeddings?|wte|wpe|lm_head|(per_layer_)?token_embd|output|shared)\.weight$"
)
_GGML = {0: "F32", 1: "F16", 30: "BF16"}
#: Source bytes for a byte stored, by codec and type, as docs/results.md measured; a table in F32 may not shrink.
RATIO = {
    "fast": {"BF16": 1.42, "F16": 1.13},
    "tight": {"BF16": 1.49, "F16": 1.13},
    "dense": {"BF16": 1.59, "F16": 1.2},
    "xnc": {"BF16": 1.32, "F16": 1.0},
}


class Header(NamedTuple):
    """What an estimate needs."""

    #: Tables that are likely to be compressed: name, type, bytes.
    tables: list[tuple[str, str, int]]
    #: Whether the file is compressed already.
    compressed: bool

    def saves(self, codec: str) -> int:
        """Bytes that are likely to be saved."""
        ratios = RATIO.get(codec, {})
        return int(sum(size * (1 - 1 / ratios.get(dtype, 1.0)) for _, dtype, size in self.tables))


def table_rows(config: bytes | None) -> set[int]:
    """The numbers of rows that a configuration gives to tables."""
    try:
        told = json.loads(config or b"{}")
    except ValueError:
        return set()
    if not isinstance(told, dict):
        return set()
    sections = [told, told.get("text_config"), told.get("llm_config")]
    keys = ("vocab_size", "vocab_size_per_layer_input")
    counts = [section.get(key) for section in sections if isinstance(section, dict) for key in keys]
    return {count for count in counts if isinstance(count, int) and count > 0}


def read_header(path: str, size: int, read: Callable[[int, int], bytes], rows: set[int]) -> Header | None:
    """The header of a file that ``read`` gives ranges of; None where it is not understood."""
    head = read(0, min(FIRST, size))
    try:
        if head[:4] == b"GGUF":
            return _gguf(head, size, read, rows)
        length = struct.unpack("<Q", head[:8])[0]
        if length > min(_LONGEST, size):
            return None
        if len(head) < 8 + length:
            head += read(len(head), 8 + length - len(head))
        return _safetensors(json.loads(head[8 : 8 + length]), rows)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, struct.error):
        return None


def _safetensors(header: dict[str, Any], rows: set[int]) -> Header:
    tensors = (
        (name, str(told["dtype"]), [int(extent) for extent in told["shape"]])
        for name, told in header.items()
        if name != "__metadata__"
    )
    return _picked(tensors, "xnc.file" in header, rows)


def _gguf(head: bytes, size: int, read: Callable[[int, int], bytes], rows: set[int]) -> Header | None:
    while True:
        try:
            return _picked(*_gguf_tensors(head), rows)
        except (struct.error, IndexError):
            if len(head) >= min(size, _LONGEST):
                return None
            head += read(len(head), min(len(head) * 7, size - len(head)))


def _gguf_tensors(data: bytes) -> tuple[list[tuple[str, str, list[int]]], bool]:
    _, _, tensors, pairs = struct.unpack_from("<4sIQQ", data)
    at = 24
    for _ in range(pairs):
        at = _skip_text(data, at)
        at = _skip_value(data, at + 4, struct.unpack_from("<I", data, at)[0])
    found = []
    for _ in range(tensors):
        end = _skip_text(data, at)
        name = data[at + 8 : end].decode()
        extents = struct.unpack_from("<I", data, end)[0]
        shape = list(struct.unpack_from(f"<{min(extents, 8)}Q", data, end + 4))[::-1]
        at = end + 4 + 8 * len(shape)
        found.append((name, _GGML.get(struct.unpack_from("<I", data, at)[0], ""), shape))
        at += 12
    return found, any(name == "xnc.file" for name, _, _ in found)


#: Bytes of the values of GGUF's types, but for texts (8) and lists (9).
_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}


def _skip_text(data: bytes, at: int) -> int:
    end = at + 8 + int(struct.unpack_from("<Q", data, at)[0])
    if end > len(data):
        raise IndexError
    return end


def _skip_value(data: bytes, at: int, kind: int) -> int:
    if kind == 8:
        return _skip_text(data, at)
    if kind != 9:
        return at + _SIZES[kind]
    inner, count = struct.unpack_from("<IQ", data, at)
    at += 12
    if inner in _SIZES:
        return at + _SIZES[inner] * int(count)
    for _ in range(count):
        at = _skip_value(data, at, inner)
    return at


def _picked(tensors: Iterable[tuple[str, str, list[int]]], compressed: bool, rows: set[int]) -> Header:
    tables = []
    for name, dtype, shape in tensors:
        width = {"BF16": 2, "F16": 2, "F32": 4}.get(dtype)
        if width and len(shape) == 2 and (_TABLE.search(name) or shape[0] in rows):
            tables.append((name, dtype, math.prod(shape) * width))
    return Header(tables, compressed)
