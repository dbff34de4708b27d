"""Tables of 16-bit words, compressed or plain, looked up by row and multiplied as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from . import _arrays, _xnc
from ._rows import Rows
from ._values import Values
from .errors import ClosedError, DtypeError, Error, ShapeError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from ._model import Model


class Table(Rows):
    """One table. Any number of threads may read it; Python's lock is released meanwhile.

    Rows come as NumPy arrays: ``float16``, or for BF16, which NumPy lacks, ``uint16`` that holds the words;
    ``.view(ml_dtypes.bfloat16)`` names them. Tables pickle by the path of their model.
    """

    __slots__ = ("__weakref__", "_core", "_model", "source_dtype", "source_shape")

    def __init__(
        self,
        core: _xnc.Table,
        name: str = "",
        source: tuple[str, list[int]] | None = None,
        model: Model | None = None,
    ) -> None:
        super().__init__(core, name)
        self._core: _xnc.Table | None = core
        self._model = model
        #: Type of the elements in the source, as F32 where values stand in a wider type than they need.
        self.source_dtype = source[0] if source else core.dtype
        #: Extents of the tensor in the source, of which the first counts rows.
        self.source_shape: tuple[int, ...] = tuple(source[1]) if source else self.shape

    @property
    def codec(self) -> str | None:
        """Name of the codec; None for a plain table."""
        return self._alive().codec

    @property
    def nbytes(self) -> int:
        """Bytes that the table takes in its file, or in memory: payload, index, metadata."""
        return self._alive().stored_bytes

    @property
    def plain_nbytes(self) -> int:
        """Bytes of the plain words."""
        return 2 * self.shape[0] * self.shape[1]

    @property
    def backend(self) -> str:
        """The instruction set that its loops run on."""
        return self._alive().backend

    @property
    def values(self) -> Values:
        """The table as an array of values, for code that expects NumPy's: ``table.values[ids]``."""
        return Values(self)

    def __getitem__(self, key: Any) -> NDArray[Any]:
        """Row ``table[i]``, rows ``table[i:j]``, or ``table[ids]``; negative numbers count from the end."""
        if isinstance(key, slice):
            start, stop, step = key.indices(self.shape[0])
            if step == 1:
                return self._read(start, max(stop - start, 0))
            key = np.arange(start, stop, step)
        if key is Ellipsis:
            return self._read(0, self.shape[0])
        if key is None or isinstance(key, (tuple, str)):
            raise DtypeError(
                f"{self._who()}: it is indexed by row: table[i], table[i:j] or table[ids], "
                f"not by {key!r}; columns are taken of the rows: table[i][j]"
            )
        found: NDArray[Any] = self._rows(key, None, None, wrap=True)
        return found

    def __iter__(self) -> Iterator[NDArray[Any]]:
        for first in range(0, self.shape[0], 256):
            yield from self[first : first + 256]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ShapeError(f"{self._who()}: as an array it has to be unpacked, which is a copy")
        whole = self[...]
        return whole if dtype is None else whole.astype(dtype)

    def product(self, x: Any, *, threads: int = 0, out: Any = None) -> NDArray[np.float32]:
        """The table times ``x``: F32 of shape ``(rows,)``, or ``(..., rows)`` for vectors ``(..., columns)``.

        ``x`` is float32 or float16; or BF16 (``ml_dtypes``, torch, uint16 words), with the arithmetic of
        ``vdpbf16ps``, for tables of BF16. The result does not depend on ``threads``: 0 for as many as the
        machine has.
        """
        core, who, (rows, dim) = self._alive(), self._who(), self.shape
        name = _arrays.name_of(x) if hasattr(x, "dtype") else ""
        vectors = _arrays.to_numpy(x, who)
        name = name or vectors.dtype.name
        if vectors.ndim == 0 or vectors.shape[-1] != dim:
            raise ShapeError(f"{who}: `x` has shape {vectors.shape}, and rows have {dim} elements")
        if name == "float16":
            name, vectors = "float32", vectors.astype(np.float32)
        if name not in ("float32", "bfloat16", "uint16"):
            raise DtypeError(f"{who}: `x` is {name}; it takes float32, float16 or bfloat16")
        shape = (*vectors.shape[:-1], rows)
        result = np.empty(shape, np.float32) if out is None else _arrays.to_numpy(out, who)
        if result.dtype != np.float32 or result.shape != shape or not result.flags.c_contiguous:
            raise ShapeError(f"{who}: `out` is {result.dtype} {result.shape}; it takes float32 {shape}")
        if not result.flags.writeable:
            raise ShapeError(f"{who}: `out` is read-only")
        flat = np.ascontiguousarray(vectors).reshape(-1)
        if name == "float32":
            core.product(flat, result.reshape(-1), _threads(threads))
        else:
            core.product_bf16(flat.view(np.uint16), result.reshape(-1), _threads(threads))
        return result if out is None else out

    def __repr__(self) -> str:
        state = "closed" if self._core is None else self._core.codec or "plain"
        return f"<xnc.Table {self.name!r} {self.shape[0]} x {self.shape[1]} {self.dtype}, {state}>"

    def __reduce__(self) -> tuple[Any, ...]:
        self._alive()
        if self._model is None:
            raise Error(
                f"{self._who()}: it was encoded in memory and has no path to be pickled by; "
                "compress it into a file and open that"
            )
        return _table_of, (self._model, self.name)

    def _read(self, first: int, count: int) -> NDArray[Any]:
        made: NDArray[Any] = np.empty((count, self.shape[1]), self._type(None, ""))
        self._alive().read(first * self.shape[1], made.reshape(-1).view(np.uint16), 0)
        return made

    def _alive(self) -> _xnc.Table:
        if self._core is None:
            raise ClosedError(f"{self._who()}: its model was closed")
        return self._core


def encode(
    array: Any, dtype: object = None, *, codec: str = "fast", effort: int = 0, threads: int = 0
) -> Table:
    """Encodes a table in memory, which then holds the compressed bytes and nothing of ``array``.

    ``array`` has two dimensions: bfloat16 or float16 of NumPy, ml_dtypes or torch; uint16 words with ``dtype``;
    or float32 with ``dtype``, where every value is one of that type.
    """
    words, kind, shape = _arrays.words(array, dtype)
    return Table(_xnc.encode(words, (shape[0], shape[1]), kind, codec, _effort(effort), _threads(threads)))


def _effort(effort: int) -> int:
    if not 0 <= effort <= 4:
        raise ShapeError(f"effort is 1 to 4, or 0 for the usual one, not {effort}")
    return effort


def _threads(threads: int) -> int:
    if threads < 0:
        raise ShapeError(f"threads is 0 for as many as the machine has, or a number, not {threads}")
    return threads


def _table_of(model: Model, name: str) -> Table:
    return model[name]
