"""Open model files."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Union

from . import _xnc
from ._table import Table
from .errors import ClosedError, TableNotFoundError

if TYPE_CHECKING:
    Source = Union[str, os.PathLike[str], bytes, bytearray, memoryview]


def open(source: Source) -> Model:
    """Opens a model file, compressed or plain: a path, which is mapped, a folder, or bytes.

    Headers and records are read, payloads are left alone. A mapped file must keep its length; replacing it by
    renaming another over it is safe.
    """
    return Model(source)


class Model(Mapping[str, Table]):
    """The tables of a model by name. Opened by :func:`open`; pickles by its path.

    A context manager: :meth:`close` lets go of the file, and its tables then raise
    :class:`~xnc.errors.ClosedError`.
    """

    def __init__(self, source: Source) -> None:
        self._tables: dict[str, Table] = {}
        self._closed = False
        self.path: str | None = None
        self._bytes: bytes | None = None
        if isinstance(source, (str, os.PathLike)):
            # A process that unpickles this may be in another folder.
            self.path = os.path.abspath(os.fspath(source))
            self._files = [_xnc.Model(file) for file in _xnc.model_files(self.path)]
        else:
            # What may change is copied; `bytes` are not.
            self._bytes = source if isinstance(source, bytes) else bytes(memoryview(source))
            self._files = [_xnc.Model(self._bytes)]
        self._places = {name: file for file in reversed(self._files) for name in file.names}

    def __getitem__(self, name: str) -> Table:
        self._alive()
        table = self._tables.get(name)
        if table is None:
            file = self._file_of(name)
            described = file.describe(name)
            opened = Table(file.table(name), name, described and described[:2], self)
            table = self._tables.setdefault(name, opened)
        return table

    def __iter__(self) -> Iterator[str]:
        self._alive()
        return iter([name for file in self._files for name in file.names if self._places[name] is file])

    def __len__(self) -> int:
        self._alive()
        return len(self._places)

    def __contains__(self, name: object) -> bool:
        return name in self._places

    def __repr__(self) -> str:
        what = self.path or f"{len(self._bytes or b'')} bytes"
        return f"<xnc.Model {what}: {'closed' if self._closed else f'{len(self)} tables'}>"

    # Two openings of a file are two models, whatever is in them.
    __eq__ = object.__eq__
    __hash__ = object.__hash__

    @property
    def format(self) -> str:
        """``safetensors`` or ``gguf``."""
        self._alive()
        return self._files[0].format

    @property
    def is_compressed(self) -> bool:
        """Whether a file of it was written by :func:`xnc.compress`."""
        self._alive()
        return any(file.is_compressed for file in self._files)

    @property
    def closed(self) -> bool:
        return self._closed

    def digest(self, name: str) -> str | None:
        """BLAKE3 of a compressed tensor's bytes in the source; None for a plain one."""
        self._alive()
        return self._file_of(name).digest(name)

    def address(self, name: str) -> int | None:
        """Where the stored bytes of a table lie in memory."""
        self._alive()
        return self._file_of(name).address(name)

    def close(self) -> None:
        """Lets go of the file, once rows that other threads are reading are read."""
        self._closed = True
        for table in self._tables.values():
            table._core = None
        self._files, self._places = [], {}

    def __enter__(self) -> Model:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> tuple[Any, ...]:
        self._alive()
        return open, (self.path if self.path is not None else self._bytes,)

    def _file_of(self, name: str) -> _xnc.Model:
        if not isinstance(name, str):
            raise TableNotFoundError(f"tables have names, and this is a {type(name).__name__}")
        # A tensor of other values is no key, but may be opened; an unknown name is the library's to refuse.
        holders = [file for file in self._files if file.describe(name) is not None]
        return self._places.get(name) or (holders or self._files)[0]

    def _alive(self) -> None:
        if self._closed:
            raise ClosedError(f"{self.path or 'the model'} was closed")
