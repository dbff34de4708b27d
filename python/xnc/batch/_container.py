"""The record of a compressed folder, as ``spec/container.md`` has it in sections 2, 5 and 8."""

from __future__ import annotations

import base64
import json
import zlib
from typing import Any

from ..errors import DamagedError

#: The lowest format version that can read what is written here.
_VERSION = "1.0"
#: Records are filled up to a multiple of this.
_MULTIPLE = 64
_START = len('{"crc32c":"00000000",')


def _table() -> list[int]:
    made = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        made.append(byte)
    return made


_CRC = _table()


def crc32c(data: bytes) -> int:
    """CRC-32C, for records: a megabyte takes a tenth of a second."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _CRC[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def seal(files: dict[str, dict[str, Any]]) -> bytes:
    """``xnc.json`` for a folder of these files."""
    members = {"version": _VERSION, "files": dict(sorted(files.items()))}
    text = json.dumps(members, separators=(",", ":"), ensure_ascii=False).encode()
    rest = text[1:] + b" " * (-(_START + len(text) - 1) % _MULTIPLE)
    return b'{"crc32c":"%08x",' % crc32c(rest) + rest


def unseal(data: bytes, name: str) -> dict[str, dict[str, Any]]:
    """The files of an ``xnc.json``."""
    try:
        told = json.loads(data)
        if told["crc32c"] != f"{crc32c(data[_START:]):08x}":
            raise DamagedError(f"{name}: its checksum differs")
        major, minor = (int(part) for part in told["version"].split("."))
        if (major, minor) > (1, 0):
            raise DamagedError(f"{name} is of format {told['version']}, which this release does not know")
        files: dict[str, dict[str, Any]] = told["files"]
        for entry in files.values():
            known = (int(entry["size"]), str(entry["sha256"]), entry["state"])
            if known[2] not in ("compressed", "copied", "rewritten"):
                raise ValueError(known[2])
        return files
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedError(f"{name} is no record of a folder: {error!r}") from error


def kept(text: bytes) -> list[dict[str, Any]]:
    """A source's text as pieces of a record."""
    return [{"length": len(text), "zlib": base64.b64encode(zlib.compress(text, 9)).decode()}]


def recovered(pieces: Any, size: int, name: str) -> bytes:
    """The text that pieces keep. No more is unpacked than ``size`` bytes."""
    try:
        text = b""
        for piece in pieces:
            unpacked = zlib.decompressobj()
            part = unpacked.decompress(base64.b64decode(piece["zlib"], validate=True), size - len(text) + 1)
            text += part
            if len(part) != piece["length"] or not unpacked.eof:
                raise ValueError("a piece of another length")
        if len(text) != size:
            raise ValueError("pieces of another size")
        return text
    except (ValueError, KeyError, TypeError, zlib.error) as error:
        raise DamagedError(f"{name}: what is kept of it is damaged: {error}") from error
