"""A line that says how far a run is: rate and time left."""

from __future__ import annotations

import time
from typing import Any, TextIO


class Bar:
    """Draws on a terminal a line over itself, elsewhere a line each half minute."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._live = out.isatty()
        self._began = time.monotonic()
        self._drawn = 0.0
        self._counts = {"done": 0, "nothing": 0, "failed": 0}
        self._last = ""

    def __call__(self, done: int, total: int, result: dict[str, Any]) -> None:
        self._counts[result["status"]] += 1
        now = time.monotonic()
        spent = now - self._began
        rate = done / spent if spent else 0.0
        left = _span((total - done) / rate) if rate else "?"
        counts = ", ".join(f"{count} {status}" for status, count in self._counts.items() if count)
        self._last = f"{size(done)} of {size(total)}, {size(rate)}/s, {left} left; {counts}"
        if now - self._drawn >= (0.2 if self._live else 30):
            self._drawn = now
            self._draw()

    def _draw(self) -> None:
        self._out.write(f"\r\x1b[K{self._last}" if self._live else f"{self._last}\n")
        self._out.flush()

    def close(self) -> None:
        """Leaves the last line."""
        if self._last:
            self._draw()
            if self._live:
                self._out.write("\n")


def size(count: float) -> str:
    """Bytes for people."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if abs(count) < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} PB"


def _span(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"
