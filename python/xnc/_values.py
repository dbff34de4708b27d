"""A table as an array of values, for code that expects NumPy's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ._table import Table


class Values:
    """What indexing by rows, `len`, `shape` and `dtype` show of an array of the table's values.

    Values are of the source's type: float16, float32, or, where ml_dtypes is installed, bfloat16, which otherwise
    comes as float32. Whatever else NumPy is asked to do with it unpacks all of it.
    """

    __slots__ = ("__weakref__", "table", "dtype")

    def __init__(self, table: Table) -> None:
        self.table = table
        #: Type of the values.
        self.dtype: np.dtype[Any] = _type(table)

    @property
    def shape(self) -> tuple[int, int]:
        return self.table.shape

    @property
    def ndim(self) -> int:
        return 2

    @property
    def size(self) -> int:
        return self.shape[0] * self.shape[1]

    @property
    def nbytes(self) -> int:
        """Bytes that the compressed table takes."""
        return self.table.nbytes

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> NDArray[Any]:
        rows, columns = (key[0], key[1:]) if isinstance(key, tuple) and key else (key, ())
        whole = rows is Ellipsis or isinstance(rows, slice)
        ids = np.arange(len(self))[rows] if whole else np.asarray(rows)
        if ids.dtype == np.bool_:
            ids = np.flatnonzero(ids)
        ids = np.where(ids < 0, ids + len(self), ids)
        found: NDArray[Any] = np.empty((*ids.shape, self.shape[1]), self.dtype)
        if found.dtype == np.float32:
            self.table.rows(ids, out=found)
        else:
            self.table.rows(ids, out=found.view(np.uint16))
        return found[(*(slice(None),) * ids.ndim, *columns)] if columns else found

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError(f"table `{self.table.name}`: as an array it has to be unpacked, which is a copy")
        whole = self[...]
        return whole if dtype is None else whole.astype(dtype)

    def __deepcopy__(self, memo: object) -> Values:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return Values, (self.table,)

    def __repr__(self) -> str:
        return f"<values of {self.table!r}>"


def _type(table: Table) -> np.dtype[Any]:
    if table.source_dtype == "F16" and table.dtype == "F16":
        return np.dtype(np.float16)
    if table.source_dtype == "BF16":
        try:
            import ml_dtypes
        except ImportError:
            return np.dtype(np.float32)
        found: np.dtype[Any] = np.dtype(ml_dtypes.bfloat16)
        return found
    return np.dtype(np.float32)
