"""Keeps a worker's resident memory flat.

The library maps files. Pages that were read stay mapped, and count as the process's, until the system wants them back;
with many workers on a machine, watchers of memory take that for need. So they are let go of as the work goes on. Their
content stays in the page cache as long as there is room, and a page that is looked at again comes back.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from pathlib import Path

#: Bytes of progress between two rounds. A round costs some 0.2 ms.
_EVERY = 64 << 20
_DONTNEED = 4


def bounded(folder: Path) -> Callable[[str, int, int], None] | None:
    """A progress callback that lets go of mapped files of more than a megabyte, below ``folder`` or linked there."""
    if not sys.platform.startswith("linux"):
        return None
    files = {str(path.resolve()) for path in folder.rglob("*") if path.is_file()}
    last = ("", 0)

    def step(stage: str, done: int, total: int) -> None:
        nonlocal last
        if stage == last[0] and done - last[1] < _EVERY:
            return
        last = (stage, done)
        _release(files, str(folder.resolve()) + "/")

    return step


def _release(files: set[str], below: str) -> None:
    madvise = ctypes.CDLL(None, use_errno=True).madvise
    madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    with open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as maps:
        for line in maps:
            fields = line.rstrip("\n").split(maxsplit=5)
            # Read-only mappings of files alone: what is dropped is read from the file again.
            if len(fields) < 6 or fields[1] not in ("r--p", "r--s"):
                continue
            if fields[5] in files or fields[5].startswith(below):
                start, end = (int(part, 16) for part in fields[0].split("-"))
                if end - start > 1 << 20:
                    madvise(start, end - start, _DONTNEED)
