"""Folders for files that are on their way. What a killed worker left is removed by the next one beside it."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ._layout import OWN

try:
    import fcntl
except ImportError:  # Windows, where nothing of killed workers is removed.
    fcntl = None  # type: ignore[assignment]


class Scratch:
    """A process's own folder, below one that many share. A lock says whose process still lives."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self._lock: int | None = None
        while True:
            base.mkdir(parents=True, exist_ok=True)
            try:
                self.path = Path(tempfile.mkdtemp(prefix="w-", dir=base))
            except FileNotFoundError:
                continue  # Another worker ended and removed it, as it was empty.
            if fcntl is None:
                break
            # A folder that has no lock file yet is never taken for one of the dead.
            lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
            with contextlib.suppress(OSError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if (self.path / "lock").exists():
                    self._lock = lock
                    break
            os.close(lock)
        self._sweep(base)

    def _sweep(self, base: Path) -> None:
        if fcntl is None:
            return
        for other in base.glob("w-*"):
            if other == self.path:
                continue
            try:
                lock = os.open(other / "lock", os.O_RDWR)
            except OSError:
                continue
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(other, ignore_errors=True)
            except OSError:
                pass
            finally:
                os.close(lock)

    def serves(self, base: Path) -> bool:
        """Whether this is a folder below that one, and still there: a target may be removed between two runs."""
        return self.base == base and self.path.exists()

    @contextlib.contextmanager
    def folder(self) -> Iterator[Path]:
        """An empty folder for one item."""
        path = Path(tempfile.mkdtemp(prefix="item-", dir=self.path))
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)

    def close(self) -> None:
        """Removes the folder."""
        shutil.rmtree(self.path, ignore_errors=True)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
        with contextlib.suppress(OSError):
            self.path.parent.rmdir()  # Unless others are in it.


def base_for(scratch: str | None, to: str | None) -> Path:
    """Where scratch folders are: on the disk of a local target, so that files are renamed into place."""
    from ._stores import open_store

    if scratch is not None:
        return Path(scratch)
    root = None if to is None else open_store(to).root
    return Path(tempfile.gettempdir()) / "xnc-batch" if root is None else root / OWN / "scratch"
