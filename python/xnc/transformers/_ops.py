"""Lookups and products as operators of torch, so that `compile` and `export` see one node and not the inside."""

from __future__ import annotations

import itertools
import weakref
from typing import Any

import torch

from ..torch._weights import Weight

_NUMBERS = itertools.count(1)
#: Weights by number, which is what a graph can hold; tensors keep them alive.
_WEIGHTS: weakref.WeakValueDictionary[int, Handle] = weakref.WeakValueDictionary()


class Handle:
    """A weight under a number, with those it was cast to."""

    def __init__(self, weight: Weight, name: str, address: int, digest: str | None) -> None:
        self.number = next(_NUMBERS)
        self.weight = weight
        #: What messages call it.
        self.name = name
        #: Where the payload lies: what `data_ptr` tells.
        self.address = address
        #: What is equal where it is equal.
        self.digest = digest
        self._casts: dict[torch.dtype, Handle] = {}
        _WEIGHTS[self.number] = self

    def cast(self, dtype: torch.dtype) -> Handle:
        """The handle of the weight in another type."""
        if dtype == self.weight.dtype:
            return self
        if dtype not in self._casts:
            self._casts[dtype] = Handle(self.weight.cast(dtype), self.name, self.address, self.digest)
        return self._casts[dtype]

    def is_same(self, other: Handle) -> bool:
        """Whether all elements are known to be the same."""
        if self.weight.table is other.weight.table:
            return self.weight.casts == other.weight.casts
        return (
            self.digest is not None
            and self.digest == other.digest
            and self.weight.source == other.weight.source
            and self.weight.casts == other.weight.casts
        )

    def set_mode(self, mode: str) -> None:
        self.weight.mode = mode
        for cast in self._casts.values():
            cast.set_mode(mode)


def handle(number: int) -> Handle:
    """The handle of that number."""
    return _WEIGHTS[number]


@torch.library.custom_op("xnc::embedding", mutates_args=())
def embedding(ids: torch.Tensor, number: int, dim: int, dtype: torch.dtype) -> torch.Tensor:
    return _WEIGHTS[number].weight.rows(ids)


@embedding.register_fake
def _(ids: torch.Tensor, number: int, dim: int, dtype: torch.dtype) -> torch.Tensor:
    return ids.new_empty((*ids.shape, dim), dtype=dtype)


@torch.library.custom_op("xnc::linear", mutates_args=())
def linear(
    x: torch.Tensor, bias: torch.Tensor | None, number: int, rows: int, dtype: torch.dtype
) -> torch.Tensor:
    return _WEIGHTS[number].weight.linear(x, bias)


@linear.register_fake
def _(
    x: torch.Tensor, bias: torch.Tensor | None, number: int, rows: int, dtype: torch.dtype
) -> torch.Tensor:
    return x.new_empty((*x.shape[:-1], rows))


@torch.library.custom_op("xnc::transposed", mutates_args=())
def transposed(x: torch.Tensor, number: int, dim: int, dtype: torch.dtype) -> torch.Tensor:
    # The whole table for a moment: sums over rows in parts would be rounded otherwise than the plain ones.
    return x @ _WEIGHTS[number].weight.plain(x.device)


@transposed.register_fake
def _(x: torch.Tensor, number: int, dim: int, dtype: torch.dtype) -> torch.Tensor:
    return x.new_empty((*x.shape[:-1], dim))


def _setup(ctx: Any, inputs: tuple[Any, ...], output: torch.Tensor) -> None:
    _, _, ctx.number, _, ctx.dtype = inputs


def _backward(ctx: Any, gradient: torch.Tensor) -> tuple[Any, ...]:
    x = bias = None
    if ctx.needs_input_grad[0]:
        dim = _WEIGHTS[ctx.number].weight.shape[1]
        x = transposed(gradient, ctx.number, dim, ctx.dtype)
    if ctx.needs_input_grad[1]:
        bias = gradient.reshape(-1, gradient.shape[-1]).sum(0)
    return x, bias, None, None, None


linear.register_autograd(_backward, setup_context=_setup)
