"""Workers as processes of this machine. Each is alone in its pool, so one that dies takes no other with it."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import threading
from collections import deque
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import connection
from typing import Any

from ._plan import Item
from ._scratch import Scratch, base_for
from ._work import failed, work
from .errors import PASSING, BatchError

_job: dict[str, Any] = {}
_threads = 1
_scratch: Scratch | None = None


def _begin(job: dict[str, Any], threads: int, scratch: str | None) -> None:
    """In a worker, before its first item."""
    global _job, _threads, _scratch
    _job, _threads = job, threads
    _scratch = Scratch(base_for(scratch, job["to"]))
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        # A driver that was killed ends no worker, and a worker waits for ever for its next item.
        connection.wait([parent.sentinel])
        if _scratch is not None:
            _scratch.close()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _do(item: Item) -> dict[str, Any]:
    assert _scratch is not None
    return work(_job, item, _scratch, _threads)


def _end() -> None:
    if _scratch is not None:
        _scratch.close()


class LocalEngine:
    """Processes, as many as ``workers``."""

    def __init__(self, job: dict[str, Any], workers: int, threads: int, retries: int, scratch: str | None) -> None:
        self._settings = (job, threads, scratch)
        self._retries = retries
        self._idle = [self._worker() for _ in range(max(1, workers))]
        self._busy: dict[Future[dict[str, Any]], tuple[ProcessPoolExecutor, Item, int]] = {}
        self._again: deque[tuple[Item, int]] = deque()

    def _worker(self) -> ProcessPoolExecutor:
        # Not by fork: threads of the caller may hold locks, and the library has a pool.
        context = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(1, mp_context=context, initializer=_begin, initargs=self._settings)

    def room(self) -> bool:
        return bool(self._idle)

    def submit(self, item: Item) -> None:
        self._start(item, 0)

    def _start(self, item: Item, tried: int) -> None:
        worker = self._idle.pop()
        try:
            future = worker.submit(_do, item)
        except BrokenProcessPool:
            # It died while it had nothing to do.
            worker.shutdown(wait=False)
            worker = self._worker()
            future = worker.submit(_do, item)
        self._busy[future] = (worker, item, tried)

    def wait(self) -> list[tuple[Item, dict[str, Any]]]:
        ended: list[tuple[Item, dict[str, Any]]] = []
        while not ended:
            while self._again and self._idle:
                self._start(*self._again.popleft())
            for future in wait(self._busy, return_when=FIRST_COMPLETED).done:
                worker, item, tried = self._busy.pop(future)
                error = future.exception()
                if isinstance(error, BrokenProcessPool):
                    worker.shutdown(wait=False)
                    worker = self._worker()
                    error = BatchError("the worker died: killed, or out of memory")
                self._idle.append(worker)
                if error is None:
                    ended.append((item, future.result()))
                elif isinstance(error, (BatchError, *PASSING)) and tried < self._retries:
                    self._again.append((item, tried + 1))
                else:
                    ended.append((item, failed(item, error)))
        return ended

    def close(self) -> None:
        for worker, _, _ in self._busy.values():
            # Stopped in the middle, by an interrupt: what they leave is swept by the next run.
            for process in list((worker._processes or {}).values()):
                process.terminate()
            worker.shutdown(wait=False, cancel_futures=True)
        for worker in self._idle:
            if worker._processes:
                with contextlib.suppress(BrokenProcessPool):
                    worker.submit(_end)
            worker.shutdown(wait=True)
