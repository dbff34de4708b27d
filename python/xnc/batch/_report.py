"""What results come to."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from ._plan import read_lines
from ._progress import size

#: Dollars for a gigabyte (10^9 bytes) and month: the list price of a large store's standard class, in 2026 and before.
PRICE = 0.023


def report(
    results: str | os.PathLike[str] | Iterable[dict[str, Any]], *, price: float = PRICE, slowest: int = 10
) -> dict[str, Any]:
    """Sums up results: what ``run`` gave, or the file that it wrote them to. The last result of an item counts.

    ``price`` is that of storage, for a gigabyte and month.
    """
    if isinstance(results, (str, os.PathLike)):
        with open(results, encoding="utf-8") as file:
            return report(list(read_lines(file, os.fspath(results))), price=price, slowest=slowest)
    last = {(told["path"], told["action"] == "finish"): told for told in results}
    told = list(last.values())
    by = {status: [one for one in told if one["status"] == status] for status in ("done", "nothing", "failed")}
    written = [one for one in told if one["status"] != "failed" and one.get("output_bytes")]
    source, output = (sum(one.get(name) or 0 for one in written) for name in ("bytes", "output_bytes"))
    work = [one for one in told if not one.get("skipped") and one.get("seconds")]
    spent = sum(one["seconds"] for one in work)
    worked = sum(one["bytes"] for one in work)
    return {
        "items": len(told),
        "models": sum(one["action"] == "finish" and one["status"] == "done" for one in told),
        **{status: len(found) for status, found in by.items()},
        "skipped": sum(bool(one.get("skipped")) for one in told),
        "bytes": sum(one.get("bytes") or 0 for one in told),
        "source_bytes": source,
        "output_bytes": output,
        "saved_bytes": source - output,
        "saved_a_month": round((source - output) / 1e9 * price, 6),
        "price": price,
        "worker_seconds": round(spent, 3),
        "bytes_a_worker_second": round(worked / spent) if spent else None,
        "failures": [{name: one.get(name) for name in ("path", "model", "kind", "error")} for one in by["failed"]],
        "slowest": [
            {name: one[name] for name in ("path", "seconds", "bytes")}
            for one in sorted(work, key=lambda one: -float(one["seconds"]))[:slowest]
        ],
    }


def text(told: dict[str, Any]) -> str:
    """A report for people."""
    lines = [
        f"{told['items']} items: {told['done']} done, {told['nothing']} with nothing to compress, "
        f"{told['failed']} failed; {told['skipped']} of them by an earlier run",
        f"{told['models']} model folders complete",
        f"{size(told['source_bytes'])} became {size(told['output_bytes'])}: {size(told['saved_bytes'])} saved, "
        f"{told['saved_a_month']:.2f} a month at {told['price']} a GB",
    ]
    if told["bytes_a_worker_second"]:
        rate = size(told["bytes_a_worker_second"])
        lines.append(f"{told['worker_seconds']:.0f} worker seconds, {rate} a worker and second")
    for title, found in (("slowest", told["slowest"]), ("failed", told["failures"])):
        if found:
            lines.append(f"{title}:")
            lines += [f"  {one['path']}  {one.get('error') or '%.1f s' % one['seconds']}" for one in found]
    return "\n".join(lines)
