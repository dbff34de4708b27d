"""One model file, compressed as a part of its folder.

The library compresses folders. So a shard is put into a small folder of its own, with the configuration and the index
of the whole: it picks the tables that it would pick in the whole folder, and what it makes of the index and writes to
the record is this shard's part of those of the whole (``_folders`` joins them).
"""

from __future__ import annotations

import hashlib
import json
import posixpath
from pathlib import Path
from typing import TYPE_CHECKING, Any

import xnc

from ..errors import AlreadyCompressedError, TableNotFoundError
from ._layout import FOLDER_RECORD
from ._memory import bounded
from ._stores import Entry

if TYPE_CHECKING:
    from ._plan import Item
    from ._work import Place


def compress(place: Place, item: Item) -> dict[str, Any]:
    """Compresses a model file. One without tables is copied where it belongs to a folder, and left where not."""
    source = Entry(item["path"], item["size"], item["version"])
    below = len(item["model"]) + 1 if item["model"] else 0
    inside, made = place.folder / "in", place.folder / "out"
    beside = [Entry(*file) for file in item["beside"]]
    for entry in (source, *beside):
        to = inside / entry.path[below:]
        to.parent.mkdir(parents=True, exist_ok=True)
        place.source.fetch(entry, to)
    file, nothing, told = source.path[below:], None, {}
    try:
        with bounded(place.folder):
            told = xnc.compress(inside, made, **place.options, threads=place.threads)
        nothing = told["nothing"] if told["output"] is None else None
    except AlreadyCompressedError as error:
        nothing = str(error)
    except TableNotFoundError as error:
        if item["model"] is None:
            raise
        nothing = str(error)  # Another shard may have what was named.
    place.source.check(source)
    if nothing is not None:
        return _plain(place, item, inside / file, nothing)
    record = json.loads((made / FOLDER_RECORD).read_bytes())["files"][file]
    size = (made / file).stat().st_size
    result = {
        "output_bytes": size,
        "entry": {name: record[name] for name in ("size", "sha256", "state")},
        "tensors": [_short(tensor) for tensor in told["tensors"] if tensor["codec"]],
        "indexes": {file.path: change for file in beside if (change := _index_change(inside, made, file.path[below:]))},
    }
    place.put_file(source.path, made / file)
    return result


def _plain(place: Place, item: Item, file: Path, why: str) -> dict[str, Any]:
    if item["model"] is None:
        return {"status": "nothing", "why": why, "output_bytes": 0}
    entry = {"size": item["size"], "sha256": digest(file), "state": "copied"}
    place.put_file(item["path"], file)
    return {"status": "nothing", "why": why, "output_bytes": item["size"], "entry": entry}


def digest(file: Path) -> str:
    """SHA-256 of a file, read by the megabyte."""
    found = hashlib.sha256()
    with open(file, "rb") as data:
        while part := data.read(1 << 20):
            found.update(part)
    return found.hexdigest()


def _short(tensor: dict[str, Any]) -> dict[str, Any]:
    return {name: tensor[name] for name in ("name", "dtype", "shape", "codec", "source_bytes", "stored_bytes")}


def _index_change(inside: Path, made: Path, name: str) -> dict[str, Any] | None:
    """What the library changed in an index for this shard: tensors that it gained, and bytes."""
    if not posixpath.basename(name).endswith(".json") or not (made / name).exists():
        return None
    before, after = (json.loads((folder / name).read_bytes()) for folder in (inside, made))
    if not isinstance(before, dict) or not isinstance(before.get("weight_map"), dict):
        return None
    gained = {tensor: shard for tensor, shard in after["weight_map"].items() if tensor not in before["weight_map"]}
    return {"gained": gained, "bytes": _total(after) - _total(before)}


def _total(index: dict[str, Any]) -> int:
    total = (index.get("metadata") or {}).get("total_size", 0)
    return total if isinstance(total, int) else 0
