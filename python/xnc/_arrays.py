"""What callers pass, as the arrays that the native part takes. Nothing is copied that may be big."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import DtypeError, RowError, ShapeError

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Spellings of the two types of words: NumPy's and ml_dtypes', torch's, safetensors'.
_DTYPES = {
    "BF16": "BF16",
    "bfloat16": "BF16",
    "torch.bfloat16": "BF16",
    "F16": "F16",
    "float16": "F16",
    "half": "F16",
    "torch.float16": "F16",
}
#: What words may stand in whatever they are.
_BARE = ("uint16", "int16")


def word_type(dtype: object) -> str:
    """``BF16`` or ``F16``, of any spelling and of NumPy's, ml_dtypes' and torch's type objects."""
    name = dtype if isinstance(dtype, str) else getattr(dtype, "name", None)
    if not isinstance(name, str):
        # Scalar types, as `np.float16`, and torch's.
        name = dtype.__name__ if isinstance(dtype, type) else str(dtype)
    known = _DTYPES.get(name)
    if known is None:
        raise DtypeError(f"words are of type BF16 (bfloat16) or F16 (float16), not {dtype}")
    return known


def is_tensor(array: object) -> bool:
    """Whether this is a tensor of torch, which is not imported for the question."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(array, torch.Tensor)


def name_of(array: Any) -> str:
    """Name of the element type of an array or tensor."""
    return str(array.dtype).removeprefix("torch.")


def to_numpy(array: Any, who: str) -> NDArray[Any]:
    """The same memory as a NumPy array; words that NumPy has no name for come as uint16."""
    if type(array) is np.ndarray:
        return array
    if is_tensor(array):
        if array.device.type != "cpu":
            raise DtypeError(f"{who}: a tensor on {array.device}; rows and products are made on the CPU")
        bits = array.detach()
        if name_of(bits) == "bfloat16":
            import torch

            bits = bits.view(torch.int16) if bits.dim() else bits
        return np.asarray(bits.numpy())
    try:
        return np.asarray(memoryview(array))
    except TypeError:
        return np.asarray(array)


def ids(rows: Any, count: int, who: str, wrap: bool) -> tuple[NDArray[np.int64], tuple[int, ...]]:
    """Row numbers in a row, and the shape they came in. With ``wrap``, negative ones count from the end."""
    array = rows if type(rows) is np.ndarray else to_numpy(rows, who) if is_tensor(rows) else np.asarray(rows)
    if array.dtype.kind not in "iu":
        if array.size or array.dtype.kind == "b":
            raise DtypeError(f"{who}: row numbers are integers, not {array.dtype}")
        array = array.astype(np.int64)
    shape = array.shape
    if array.dtype != np.int64 or not array.flags.c_contiguous:
        if array.dtype == np.uint64 and array.size and int(array.max()) > np.iinfo(np.int64).max:
            raise RowError(f"{who}: row {int(array.max())} is out of range: the table has {count} rows")
        array = np.ascontiguousarray(array, np.int64)
    array = array.reshape(-1)
    if wrap and array.size and array.min() < 0:
        if array.min() < -count:
            raise RowError(f"{who}: row {int(array.min())} is out of range: the table has {count} rows")
        array = np.where(array < 0, array + count, array)
    return array, shape


def target(out: Any, dtype: str, elements: int, who: str) -> tuple[NDArray[Any], bool]:
    """A buffer to fill as an array of uint16 words or float32 values; true for values."""
    name = name_of(out) if hasattr(out, "dtype") else ""
    array = to_numpy(out, who)
    if not array.flags.writeable:
        raise ShapeError(f"{who}: `out` is read-only")
    if not array.flags.c_contiguous:
        raise ShapeError(f"{who}: `out` is not contiguous in row-major order")
    values = (name or array.dtype.name) == "float32"
    if not values and name not in _BARE and array.dtype.name not in _BARE[:1]:
        named = _DTYPES.get(name)
        if named is None and array.dtype.kind in "uiV" and array.dtype.itemsize == 1 and not name:
            # A bytearray, a memory map: bytes to be filled with words.
            if array.nbytes == 2 * elements:
                return array.reshape(-1).view(np.uint16), False
        elif named == dtype:
            pass
        else:
            holds = "bfloat16" if dtype == "BF16" else "float16"
            raise DtypeError(f"{who}: `out` is {name or array.dtype}; it takes {holds}, uint16 or float32")
    if array.size != elements:
        raise ShapeError(f"{who}: `out` has {array.size} elements where {elements} are asked for")
    array = array.reshape(-1)
    return (array if values else array.view(np.uint16)), values


def words(array: Any, dtype: object) -> tuple[NDArray[np.uint16], str, tuple[int, ...]]:
    """The words of a plain table in a row, their type, and the table's shape."""
    who = "encode"
    name = name_of(array) if hasattr(array, "dtype") else ""
    plain = np.ascontiguousarray(to_numpy(array, who))
    name = name or plain.dtype.name
    if plain.ndim != 2:
        raise ShapeError(f"{who}: a table has two dimensions, rows and columns, not {plain.ndim}")
    own = _DTYPES.get(name)
    wanted = None if dtype is None else word_type(dtype)
    if own is not None:
        if wanted not in (None, own):
            raise DtypeError(f"{who}: the array is {name}, and dtype says {wanted}")
        bits = plain.view(np.uint16)
    elif name in _BARE:
        if wanted is None:
            raise DtypeError(f"{who}: {name} may hold BF16 or F16 words; say which with dtype=")
        own, bits = wanted, plain.view(np.uint16)
    elif name == "float32":
        if wanted is None:
            raise DtypeError(f"{who}: say which words the float32 values are with dtype=")
        own, bits = wanted, _narrowed(plain, wanted)
    else:
        raise DtypeError(f"{who}: a table holds bfloat16 or float16, not {name}")
    return bits.reshape(-1), own, plain.shape


def _narrowed(values: NDArray[np.float32], dtype: str) -> NDArray[np.uint16]:
    """The words of float32 values, each of which has to be one."""
    bits = values.view(np.uint32)
    if dtype == "BF16":
        other = np.argwhere(bits & 0xFFFF)
        narrow = (bits >> 16).astype(np.uint16)
    else:
        with np.errstate(all="ignore"):
            half = values.astype(np.float16)
        other = np.argwhere(half.astype(np.float32).view(np.uint32) != bits)
        narrow = half.view(np.uint16)
    if len(other):
        row, column = other[0]
        raise ShapeError(
            f"encode: {values[row, column]!r} in row {row}, column {column} is no {dtype} value; "
            "encoding loses nothing, so cast the array first if that is meant"
        )
    return narrow
