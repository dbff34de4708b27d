"""A local folder."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote, urlparse

from ..errors import SourceChanged, StoreRefused
from . import Entry, checked

#: Deeper than any hub nests its folders, and an end to circular links.
_DEEPEST = 16


class LocalStore:
    """Files below a folder; links are followed, as a hub's cache is made of them."""

    def __init__(self, url: str) -> None:
        path = unquote(urlparse(url).path) if url.startswith("file://") else url
        self.root: Path = Path(path).absolute()

    def list(self, under: str = "") -> Iterator[Entry]:
        yield from self._walk(under, 0)

    def _walk(self, inside: str, depth: int) -> Iterator[Entry]:
        folder = self._path(inside) if inside else self.root
        if depth > _DEEPEST:
            raise StoreRefused(f"{folder} lies too deep for a folder of models")
        try:
            found = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except FileNotFoundError:
            return
        for entry in found:
            path = f"{inside}/{entry.name}" if inside else entry.name
            try:
                told = entry.stat()
            except FileNotFoundError:
                continue  # Gone meanwhile, or a link to nothing.
            if stat.S_ISDIR(told.st_mode):
                yield from self._walk(path, depth + 1)
            elif stat.S_ISREG(told.st_mode):
                yield Entry(path, told.st_size, _version(told))

    def head(self, path: str) -> Entry | None:
        try:
            told = os.stat(self._path(path))
        except (FileNotFoundError, NotADirectoryError):
            return None
        return Entry(path, told.st_size, _version(told)) if stat.S_ISREG(told.st_mode) else None

    def read(self, path: str, start: int, length: int, version: str | None = None) -> bytes:
        with open(self._path(path), "rb") as file:
            file.seek(start)
            data = file.read(length)
            if version is not None and _version(os.fstat(file.fileno())) != version:
                raise _changed(path)
        return data

    def get(self, path: str) -> bytes | None:
        try:
            return self._path(path).read_bytes()
        except FileNotFoundError:
            return None

    def fetch(self, entry: Entry, to: Path) -> None:
        self.check(entry)
        # Read where it is: mapped, not copied.
        to.symlink_to(self._path(entry.path).resolve())

    def check(self, entry: Entry) -> None:
        found = self.head(entry.path)
        if found is None or found.version != entry.version:
            raise _changed(entry.path)

    def put(self, path: str, data: bytes) -> str:
        return self._written(path, lambda file: file.write(data))

    def put_file(self, path: str, source: Path) -> str:
        if source.is_symlink():
            # A link to the source's file, which nobody may move.
            return self._copied(path, source)
        with open(source, "rb") as file:
            os.fsync(file.fileno())
        try:
            return self._named(source, self._place(path))
        except OSError as error:
            # The scratch folder may be on another disk.
            if error.errno != errno.EXDEV:
                raise
        return self._copied(path, source)

    def _copied(self, path: str, source: Path) -> str:
        with open(source, "rb") as taken:
            return self._written(path, lambda file: shutil.copyfileobj(taken, file, 1 << 20))

    def _written(self, path: str, write: Callable[[BinaryIO], object]) -> str:
        """A file that appears whole, or not at all."""
        to = self._place(path)
        temporary = to.with_name(f".{to.name}.{os.getpid()}-{os.urandom(4).hex()}.tmp")
        try:
            with open(temporary, "xb") as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
            return self._named(temporary, to)
        finally:
            with contextlib.suppress(FileNotFoundError):
                temporary.unlink()

    def delete(self, path: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            self._path(path).unlink()

    def _path(self, path: str) -> Path:
        return self.root / checked(path)

    def _place(self, path: str) -> Path:
        place = self._path(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        return place

    def _named(self, source: Path, to: Path) -> str:
        version = _version(os.stat(source))
        os.replace(source, to)
        folder = os.open(to.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return version


def _version(told: os.stat_result) -> str:
    return f"{told.st_ino:x}-{told.st_mtime_ns:x}-{told.st_size:x}"


def _changed(path: str) -> SourceChanged:
    return SourceChanged(f"{path} is not any more what it was when the work was planned; plan again")
