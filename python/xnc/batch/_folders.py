"""The end of a compressed model folder: other files, the index, and the record, in this order.

A reader begins with the record, the configuration or the index. They come when all shards are there, so nobody ever
finds a model that is half compressed.
"""

from __future__ import annotations

import json
import posixpath
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._container import kept, seal
from ._files import digest
from ._layout import is_index
from ._stores import Entry
from .errors import BatchError

if TYPE_CHECKING:
    from ._plan import Item
    from ._work import Place


def finish(place: Place, item: Item) -> dict[str, Any]:
    """Completes a folder; ``item["results"]`` are those of its model files."""
    assert place.target is not None
    # In this order, not that in which they came: the same files always make the same folder.
    results: list[dict[str, Any]] = sorted(item["results"], key=lambda result: str(result["path"]))
    shards = {result["path"]: result for result in results}
    if not any(result["entry"]["state"] == "compressed" for result in results):
        # Nothing shrank, so there is no compressed folder; plain files that were copied for it go again.
        for result in results:
            place.target.delete(result["path"])
        why = results[0]["why"] if results else "no file in the folder holds a table"
        emptied = {path: {**result, "outputs": {}, "output_bytes": 0} for path, result in shards.items()}
        return {"status": "nothing", "why": why, "output_bytes": 0, "shards": emptied}
    below = len(item["model"]) + 1 if item["model"] else 0
    entries = {path[below:]: result["entry"] for path, result in shards.items()}
    total = 0
    for file in sorted(map(Entry._make, item["others"]), key=lambda file: in_order(file.path[below:])):
        entry, size = _other(place, file, results)
        entries[file.path[below:]] = entry
        total += size
    _unchanged(place, results)
    record = seal(entries)
    place.put(item["path"], record)
    place.outputs.update({path: version for result in results for path, version in result["outputs"].items()})
    return {"output_bytes": total + len(record), "shards": shards}


def in_order(name: str) -> tuple[int, str]:
    """Files by which a reader finds out that there is a model come last, the configuration after the index."""
    return (2 if name in ("config.json", "model_index.json") else 1 if is_index(name) else 0, name)


def _other(place: Place, file: Entry, results: list[dict[str, Any]]) -> tuple[dict[str, Any], int]:
    local = place.folder / "other"
    place.source.fetch(file, local)
    try:
        entry: dict[str, Any] = {"size": file.size, "sha256": digest(local), "state": "copied"}
        changed = _rewritten(local, file.path, results) if is_index(file.path) else None
        place.source.check(file)
        if changed is None:
            place.put_file(file.path, local)
            return entry, file.size
        entry.update(state="rewritten", source=kept(local.read_bytes()))
        place.put(file.path, changed)
        return entry, len(changed)
    finally:
        local.unlink(missing_ok=True)


def _rewritten(local: Path, path: str, results: list[dict[str, Any]]) -> bytes | None:
    """An index with what each shard changed in it; None for a file that is none."""
    try:
        index = json.loads(local.read_bytes())
    except ValueError:
        return None
    if not isinstance(index, dict) or not isinstance(index.get("weight_map"), dict):
        return None
    changes = [result["indexes"][path] for result in results if path in result.get("indexes", {})]
    for change in changes:
        index["weight_map"].update(change["gained"])
    total = index.get("metadata") and index["metadata"].get("total_size")
    if isinstance(total, int):
        index["metadata"]["total_size"] = total + sum(change["bytes"] for change in changes)
    return json.dumps(index, indent=2, ensure_ascii=False).encode() + b"\n"


def _unchanged(place: Place, results: list[dict[str, Any]]) -> None:
    """Another run, with other options, may have written here meanwhile; then the folder is not completed."""
    assert place.target is not None
    wanted = {path: version for result in results for path, version in result["outputs"].items()}
    there: dict[str, str] = {}
    for folder in {posixpath.dirname(path) for path in wanted}:
        there.update((entry.path, entry.version) for entry in place.target.list(folder))
    for path, version in wanted.items():
        if there.get(path) != version:
            raise BatchError(f"{path} in the target was changed meanwhile, by another run or by hand; run again")
