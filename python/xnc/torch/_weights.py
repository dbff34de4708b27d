"""A compressed table as a weight: rows, the whole, and products, as torch would give them of the plain one."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from ._team import each

if TYPE_CHECKING:
    from xnc import Table

#: Bytes unpacked at a time for a few vectors: they are in a cache until they are multiplied, and each time costs some
#: 0.1 ms. Of a small table less, or this room would be much of what the table saves.
NEAR = 1 << 22
#: As :data:`NEAR`, for many vectors, which make up for memory.
FAR = 1 << 24
#: Vectors up to which our own products are quicker than unpacking.
FEW = 4

MODES = ("exact", "fast")

_TYPES = {"BF16": torch.bfloat16, "F16": torch.float16, "F32": torch.float32}


class Weight:
    """A table in the source's element type, then rounded to each of ``casts`` in turn, as `.to` would.

    Without casts every element is the source's. Unpacked rows exist only while they are used.
    """

    def __init__(self, table: Table, casts: tuple[torch.dtype, ...] = ()) -> None:
        self.table = table
        self.source = _TYPES[table.source_dtype]
        self.casts = casts
        self.dtype = casts[-1] if casts else self.source
        self.shape = torch.Size(table.shape)
        #: How heads are multiplied: ``exact`` or ``fast``.
        self.mode = MODES[0]
        self._local = threading.local()
        self._unpacked: dict[torch.device, torch.Tensor] = {}

    def cast(self, dtype: torch.dtype) -> Weight:
        """This weight in another type; bits that an earlier cast lost stay lost."""
        if dtype == self.dtype:
            return self
        cast = Weight(self.table, (*self.casts, dtype))
        cast.mode = self.mode
        return cast

    def rows(self, ids: torch.Tensor) -> torch.Tensor:
        """A row for each id, on the device of ``ids``."""
        device = ids.device
        flat = ids.detach().reshape(-1).to("cpu", torch.int64)
        if device.type == "cpu":
            return self._gather(flat, False).reshape(*ids.shape, self.shape[1])
        # Only rows travel, each once, from memory that the device reads by itself.
        unique, places = torch.unique(flat, return_inverse=True)
        rows = self._gather(unique, device.type == "cuda").to(device, non_blocking=True)
        return rows[places.to(device)].reshape(*ids.shape, self.shape[1])

    def part(self, first: int, count: int, out: torch.Tensor | None = None, threads: int = 0) -> torch.Tensor:
        """Rows one after another, on the CPU; in ``out`` where that fits."""
        shape = (count, self.shape[1])
        if self.source is torch.float32:
            plain = self._gather(torch.arange(first, first + count), False, cast=False)
        else:
            plain = torch.empty(shape, dtype=self.source) if out is None else out[:count]
            self.table._alive().read(first * shape[1], _words(plain), threads)
        return self._rounded(plain)

    def plain(self, device: torch.device | str = "cpu") -> torch.Tensor:
        """The whole table, unpacked."""
        return self.part(0, self.shape[0]).to(device)

    def linear(self, x: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        """What `F.linear` gives of the plain table: in mode ``exact`` to the last bit."""
        if x.device.type != "cpu":
            return F.linear(x, self._on(x.device), bias)
        few = x.numel() <= FEW * self.shape[1]
        if self.mode == "fast" and few and not self.casts and x.dtype == self.source:
            return self._product(x, bias)
        return self._chunks(x, bias, few)

    def _chunks(self, x: torch.Tensor, bias: torch.Tensor | None, few: bool) -> torch.Tensor:
        rows, dim = self.shape
        x, bias = x.detach(), None if bias is None else bias.detach()
        size = rows * dim * 2
        parts = max(1, size // (min(NEAR, max(NEAR // 2, size // 32)) if few else FAR))
        out = x.new_empty(*x.shape[:-1], rows)
        # Parts of one size: the framework may take another way for a few rows left over.
        bounds = [rows * n // parts for n in range(parts + 1)]

        def multiply(part: tuple[int, int]) -> None:
            first, end = part
            buffer = self._buffer(-(-rows // parts) * dim)
            weight = self.part(first, end - first, buffer, threads=1 if few else 0)
            out[..., first:end] = F.linear(x, weight, None if bias is None else bias[first:end])

        if few:
            each(multiply, zip(bounds, bounds[1:]))
        else:
            # Many vectors keep torch's threads busy long enough.
            for part in zip(bounds, bounds[1:]):
                multiply(part)
        return out

    def _product(self, x: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        out = torch.empty(*x.shape[:-1], self.shape[0], dtype=torch.float32)
        core, flat = self.table._alive(), x.detach().contiguous().reshape(-1)
        if x.dtype is torch.bfloat16 and self.table.dtype == "BF16":
            core.product_bf16(_words(flat), out.view(-1).numpy(), 0)
        else:
            core.product(flat.float().numpy(), out.view(-1).numpy(), 0)
        return (out if bias is None else out + bias).to(x.dtype)

    def _gather(self, ids: torch.Tensor, pinned: bool, cast: bool = True) -> torch.Tensor:
        rows = torch.empty(len(ids), self.shape[1], dtype=self.source, pin_memory=pinned)
        core, flat = self.table._alive(), ids.numpy()
        if self.source is torch.float32:
            core.gather_f32(flat, rows.view(-1).numpy())
        else:
            core.gather(flat, _words(rows))
        return self._rounded(rows) if cast else rows

    def _rounded(self, plain: torch.Tensor) -> torch.Tensor:
        for dtype in self.casts:
            plain = plain.to(dtype)
        return plain

    def _buffer(self, elements: int) -> torch.Tensor:
        """Room for unpacked rows, a thread's own, that stays from one product to the next."""
        buffer: torch.Tensor | None = getattr(self._local, "buffer", None)
        if buffer is None or buffer.numel() < elements:
            with torch.inference_mode(False):
                self._local.buffer = buffer = torch.empty(elements, dtype=self.source)
        return buffer[:elements].view(-1, self.shape[1])

    def _on(self, device: torch.device) -> torch.Tensor:
        """The whole table on an accelerator, which has memory of its own: unpacked there once."""
        unpacked = self._unpacked.get(device)
        if unpacked is None:
            self._unpacked[device] = unpacked = self.plain(device)
        return unpacked

    def __reduce__(self) -> tuple[object, ...]:
        return _weight, (self.table, self.casts, self.mode)


def _weight(table: Table, casts: tuple[torch.dtype, ...], mode: str) -> Weight:
    weight = Weight(table, casts)
    weight.mode = mode
    return weight


def _words(tensor: torch.Tensor):  # type: ignore[no-untyped-def]
    """The memory of a 16-bit tensor as NumPy's words."""
    return tensor.view(torch.int16).view(-1).numpy().view("uint16")
