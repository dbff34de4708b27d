"""Keeps a worker's resident memory flat.

The library maps files. Pages that were read stay mapped, and count as the process's, until the system wants them back;
with many workers on a machine, watchers of memory take that for need. So they are let go of as the work goes on. Their
content stays in the page cache as long as there is room, and a page that is looked at again comes back.
"""

from __future__ import annotations

import contextlib
import ctypes
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

#: Mapped bytes that are let be. Hashing maps gigabytes a second, so a look, of some 20 µs, is taken often.
_MOST = 64 << 20
_EVERY = 0.004
_DONTNEED = 4


@contextlib.contextmanager
def bounded(folder: Path) -> Iterator[None]:
    """Meanwhile, lets go of mapped files that lie below ``folder``, or are linked there."""
    if not sys.platform.startswith("linux"):
        yield
        return
    files = {str(path.resolve()) for path in folder.rglob("*") if path.is_file()}
    below = str(folder.resolve()) + "/"
    over = threading.Event()

    def watch() -> None:
        page = 4096
        while not over.wait(_EVERY):
            with open("/proc/self/statm", encoding="ascii") as told:
                if int(told.read().split()[2]) * page > _MOST:
                    _release(files, below)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def _release(files: set[str], below: str) -> None:
    madvise = ctypes.CDLL(None, use_errno=True).madvise
    madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    with open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as maps:
        for line in maps:
            fields = line.rstrip("\n").split(maxsplit=5)
            # Read-only mappings of files alone: what is dropped is read from the file again. A mapping that ends
            # meanwhile fails with an error, which is nothing to us.
            if len(fields) < 6 or fields[1] not in ("r--p", "r--s"):
                continue
            if fields[5] in files or fields[5].startswith(below):
                start, end = (int(part, 16) for part in fields[0].split("-"))
                if end - start > 1 << 20:
                    madvise(start, end - start, _DONTNEED)
