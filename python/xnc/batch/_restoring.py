"""Compressed files and folders back to their sources; or only checked, where there is no target."""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import xnc

from ..errors import DamagedError
from ._container import recovered, unseal
from ._files import digest
from ._folders import in_order
from ._headers import read_header
from ._layout import FOLDER_RECORD, Folder, is_model
from ._memory import bounded
from ._stores import Entry, Store, checked

if TYPE_CHECKING:
    from ._plan import Item
    from ._work import Place

#: What of a file is looked at to tell text from other data, as in ``spec/container.md``, section 8.
_TEXT_BYTES = 8192


def items(
    source: Store, folders: list[Folder], loose: list[Entry], verb: str, each: Callable[..., list[Any]]
) -> list[Item]:
    """What is to be restored or verified: folders by their records, and compressed files that stand alone."""
    complete = [folder for folder in folders if any(folder.name(file.path) == FOLDER_RECORD for file in folder.files)]
    for folder in folders:
        if folder not in complete:
            loose = loose + folder.models()
    made: list[Item] = []
    for found in each(lambda folder: _of_folder(source, folder, verb), complete):
        made += found

    def compressed(entry: Entry) -> bool:
        def read(start: int, length: int) -> bytes:
            return source.read(entry.path, start, length)

        header = read_header(entry.path, entry.size, read, set())
        return header is None or header.compressed

    for entry, wanted in zip(loose, each(compressed, loose), strict=True):
        if wanted:
            made.append({"action": verb, **entry._asdict(), "model": None})
    return made


def _of_folder(source: Store, folder: Folder, verb: str) -> list[Item]:
    path = f"{folder.path}/{FOLDER_RECORD}" if folder.path else FOLDER_RECORD
    there = {folder.name(file.path): file for file in folder.files}
    record = there[FOLDER_RECORD]
    end: Item = {"action": "finish", **record._asdict(), "model": folder.path, "others": [], "models": []}
    try:
        files = unseal(source.read(path, 0, record.size, record.version), path)
        for name in files:
            checked(name)
    except (OSError, ValueError) as error:
        end["result"] = {"status": "failed", **_named(end), "error": str(error), "kind": type(error).__name__}
        return [end]
    made: list[Item] = []
    entries: dict[str, Any] = {}
    for name, entry in files.items():
        place = there.get(name) or Entry(posixpath.join(folder.path, name), 0, "")
        if entry["state"] == "compressed" or is_model(name):
            action = verb if entry["state"] == "compressed" else "copy"
            made.append({"action": action, **place._asdict(), "model": folder.path, "entry": entry})
            end["models"].append(list(place))
        else:
            end["others"].append(list(place))
            entries[place.path] = entry
    end["entries"] = entries
    return [*made, end]


def _named(item: Item) -> dict[str, Any]:
    return {"path": item["path"], "action": item["action"], "model": item["model"], "bytes": item["size"]}


def restore(place: Place, item: Item) -> dict[str, Any]:
    """Restores or verifies a compressed file."""
    local = place.folder / "in" / posixpath.basename(item["path"])
    local.parent.mkdir()
    _fetch(place, item, local)
    to = place.folder / "out" / local.name
    with bounded(place.folder):
        if place.target is None:
            told = xnc.verify(local, threads=place.threads)
        else:
            to.parent.mkdir()
            told = xnc.restore(local, to, threads=place.threads)
    _check(place, item)
    wanted = item.get("entry")
    if wanted and (told["bytes"], told["sha256"]) != (wanted["size"], wanted["sha256"]):
        raise DamagedError(f"{item['path']} restores to another file than its folder's record tells of")
    place.put_file(item["path"], to)
    return {"output_bytes": told["bytes"], "sha256": told["sha256"]}


def copy(place: Place, item: Item) -> dict[str, Any]:
    """Brings a model file that was copied when its folder was compressed."""
    local = place.folder / "in"
    _fetch(place, item, local)
    found = digest(local)
    _check(place, item)
    if found != item["entry"]["sha256"]:
        raise DamagedError(f"{item['path']}: its SHA-256 is not {item['entry']['sha256']}, which the source had")
    place.put_file(item["path"], local)
    return {"output_bytes": item["size"], "sha256": found}


def finish(place: Place, item: Item) -> dict[str, Any]:
    """The files of a folder that hold no tensors: as they are, or as the record keeps them."""
    total, warnings = 0, []
    for file in sorted(map(Entry._make, item["others"]), key=lambda file: in_order(posixpath.basename(file.path))):
        entry = item["entries"][file.path]
        if entry["state"] == "rewritten":
            text = recovered(entry.get("source"), entry["size"], file.path)
            if hashlib.sha256(text).hexdigest() != entry["sha256"]:
                raise DamagedError(f"{file.path}: what is kept of it is not the source's")
            place.put(file.path, text)
            total += len(text)
        elif not file.version:
            warnings.append(f"{file.path} is gone since the folder was compressed")
        else:
            warnings += _copied(place, file, entry)
            total += file.size
    if place.target is None and warnings:
        raise DamagedError("; ".join(warnings))
    shards = {result["path"]: result for result in item["results"]}
    place.outputs.update({path: version for result in shards.values() for path, version in result["outputs"].items()})
    return {"output_bytes": total, "shards": shards, "warnings": warnings}


def _copied(place: Place, file: Entry, entry: dict[str, Any]) -> list[str]:
    local = place.folder / "other"
    place.source.fetch(file, local)
    try:
        found = digest(local)
        place.source.check(file)
        if found != entry["sha256"] and not _is_text(local):
            raise DamagedError(f"{file.path}: its SHA-256 is not {entry['sha256']}, which the source had")
        place.put_file(file.path, local)
        if found == entry["sha256"]:
            return []
        return [f"{file.path} is not what it was when the folder was compressed; it comes as it is now"]
    finally:
        local.unlink(missing_ok=True)


def _is_text(local: Path) -> bool:
    with open(local, "rb") as file:
        return b"\0" not in file.read(_TEXT_BYTES)


def _fetch(place: Place, item: Item, to: Path) -> None:
    if not item["version"]:
        raise DamagedError(f"{item['path']} is named by its folder's record, and is not there")
    place.source.fetch(Entry(item["path"], item["size"], item["version"]), to)


def _check(place: Place, item: Item) -> None:
    place.source.check(Entry(item["path"], item["size"], item["version"]))
