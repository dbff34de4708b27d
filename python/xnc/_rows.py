"""Looking rows up, in whatever a table is: mapped, in memory, or a store on disk."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _arrays
from .errors import DtypeError, RowError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from . import _xnc


class Rows(ABC):
    """Rows of 16-bit words by their number."""

    __slots__ = ("name", "shape", "dtype")

    def __init__(self, core: _xnc.Table | _xnc.Store, name: str) -> None:
        #: Name of the tensor; empty for a table encoded in memory.
        self.name = name
        #: Rows and columns.
        self.shape: tuple[int, int] = (core.rows, core.dim)
        #: Type of the words, ``BF16`` or ``F16``.
        self.dtype = core.dtype

    def rows(self, ids: Any, out: Any = None, *, dtype: object = None) -> Any:
        """The rows ``ids``, integers in any shape, one row for each; negative ones are refused.

        ``out`` is filled and returned, nothing is copied on the way: an array, tensor or buffer of uint16,
        of the table's own type (``ml_dtypes.bfloat16``, ``torch.bfloat16``, ``float16``) or, for exact values,
        of float32. Without it, a NumPy array is made: of words, or of values with ``dtype="float32"``.
        """
        return self._rows(ids, out, dtype, wrap=False)

    def __len__(self) -> int:
        return self.shape[0]

    def _rows(self, ids: Any, out: Any, dtype: object, wrap: bool) -> Any:
        core, who, (count, dim) = self._alive(), self._who(), self.shape
        flat, shape = _arrays.ids(ids, count, who, wrap)
        if out is None:
            self._check(flat, who)
            made: NDArray[Any] = np.empty((*shape, dim), self._type(dtype, who))
            target = made.reshape(-1)
            values = target.dtype == np.float32
            out, target = made, target if values else target.view(np.uint16)
        else:
            if dtype is not None:
                raise DtypeError(f"{who}: `out` has a type of its own; leave dtype away")
            target, values = _arrays.target(out, self.dtype, flat.size * dim, who)
        (core.gather_f32 if values else core.gather)(flat, target)
        return out

    def _check(self, flat: NDArray[np.int64], who: str) -> None:
        # Before memory is taken for rows that are not there.
        if flat.size and not 0 <= flat.max() < self.shape[0]:
            raise RowError(f"{who}: row {flat.max()} is out of range: the table has {self.shape[0]} rows")

    def _type(self, dtype: object, who: str) -> Any:
        if dtype is None:
            return np.float16 if self.dtype == "F16" else np.uint16
        if str(getattr(dtype, "__name__", dtype)).removeprefix("torch.") in ("float32", "F32", "<f4"):
            return np.float32
        if _arrays.word_type(dtype) == self.dtype:
            return self._type(None, who)
        raise DtypeError(f"{who}: it gives its own {self.dtype} words or float32 values, not {dtype}")

    @abstractmethod
    def _alive(self) -> _xnc.Table | _xnc.Store:
        """What reads rows, unless it was closed."""

    def _who(self) -> str:
        return f"table `{self.name}`"
