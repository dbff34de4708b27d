"""Tables larger than memory: rows read from disk when they are asked for."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

from . import _arrays, _xnc
from ._rows import Rows
from .errors import ClosedError, ShapeError


class Counters(NamedTuple):
    """What a store has done since it was opened."""

    #: Rows that were asked for; one that stands twice in a call counts twice.
    rows: int
    #: Those of them that were in the cache.
    hits: int
    #: Reads that were asked of the system.
    reads: int
    #: Bytes that these asked for.
    bytes: int
    #: How often a call waited for a read to end.
    waits: int
    #: Rows that were read early.
    prefetched: int


class Store(Rows):
    """A table whose rows stay on disk. Any number of threads may read it; Python's lock is released meanwhile.

    ``source`` is a file or a model folder, ``name`` a tensor, or several that follow each other: ``name.0``,
    ``name.1`` and so on. In memory are the table's index and up to ``cache_bytes`` of rows that were read. ``direct``
    by-passes the system's page cache, on Linux. ``depth`` is the most reads of a call that are in flight at a time.

    >>> with xnc.Store("model.xnc.safetensors", "model.embed_tokens_per_layer.weight", cache_bytes=1 << 28) as store:
    ...     store.prefetch(next_ids)                   # returns at once
    ...     rows = store.rows(ids)                     # as of a table that ``xnc.open`` gives
    """

    __slots__ = ("__weakref__", "_core")

    def __init__(
        self,
        source: str | os.PathLike[str],
        name: str,
        *,
        cache_bytes: int = 0,
        direct: bool = False,
        depth: int = 64,
    ) -> None:
        if cache_bytes < 0 or depth < 1:
            raise ShapeError("cache_bytes is 0 or more, depth 1 or more")
        core = _xnc.Store(os.fspath(source), name, cache_bytes, direct, depth)
        super().__init__(core, name)
        self._core: _xnc.Store | None = core

    @property
    def codec(self) -> str | None:
        """Name of the codec; None for a plain table."""
        return self._alive().codec

    @property
    def index_bytes(self) -> int:
        """Bytes of memory that finding and checking rows takes."""
        return self._alive().index_bytes

    @property
    def counters(self) -> Counters:
        """What was done so far."""
        return Counters(*self._alive().counters())

    def prefetch(self, ids: Any) -> None:
        """Has rows read into the cache, and returns at once.

        Does nothing where there is no cache, or where many earlier calls still wait for their turn.
        """
        core = self._alive()
        core.prefetch(_arrays.ids(ids, self.shape[0], self._who(), False)[0])

    def close(self) -> None:
        """Lets go of files and memory, once calls that are under way have ended."""
        self._core = None

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        return self.shape[0]

    def __repr__(self) -> str:
        state = "closed" if self._core is None else self._core.codec or "plain"
        return f"<xnc.Store {self.name!r} {self.shape[0]} x {self.shape[1]} {self.dtype}, {state}>"

    def _alive(self) -> _xnc.Store:
        if self._core is None:
            raise ClosedError(f"{self._who()}: the store was closed")
        return self._core
