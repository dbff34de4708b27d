"""One item of work, done by any process on any machine; whatever goes wrong with it becomes its result.

A result is JSON: ``status`` (``done``, ``nothing`` to compress, or ``failed``), ``path``, ``model``, ``bytes`` of the
source, ``output_bytes``, ``seconds``, ``error`` and its ``kind``, ``outputs`` (what was written, with versions).
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from ..errors import Error
from . import _files, _folders, _records, _restoring
from ._plan import Item
from ._scratch import Scratch
from ._stores import Store, checked, open_store
from .errors import PASSING

Job = dict[str, Any]


class Place:
    """What an action works with: both stores, a folder of its own, threads."""

    def __init__(self, job: Job, item: Item, folder: Path, threads: int) -> None:
        self.source = open_store(job["source"], job["store"])
        self.target: Store | None = None if job["to"] is None else open_store(job["to"], job["store"])
        self.options: dict[str, Any] = job["options"]
        self.folder = folder
        self.threads = threads
        self.withdraw: list[str] = item.get("withdraw", [])
        self.outputs: dict[str, str] = {}

    def put_file(self, path: str, file: Path) -> None:
        """Gives a file its place in the target, if there is one."""
        if self.target is not None:
            self._withdrawn()
            self.outputs[path] = self.target.put_file(path, file)

    def put(self, path: str, data: bytes) -> None:
        """As ``put_file``, of bytes."""
        if self.target is not None:
            self._withdrawn()
            self.outputs[path] = self.target.put(path, data)

    def _withdrawn(self) -> None:
        """A folder that was complete is none before its first file changes: its record goes first."""
        for path in sorted(self.withdraw, key=lambda path: not path.endswith("xnc.json")):
            assert self.target is not None
            self.target.delete(path)
        self.withdraw = []


_ACTIONS = {
    "compress": _files.compress,
    "restore": _restoring.restore,
    "verify": _restoring.restore,
    "copy": _restoring.copy,
}


def work(job: Job, item: Item, scratch: Scratch, threads: int) -> dict[str, Any]:
    """Does an item and tells how it went. Raises only what another try may not meet."""
    began = time.perf_counter()
    told: dict[str, Any] = {
        "path": item["path"],
        "action": item["action"],
        "model": item["model"],
        "bytes": item["size"],
    }
    folder = None
    try:
        checked(item["path"])
        target = None if job["to"] is None else open_store(job["to"], job["store"])
        known = target and _records.look_up(target, job, item)
        if known:
            return {**known, "skipped": True}
        with scratch.folder() as folder:
            place = Place(job, item, folder, threads)
            finish = _folders.finish if job["verb"] == "compress" else _restoring.finish
            action = _ACTIONS.get(item["action"], finish)
            result = {**told, "status": "done", **action(place, item)}
            result["outputs"] = place.outputs
        result["seconds"] = round(time.perf_counter() - began, 3)
        if target is not None:
            _records.keep(target, job, item, result)
        return result
    except PASSING:
        raise
    except (Error, OSError, ValueError, MemoryError) as error:
        seconds = round(time.perf_counter() - began, 3)
        # The scratch folder is nobody's concern.
        told_error = str(error)
        if folder is not None:
            told_error = told_error.replace(f"{folder}/in: ", "").replace(f"{folder}/in/", "")
        return {**failed(told, error, seconds), "error": told_error or type(error).__name__}


def failed(item: dict[str, Any], error: BaseException, seconds: float = 0.0) -> dict[str, Any]:
    """The result of an item that could not be done."""
    told = {name: item.get(name) for name in ("path", "action", "model")}
    size = item.get("bytes", item.get("size", 0))
    message = str(error) or type(error).__name__
    return {
        **told,
        "bytes": size,
        "status": "failed",
        "error": message,
        "kind": type(error).__name__,
        "seconds": seconds,
    }
