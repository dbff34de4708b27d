"""The tensor that stands for a compressed table: right shape, type and device, no memory."""

from __future__ import annotations

import warnings
from typing import Any

import torch
import torch.nn.functional as F
from torch.utils._python_dispatch import return_and_correct_aliasing
from torch.utils._pytree import tree_leaves, tree_map

from .._table import Table
from ..errors import ReadOnlyError
from ..torch._weights import Weight
from ._ops import Handle, embedding, handle, linear

_REMEDY = "call xnc.transformers.unpack(model) first"

aten = torch.ops.aten


class XncTensor(torch.Tensor):
    """A table whose rows are decoded when they are used. Made by loading; a device is only what it is called."""

    _handle: Handle
    _anchor: torch.Tensor

    @staticmethod
    def __new__(cls, owner: Any, *args: Any, requires_grad: bool = False, **kwargs: Any) -> Any:
        if isinstance(owner, torch.Tensor):
            # accelerate makes a parameter of any kind anew: type(parameter)(value, requires_grad=...).
            return owner if isinstance(owner, XncTensor) else torch.nn.Parameter(owner, requires_grad)
        return cls._make(owner, *args)

    @classmethod
    def _make(cls, owner: Handle, device: torch.device, anchor: torch.Tensor | None = None) -> XncTensor:
        # Inside inference mode too: a parameter made there could not be used outside.
        with torch.inference_mode(False):
            made = torch.Tensor._make_wrapper_subclass(
                cls, owner.weight.shape, dtype=owner.weight.dtype, device=device, requires_grad=False
            )
            made._handle = owner
            # An inner tensor, without which nothing could be flattened for `compile`.
            made._anchor = torch.empty(0) if anchor is None else anchor
        return made

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    @classmethod
    def of(cls, table: Table, name: str, address: int, digest: str | None) -> XncTensor:
        """The tensor of a table."""
        return cls._make(Handle(Weight(table), name, address, digest), torch.device("cpu"))

    @property
    def table(self) -> Table:
        """The compressed table."""
        return self._handle.weight.table

    def plain(self) -> torch.Tensor:
        """The whole table, unpacked: an ordinary tensor."""
        return self._handle.weight.plain(self.device)

    def __repr__(self, *, tensor_contents: Any = None) -> str:  # type: ignore[override]
        return f"XncTensor({self._handle.name!r}, {tuple(self.shape)}, {self.dtype}, device='{self.device}')"

    def __tensor_flatten__(self) -> tuple[list[str], Any]:
        return ["_anchor"], (self._handle.number, self.device)

    @staticmethod
    def __tensor_unflatten__(inner: dict[str, torch.Tensor], meta: Any, size: Any, stride: Any) -> XncTensor:
        number, device = meta
        return XncTensor._make(handle(number), device, inner["_anchor"])

    def __deepcopy__(self, memo: dict[int, Any]) -> XncTensor:
        if id(self) not in memo:
            copy = self._like()
            copy._is_param = getattr(self, "_is_param", False)
            memo[id(self)] = copy
        copied: XncTensor = memo[id(self)]
        return copied

    def __reduce_ex__(self, protocol: Any) -> Any:
        # Pickles, and `torch.save`, hold the plain table: whoever loads them needs nothing of ours.
        plain = self.plain()
        if getattr(self, "_is_param", False):
            plain = torch.nn.Parameter(plain, requires_grad=False)
        return plain.__reduce_ex__(protocol)

    def _like(self, dtype: torch.dtype | None = None, device: Any = None) -> XncTensor:
        owner = self._handle if dtype is None else self._handle.cast(dtype)
        where = self.device if device is None else torch.device(device)
        return XncTensor._make(owner, where, self._anchor)

    def _refuse(self, what: str) -> ReadOnlyError:
        return ReadOnlyError(f"table `{self._handle.name}` is compressed and read-only, so no {what}; {_REMEDY}")

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        special = _FUNCTIONS.get(func)
        if special is not None:
            done = special(*args, **kwargs)
            if done is not NotImplemented:
                return done
        # Not `super()`: that would dress plain results as this class.
        with torch._C.DisableTorchFunctionSubclass():
            return func(*args, **kwargs)

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]
        cls, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        own = args[0] if args and isinstance(args[0], XncTensor) else None
        special = _OPERATORS.get(func)
        if special is not None:
            done = special(func, args, kwargs)
            if done is not NotImplemented:
                return done
        if func._schema.is_mutable and own is not None:
            raise own._refuse(f"`{func.__name__}`")
        names = {t._handle.name for t in tree_leaves((args, kwargs)) if isinstance(t, XncTensor)}
        warnings.warn(f"xnc: {func} unpacks the whole of {', '.join(sorted(names))}", stacklevel=2)
        args, kwargs = tree_map(_plain, args), tree_map(_plain, kwargs)
        return func(*args, **kwargs)


def _plain(value: Any) -> Any:
    return value.plain() if isinstance(value, XncTensor) else value


# Functions of torch, caught before autograd.


def _embedding(input: Any, weight: Any, padding_idx: Any = None, max_norm: Any = None, *_: Any, **__: Any) -> Any:
    if not isinstance(weight, XncTensor):
        return NotImplemented
    if max_norm is not None:
        raise weight._refuse("max_norm, which changes it")
    return embedding(input, weight._handle.number, weight.shape[1], weight.dtype)


def _linear(input: Any, weight: Any, bias: Any = None) -> Any:
    if not isinstance(weight, XncTensor) or isinstance(input, XncTensor):
        return NotImplemented
    owner, kind = weight._handle, input.device.type
    if torch.is_autocast_enabled(kind):
        # What torch does to the arguments of its own products.
        dtype = torch.get_autocast_dtype(kind)
        input, owner, bias = input.to(dtype), owner.cast(dtype), None if bias is None else bias.to(dtype)
    return linear(input, bias, owner.number, weight.shape[0], owner.weight.dtype)


def _embedding_bag(input: Any, weight: Any, *args: Any, **kwargs: Any) -> Any:
    if not isinstance(weight, XncTensor):
        return NotImplemented
    unique, places = torch.unique(input, return_inverse=True)
    rows = embedding(unique, weight._handle.number, weight.shape[1], weight.dtype)
    return F.embedding_bag(places, rows, *args, **kwargs)


def _set_requires_grad(tensor: Any, wanted: bool) -> Any:
    # sentence-transformers does so while it loads, so it is no error; but silently untrained would be one.
    if wanted:
        warnings.warn(f"xnc: table `{tensor._handle.name}` stays frozen; to train it, {_REMEDY}", stacklevel=4)


def _requires_grad(tensor: Any, requires_grad: bool = True) -> Any:
    # While a parameter is made of it, at load, it is none yet.
    if requires_grad and getattr(tensor, "_is_param", False):
        raise tensor._refuse("training of it")
    return tensor


def _set_data(tensor: Any, value: Any) -> Any:
    # Preparing for k-bit training gives it back to itself in another type; resizing gives another table.
    if isinstance(tensor, XncTensor) and not isinstance(value, XncTensor):
        raise tensor._refuse("other data for it")
    return NotImplemented


def _address(tensor: Any) -> int:
    # Zero would look like every tensor on the meta device.
    return int(tensor._handle.address)


def _storage(tensor: Any, *_: Any) -> Any:
    # What saves files asks for it last; tracers are content with an untyped one, which is empty.
    raise ReadOnlyError(
        f"table `{tensor._handle.name}` is compressed and has no plain memory to save or share; "
        "copy the compressed folder, or, before save_pretrained, call xnc.transformers.unpack(model)"
    )


_FUNCTIONS: dict[Any, Any] = {
    F.embedding: _embedding,
    torch.embedding: lambda weight, indices, *args, **kwargs: _embedding(indices, weight),
    F.linear: _linear,
    F.embedding_bag: _embedding_bag,
    torch.Tensor.requires_grad.__set__: _set_requires_grad,  # type: ignore[attr-defined]
    torch.Tensor.requires_grad_: _requires_grad,
    torch.Tensor.data.__set__: _set_data,  # type: ignore[attr-defined]
    torch.Tensor.data_ptr: _address,
    torch.Tensor.storage: _storage,
}


# Operators, below autograd.


def _alias(func: Any, args: Any, kwargs: Any) -> Any:
    return return_and_correct_aliasing(func, args, kwargs, args[0]._like())


def _clone(func: Any, args: Any, kwargs: Any) -> Any:
    return args[0]._like()


def _to_copy(func: Any, args: Any, kwargs: Any) -> Any:
    tensor, dtype, device = args[0], kwargs.get("dtype"), kwargs.get("device")
    if device is not None and torch.device(device).type == "meta":
        return torch.empty(tensor.shape, dtype=dtype or tensor.dtype, device="meta")
    if dtype is not None and not dtype.is_floating_point:
        return NotImplemented
    return tensor._like(dtype, device)


def _aten_embedding(func: Any, args: Any, kwargs: Any) -> Any:
    weight, ids = args[0], args[1]
    return embedding(ids, weight._handle.number, weight.shape[1], weight.dtype)


def _like_it(func: Any, args: Any, kwargs: Any) -> Any:
    tensor = args[0]
    if not isinstance(tensor, XncTensor):
        return NotImplemented
    stand_in = torch.empty(1, dtype=tensor.dtype, device=tensor.device).expand(tensor.shape)
    kwargs = {"memory_format": torch.contiguous_format, **kwargs} if "like" in func.__name__ else kwargs
    return func(stand_in, *args[1:], **kwargs)


def _select(func: Any, args: Any, kwargs: Any) -> Any:
    tensor, axis, row = args
    if axis not in (0, -tensor.dim()):
        return NotImplemented
    row = torch.tensor(row + tensor.shape[0] if row < 0 else row)
    return tensor._handle.weight.rows(row).to(tensor.device)


def _slice(func: Any, args: Any, kwargs: Any) -> Any:
    tensor, axis, start, end, step = list(args) + [None, 0, None, None, 1][len(args) :]
    if axis not in (0, -tensor.dim()) or step != 1:
        return NotImplemented
    start, end, _ = slice(start, end).indices(tensor.shape[0])
    return tensor._handle.weight.part(start, max(end - start, 0)).to(tensor.device)


def _index(func: Any, args: Any, kwargs: Any) -> Any:
    tensor, places = args[0], args[1]
    if len(places) != 1 or places[0] is None or places[0].dtype not in (torch.int64, torch.int32):
        return NotImplemented
    ids = torch.where(places[0] < 0, places[0] + tensor.shape[0], places[0])
    return tensor._handle.weight.rows(ids).to(tensor.device)


def _equal(func: Any, args: Any, kwargs: Any) -> Any:
    one, other = args
    if isinstance(one, XncTensor) and isinstance(other, XncTensor) and one._handle.is_same(other._handle):
        return True
    return NotImplemented


_OPERATORS: dict[Any, Any] = {
    aten.detach.default: _alias,
    aten.alias.default: _alias,
    aten.lift_fresh.default: _alias,
    aten.clone.default: _clone,
    aten._to_copy.default: _to_copy,
    aten.embedding.default: _aten_embedding,
    aten.select.int: _select,
    aten.slice.Tensor: _slice,
    aten.index.Tensor: _index,
    aten.equal.default: _equal,
}
for _name in ("empty", "zeros", "ones", "rand", "randn", "full"):
    _OPERATORS[getattr(aten, f"{_name}_like").default] = _like_it
for _name in ("empty", "zeros", "ones", "full", "empty_strided"):
    _OPERATORS[getattr(aten, f"new_{_name}").default] = _like_it
