"""Where files lie: a local folder, or a prefix in an object store. Both behind one small interface.

A file is named by its path below the root, with ``/`` between names. Its *version* is a text that is another one
when its bytes are: the ETag of an object; inode, time and size of a local file.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from ..errors import NameRefused

#: What objects are read and written by: a part is what a worker holds in memory, times a few.
PART_BYTES = 8 << 20


class Entry(NamedTuple):
    """A file as a listing tells of it."""

    path: str
    size: int
    version: str


class Store(Protocol):
    """A folder or a prefix. What fails for a reason that may pass raises ``StoreTrouble``."""

    @property
    def root(self) -> Path | None:
        """The folder, where it is a local one."""

    def list(self, under: str = "") -> Iterator[Entry]:
        """All files below the root, or below the folder ``under`` in it."""

    def head(self, path: str) -> Entry | None:
        """One file, if it is there."""

    def read(self, path: str, start: int, length: int, version: str | None = None) -> bytes:
        """Bytes of a file, fewer at its end. Raises ``SourceChanged`` where its version is another."""

    def get(self, path: str) -> bytes | None:
        """All bytes of a small file; None where there is none."""

    def fetch(self, entry: Entry, to: Path) -> None:
        """Brings a file to a local path, by parts or as a link. Raises ``SourceChanged`` as ``read``."""

    def check(self, entry: Entry) -> None:
        """Raises ``SourceChanged`` where what ``fetch`` brought may not be the file that was listed."""

    def put(self, path: str, data: bytes) -> str:
        """Writes a small file, whole or not at all; its version."""

    def put_file(self, path: str, source: Path) -> str:
        """Moves a local file here, whole or not at all; its version."""

    def delete(self, path: str) -> None:
        """Removes a file; none there is no error."""


def open_store(url: str, options: dict[str, Any] | None = None) -> Store:
    """The store at a path or a URL; ``options`` are those of obstore, and not kept by anybody."""
    return _opened(url, json.dumps(options or {}, sort_keys=True), os.getpid())


@lru_cache(maxsize=8)
def _opened(url: str, options: str, process: int) -> Store:
    # A process has its own connections: none survives a fork.
    if is_remote(url):
        from .remote import RemoteStore

        return RemoteStore(url, json.loads(options))
    from .local import LocalStore

    return LocalStore(url)


def is_remote(url: str) -> bool:
    """Whether a text names a place in an object store, rather than a local path."""
    return "://" in url and not url.startswith("file://")


def checked(path: str) -> str:
    """The path, if each of its names is one. A hostile key must not lead out of a folder."""
    if any(name in ("", ".", "..") or "\0" in name for name in path.split("/")):
        raise NameRefused(f"{path!r} is no path of a file below a folder")
    return path
