"""The driver: hands items to workers, completes folders, writes results, and can be killed at any time."""

from __future__ import annotations

import contextlib
import json
import os
import random
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Protocol, TextIO

from ._plan import Item, Plan
from ._progress import Bar
from .errors import PlanError

#: Called with bytes of sources that are done, bytes in all, and the result that came last.
Progress = Callable[[int, int, dict[str, Any]], object]


class Engine(Protocol):
    """Workers somewhere."""

    def room(self) -> bool:
        """Whether another item would be begun at once, or soon."""

    def submit(self, item: Item) -> None:
        """Begins an item."""

    def wait(self) -> list[tuple[Item, dict[str, Any]]]:
        """Items that ended, at least one; with their results."""

    def close(self) -> None:
        """Ends the workers."""


def run(
    plan: Plan,
    on: str = "local",
    *,
    results: str | os.PathLike[str] | None = None,
    workers: int | None = None,
    threads: int = 1,
    retries: int = 3,
    scratch: str | os.PathLike[str] | None = None,
    progress: Progress | bool | None = None,
    address: str | None = None,
    resources: dict[str, Any] | None = None,
    store: dict[str, Any] | None = None,
) -> list[dict[str, Any]]:
    """Does what a plan says and gives the result of each item; none raises, what fails is told in its result.

    ``on="local"`` takes ``workers`` processes of this machine, as many as it has cores by default; ``on="ray"`` takes
    the Ray cluster at ``address`` (the running one, or a new one here), with ``resources`` as Ray's options of a task.
    A worker takes ``threads`` threads. An item that fails for a reason that may pass, or whose worker dies, is tried
    ``retries`` times more. ``results`` is a file that each result is appended to, as a line of JSON, when it is there.
    ``scratch`` is a folder on a disk with room for a source and a result for each worker. ``progress=True`` draws a
    line. ``store`` stands in for the plan's options of the object store.

    A plan can be run again, and by two at once: what is done, of the same version, with the same options, is not done
    again.
    """
    if store is not None:
        plan.store = dict(store)
    place = None if scratch is None else os.fspath(scratch)
    engine: Engine
    if on == "local":
        from ._local import LocalEngine

        engine = LocalEngine(plan.job(), workers or os.cpu_count() or 1, threads, retries, place)
    elif on == "ray":
        from ._ray import RayEngine

        engine = RayEngine(plan.job(), threads, retries, place, address, workers, resources or {})
    else:
        raise PlanError(f"no engine {on!r}; there are local and ray")
    bar = Bar(sys.stderr) if progress is True else None
    hear: Progress | None = bar or (progress if callable(progress) else None)
    with contextlib.ExitStack() as stack:
        stack.callback(engine.close)
        if bar is not None:
            stack.callback(bar.close)
        sink = stack.enter_context(open(results, "a", encoding="utf-8")) if results is not None else None
        return list(_drive(plan, engine, sink, hear))


def _drive(plan: Plan, engine: Engine, sink: TextIO | None, hear: Progress | None) -> Iterator[dict[str, Any]]:
    folders = {item["model"]: _Rest(item) for item in plan.items if item["action"] == "finish"}
    total, done = sum(item["size"] for item in plan.items if "result" not in item), 0

    def tell(result: dict[str, Any]) -> dict[str, Any]:
        line = {name: value for name, value in result.items() if name not in ("shards", "entry", "indexes")}
        line["at"] = round(time.time(), 3)
        if sink is not None:
            sink.write(json.dumps(line, separators=(",", ":")) + "\n")
            sink.flush()
        if hear is not None:
            hear(done, total, line)
        return line

    waiting: deque[Item] = deque()
    for item in plan.items:
        if "result" in item:
            yield tell({**item["result"], "skipped": True})
        elif item["action"] != "finish":
            waiting.append(item)
        if item["action"] != "finish" and item["model"] in folders:
            folders[item["model"]].expect(item)
    waiting = deque(_in_order(waiting))
    ends = [rest.end() for rest in folders.values() if rest.due()]
    running = 0
    while waiting or running or ends:
        for end in ends:
            if "result" in end:
                yield tell(end["result"])
            else:
                waiting.appendleft(end)
        ends = []
        while waiting and engine.room():
            engine.submit(waiting.popleft())
            running += 1
        if not running:
            continue
        for item, result in engine.wait():
            running -= 1
            done += item["size"]
            yield tell(result)
            if item["action"] != "finish" and item["model"] in folders:
                rest = folders[item["model"]]
                rest.take(result)
                if rest.due():
                    ends.append(rest.end())


class _Rest:
    """What a folder still waits for."""

    def __init__(self, item: Item) -> None:
        self._item = item
        self._left = 0
        self._results: list[dict[str, Any]] = []
        self._over = "result" in item

    def expect(self, item: Item) -> None:
        if "result" in item:
            self._results.append(item["result"])
        else:
            self._left += 1

    def take(self, result: dict[str, Any]) -> None:
        self._left -= 1
        self._results.append(result)

    def due(self) -> bool:
        return not self._left and not self._over

    def end(self) -> Item:
        """The item that completes the folder; with a result where it cannot be completed."""
        self._over = True
        bad = [result for result in self._results if result["status"] == "failed"]
        if not bad:
            return {**self._item, "results": self._results}
        names = ", ".join(result["path"] for result in bad[:3]) + (f" and {len(bad) - 3} more" if bad[3:] else "")
        told = {"path": self._item["path"], "action": "finish", "model": self._item["model"], "bytes": 0}
        error = f"the folder is not complete: {names} failed"
        return {**self._item, "result": {**told, "status": "failed", "error": error, "kind": "Incomplete"}}


def _in_order(items: deque[Item]) -> list[Item]:
    """Large ones first, so that none is left over at the end; those of a size in any order, so that two runs meet
    rarely."""
    mixed = list(items)
    random.shuffle(mixed)
    return sorted(mixed, key=lambda item: -int(item["size"]).bit_length())
