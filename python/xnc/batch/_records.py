"""What a batch knows of what it did: a record an item, below ``.xnc-batch/`` in the target.

A record holds when the source has the version and the run the options that it names, and the target has the version
that was written. It is written after the target, so whatever a crash leaves is done again, and comes out the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ._layout import OWN

if TYPE_CHECKING:
    from ._plan import Item, Plan
    from ._stores import Store


def place(path: str) -> str:
    """Where the record of an item is."""
    return f"{OWN}/records/{path}.json"


def key(job: dict[str, Any], item: Item) -> dict[str, Any]:
    """What has to be the same for a record to hold: sources with their versions, and options."""
    return {
        "source": job["source"],
        "verb": job["verb"],
        "options": job["options"],
        "versions": sorted(
            [file[0], file[2]]
            for file in [[item["path"], 0, item["version"]], *item.get("others", []), *item.get("models", [])]
        ),
        "beside": sorted([file[0], file[2]] for file in item.get("beside", [])),
    }


def parse(data: bytes | None) -> dict[str, Any] | None:
    """A record, or None where it is none: then the work is done again."""
    try:
        told = json.loads(data or b"")
    except ValueError:
        return None
    return told if isinstance(told, dict) and isinstance(told.get("result"), dict) else None


def holds(record: dict[str, Any] | None, wanted: dict[str, Any], version: Callable[[str], str | None]) -> bool:
    """Whether a record is of this work, and its targets are as they were left."""
    if record is None or record.get("key") != wanted:
        return False
    outputs = record["result"].get("outputs")
    return isinstance(outputs, dict) and all(version(path) == left for path, left in outputs.items())


def look_up(target: Store, job: dict[str, Any], item: Item) -> dict[str, Any] | None:
    """The result of this item that another run left since the plan was made."""
    record = parse(target.get(place(item["path"])))

    def version(path: str) -> str | None:
        found = target.head(path)
        return found and found.version

    return record["result"] if record and holds(record, key(job, item), version) else None


def keep(target: Store, job: dict[str, Any], item: Item, result: dict[str, Any]) -> None:
    """Writes the record of a work that is done."""
    text = json.dumps({"key": key(job, item), "result": result}, separators=(",", ":"))
    target.put(place(item["path"]), text.encode())


class Known:
    """Everything that is in a target before a run."""

    def __init__(self, target: Store, plan: Plan) -> None:
        self._target, self._job, self._items = target, plan.job(), plan.items
        self._there = {entry.path: entry.version for entry in target.list()}

    def mark(self, each: Callable[..., list[Any]]) -> None:
        """Gives items their results where records hold, and says which folders have to be withdrawn first."""
        folders = [item for item in self._items if item["action"] == "finish"]
        each(self._look, folders)
        shards: dict[str, Any] = {}
        for item in folders:
            shards.update(item.get("result", {}).get("shards", {}))
        files = [item for item in self._items if item["action"] != "finish" and "result" not in item]
        for item in files:
            if item["path"] in shards:
                item["result"] = shards[item["path"]]
        each(self._look, [item for item in files if "result" not in item])
        begun = {item["model"]: {item["path"], place(item["path"])} for item in folders if "result" not in item}
        complete = {model for model, ends in begun.items() if not ends.isdisjoint(self._there)}
        for item in self._items:
            if item["model"] in complete:
                item["withdraw"] = sorted(self._fronts(item["model"]))

    def _look(self, item: Item) -> None:
        name = place(item["path"])
        if name not in self._there or "result" in item:
            return
        record = parse(self._target.get(name))
        if record and holds(record, key(self._job, item), self._there.get):
            item["result"] = record["result"]

    def _fronts(self, model: str) -> list[str]:
        """What a reader begins with: without these files a folder is no model."""
        from ._layout import FOLDER_RECORD, is_index

        start = f"{model}/" if model else ""
        inside = (path for path in self._there if path.startswith(start) and not path.startswith(f"{OWN}/"))
        return [
            path
            for path in inside
            if path[len(start) :] in (FOLDER_RECORD, "config.json", "model_index.json") or is_index(path)
        ]
