"""Workers as tasks of a Ray cluster. Retries, resources, placement and what happens to a lost node are Ray's."""

from __future__ import annotations

from typing import Any

from ._plan import Item
from ._scratch import Scratch, base_for
from ._work import failed, work
from .errors import PASSING, PlanError

try:
    import ray
except ImportError as missing:
    raise PlanError("this takes Ray, which is not installed: pip install 'xnc[ray]'") from missing

#: Tasks that wait for a worker, for each that runs: enough that none is idle, few enough to hold in memory.
_AHEAD = 2

#: Of this worker process, which may serve many runs.
_scratch: Scratch | None = None


def _do(job: dict[str, Any], item: Item, threads: int, scratch: str | None) -> dict[str, Any]:
    global _scratch
    base = base_for(scratch, job["to"])
    if _scratch is None or not _scratch.serves(base):
        if _scratch is not None:
            _scratch.close()
        _scratch = Scratch(base)
    return work(job, item, _scratch, threads)


class RayEngine:
    """Tasks, as many as the cluster has room for, or ``workers``."""

    def __init__(
        self,
        job: dict[str, Any],
        threads: int,
        retries: int,
        scratch: str | None,
        address: str | None,
        workers: int | None,
        resources: dict[str, Any],
    ) -> None:
        self._own = not ray.is_initialized()
        if self._own:
            ray.init(address=address, log_to_driver=False)
        options = {"num_cpus": threads, "max_retries": retries, "retry_exceptions": list(PASSING), **resources}
        self._task, self._options = ray.remote(_do), options
        self._given = (ray.put(job), threads, scratch)
        self._workers = workers
        self._per_task = max(float(options["num_cpus"]), 0.01)
        self._running: dict[Any, Item] = {}

    def room(self) -> bool:
        if self._workers is not None:
            return len(self._running) < self._workers
        # The cluster may grow, or lose nodes.
        slots = ray.cluster_resources().get("CPU", 1.0) / self._per_task
        return len(self._running) < max(1, _AHEAD * int(slots))

    def submit(self, item: Item) -> None:
        job, threads, scratch = self._given
        task = self._task.options(name=f"xnc-batch {item['action']} {item['path']}", **self._options)
        self._running[task.remote(job, item, threads, scratch)] = item

    def wait(self) -> list[tuple[Item, dict[str, Any]]]:
        ended = []
        ready, _ = ray.wait(list(self._running), num_returns=1)
        more, _ = ray.wait(list(self._running), num_returns=len(self._running), timeout=0)
        for task in {*ready, *more}:
            item = self._running.pop(task)
            try:
                ended.append((item, ray.get(task)))
            except ray.exceptions.RayTaskError as error:
                cause = error.cause if isinstance(error.cause, Exception) else error
                ended.append((item, failed(item, cause)))
            except ray.exceptions.RayError as error:
                # A worker that died as often as it was tried, or had no memory.
                ended.append((item, failed(item, error)))
        return ended

    def close(self) -> None:
        for task in self._running:
            ray.cancel(task, force=True)
        if self._own:
            ray.shutdown()
