"""The modules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from ..errors import UsageError
from ._weights import MODES, Weight

if TYPE_CHECKING:
    from xnc import Table


class _OverTable(nn.Module):
    """A module without parameters; `.to(dtype)` rounds what rows give, `.to(device)` moves nothing."""

    def __init__(self, table: Table, dtype: torch.dtype | None) -> None:
        super().__init__()
        self._weight = Weight(table) if dtype is None else Weight(table).cast(dtype)

    @property
    def table(self) -> Table:
        """The compressed table."""
        return self._weight.table

    @property
    def dtype(self) -> torch.dtype:
        """Element type of what rows are."""
        return self._weight.dtype

    def _apply(self, fn: Any, recurse: bool = True) -> Any:
        # `.half()`, `.to(dtype)` and their kin are told from moves by what they do to a tensor.
        asked = fn(torch.empty(0, dtype=self._weight.dtype))
        mode, self._weight = self._weight.mode, self._weight.cast(asked.dtype)
        self._weight.mode = mode
        return super()._apply(fn, recurse)


class Embedding(_OverTable):
    """Looks rows up in a compressed table, as ``nn.Embedding`` does in a plain one.

    ``dtype`` is that of the result, the source's by default. Ids may be on any device, and rows come on it; where
    that is a GPU, from a pinned buffer. It holds no parameter and is never trained.
    """

    def __init__(self, table: Table, *, dtype: torch.dtype | None = None) -> None:
        super().__init__(table, dtype)
        self.num_embeddings, self.embedding_dim = table.shape

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return self._weight.rows(ids)

    def extra_repr(self) -> str:
        return f"{self.num_embeddings}, {self.embedding_dim}, {self.table!r}"


class Linear(_OverTable):
    """Multiplies by a compressed table, as ``nn.Linear`` does by a plain weight: an output head.

    In mode ``exact`` rows are unpacked a few at a time and given to torch's own product: every bit is that of the
    plain head. In mode ``fast`` compressed rows are multiplied as they are: within one rounding of the result,
    and faster for a few vectors. On an accelerator the table is unpacked once, into its memory. Gradients go
    through to the input; the table is never trained.
    """

    bias: torch.Tensor | None

    def __init__(
        self,
        table: Table,
        bias: torch.Tensor | None = None,
        *,
        mode: str = "exact",
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(table, dtype)
        if mode not in MODES:
            raise UsageError(f"mode is one of {', '.join(MODES)}, not {mode!r}")
        self._weight.mode = mode
        self.out_features, self.in_features = table.shape
        self.register_buffer("bias", bias)

    @property
    def mode(self) -> str:
        """``exact`` or ``fast``."""
        return self._weight.mode

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = _Linear.apply(x, self.bias, self._weight)
        return result

    def extra_repr(self) -> str:
        return f"{self.in_features}, {self.out_features}, mode={self.mode}, {self.table!r}"


class _Linear(torch.autograd.Function):
    """The product, and its gradient for the input."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, bias: torch.Tensor | None, weight: Weight) -> torch.Tensor:
        ctx.weight = weight
        return weight.linear(x, bias)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None, None]:
        (gradient,) = gradients
        bias = gradient.reshape(-1, gradient.shape[-1]).sum(0) if ctx.needs_input_grad[1] else None
        # The whole table for a moment: sums over rows in parts would be rounded otherwise than the plain head's.
        return gradient @ ctx.weight.plain(gradient.device), bias, None
