"""What the command line does with files and folders, as functions; each gives what ``--json`` tells."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Union

from . import _xnc
from .errors import UsageError

if TYPE_CHECKING:
    Path = Union[str, os.PathLike[str]]
    #: Called with a stage, bytes done and bytes in all; ``True`` for a bar of tqdm.
    Progress = Union[Callable[[str, int, int], object], bool, None]


def compress(
    source: Path,
    output: Path | None = None,
    *,
    codec: str = "fast",
    effort: int | None = None,
    pages: bool = False,
    tensors: str | Iterable[str] = "embeddings",
    threads: int = 0,
    force: bool = False,
    progress: Progress = None,
) -> dict[str, Any]:
    """Compresses the tables of a model file or folder into a new one of the same format.

    Without ``output``, it is ``STEM.xnc.EXT`` or ``FOLDER.xnc`` beside the source. It appears whole, and only
    after it was restored in memory to the source's SHA-256. ``tensors`` is ``"embeddings"``, ``"all"``, or
    names and patterns. Where nothing is worth compressing, ``output`` in the report is None and ``nothing``
    says why.
    """
    picked = tensors if isinstance(tensors, str) else ",".join(tensors)
    options = ["--codec", codec, f"--tensors={picked}", *_writing(effort, pages, threads, force)]
    return _report("compress", source, output, options, progress)


def transcode(
    source: Path,
    output: Path,
    *,
    codec: str,
    effort: int | None = None,
    pages: bool = False,
    threads: int = 0,
    force: bool = False,
    progress: Progress = None,
) -> dict[str, Any]:
    """Brings the tables of a compressed file or folder under another codec, without its source."""
    options = ["--codec", codec, *_writing(effort, pages, threads, force)]
    return _report("transcode", source, output, options, progress)


def restore(
    source: Path,
    output: Path | None = None,
    *,
    threads: int = 0,
    force: bool = False,
    progress: Progress = None,
) -> dict[str, Any]:
    """Brings back the source of a compressed file or folder, byte for byte, checked by SHA-256."""
    return _report("restore", source, output, _writing(None, False, threads, force), progress)


def verify(
    source: Path, against: Path | None = None, *, threads: int = 0, progress: Progress = None
) -> dict[str, Any]:
    """Checks every checksum and digest, and that it restores; byte for byte ``against`` a source."""
    compared = [] if against is None else [f"--against={os.fspath(against)}"]
    return _report("verify", source, None, [*compared, *_threads(threads)], progress)


def inspect(source: Path, *, progress: Progress = None) -> dict[str, Any]:
    """Tells which tables a file holds, their share of it, and their exponents."""
    return _report("inspect", source, None, [], progress)


def analyze(source: Path, *, threads: int = 0, progress: Progress = None) -> dict[str, Any]:
    """Counts words as the paper does, the order-0 entropy, and what compressed tables take."""
    return _report("analyze", source, None, _threads(threads), progress)


def _threads(threads: int) -> list[str]:
    return [f"--threads={threads}"]


def _writing(effort: int | None, pages: bool, threads: int, force: bool) -> list[str]:
    chosen = [] if effort is None else [f"--effort={effort}"]
    return [*chosen, *(["--pages"] if pages else []), *_threads(threads), *(["--force"] if force else [])]


def _report(
    verb: str, source: Path, output: Path | None, options: list[str], progress: Progress
) -> dict[str, Any]:
    import json

    target = [] if output is None else [f"--output={os.fspath(output)}"]
    arguments = ["xnc", verb, *options, *target, "--", os.fspath(source)]
    bar = None
    if progress is True:
        progress = bar = _Bar()
    try:
        told = _xnc.report(arguments, progress or None)
    finally:
        if bar is not None:
            bar.close()
    report: dict[str, Any] = json.loads(told)
    return report


class _Bar:
    """A bar of tqdm, one a stage."""

    def __init__(self) -> None:
        try:
            from tqdm.auto import tqdm
        except ImportError as missing:
            raise UsageError("progress=True takes tqdm, which is not installed: pip install tqdm") from missing
        self._make = tqdm
        self._stage = ""
        self._bar: Any = None

    def __call__(self, stage: str, done: int, total: int) -> None:
        if stage != self._stage:
            self.close()
            self._stage = stage
            self._bar = self._make(total=total, desc=stage, unit="B", unit_scale=True)
        self._bar.total = total
        self._bar.update(done - self._bar.n)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
