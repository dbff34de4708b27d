"""How a plan is made: listings, the headers of files that may hold tables, and records of earlier runs."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from . import _restoring
from ._headers import read_header, table_rows
from ._layout import FOLDER_RECORD, Folder, is_index, layout
from ._plan import VERBS, Item, Plan
from ._records import Known
from ._stores import Entry, Store, checked, is_remote
from .errors import NameRefused, PlanError

#: Requests under way at once. They are short, and wait for the store most of the time.
_AT_ONCE = 32
#: Headers that a plan reads. Of more files, those of so many, spread over all, stand for the rest.
_HEADERS = 512


def plan(
    prefix: str,
    to: str | None = None,
    *,
    verb: str = "compress",
    codec: str = "fast",
    effort: int | None = None,
    tensors: str | Iterable[str] = "embeddings",
    headers: bool = True,
    store: dict[str, Any] | None = None,
) -> Plan:
    """Lists the work below ``prefix``: a local folder, or a prefix in an object store (``s3://BUCKET/PREFIX``).

    ``to`` is where results go, under the paths that the sources have below ``prefix``; ``PREFIX.xnc`` by default, and
    ``PREFIX.restored`` with ``verb="restore"``. Model folders (a ``config.json`` or a shard index beside model files)
    come out whole; model files elsewhere come out alone; other files are left. Savings are estimated from headers, of
    512 files at most. ``codec``, ``effort`` and ``tensors``
    are those of ``xnc.compress``. Without ``headers`` nothing is read but listings, and savings are not estimated.
    ``store`` has options of obstore for both places; what is missing there comes from the environment (``AWS_...``).
    Items that an earlier run did, of the same versions and with the same options, carry its results.
    """
    if verb not in VERBS:
        raise PlanError(f"no verb {verb!r}; there are {', '.join(VERBS)}")
    prefix = str(prefix)
    picked = tensors if isinstance(tensors, str) else ",".join(tensors)
    options: dict[str, Any] = {"codec": codec, "effort": effort, "tensors": picked} if verb == "compress" else {}
    made = Plan(prefix, _target(prefix, to, verb), verb, options, [], dict(store or {}))
    source, target = made.source_store(), made.target_store()
    if source.root is not None and not source.root.is_dir():
        raise PlanError(f"{prefix} is no folder")
    found = layout(source.list())
    with ThreadPoolExecutor(_AT_ONCE) as pool:

        def each(work: Callable[[Any], Any], over: Iterable[Any]) -> list[Any]:
            return list(pool.map(work, over))

        if verb == "compress":
            made.items = _compressing(source, found.folders, found.loose)
        else:
            made.items = _restoring.items(source, found.folders, found.loose, verb, each)
        for item in made.items:
            _refuse_bad(item)
        if target is not None:
            Known(target, made).mark(each)
        if headers and verb == "compress":
            _estimate(source, made.items, codec, each)
    made.left = (len(found.left), sum(entry.size for entry in found.left))
    return made


def _target(prefix: str, to: str | None, verb: str) -> str | None:
    if verb == "verify":
        if to is not None:
            raise PlanError("verify writes nothing, so there is no place for results to go to")
        return None
    if to is None:
        stem = prefix.rstrip("/")
        if is_remote(prefix) and stem.count("/") < 3 or not stem.strip("./"):
            raise PlanError(f"say where results go: {prefix} has no name that a place beside it could have")
        to = stem + (".xnc" if verb == "compress" else ".restored")
    here, there = prefix.rstrip("/") + "/", str(to).rstrip("/") + "/"
    if not is_remote(here):
        here, there = (path if is_remote(path) else os.path.abspath(path) + "/" for path in (here, there))
    if here.startswith(there) or there.startswith(here):
        raise PlanError(f"{prefix} and {to} lie in each other: sources and results need places of their own")
    return str(to)


def _compressing(source: Store, folders: list[Folder], loose: list[Entry]) -> list[Item]:
    items = [{"action": "compress", **entry._asdict(), "model": None, "beside": []} for entry in loose]
    for folder in folders:
        models = folder.models()
        if any(folder.name(file.path) == FOLDER_RECORD for file in folder.files):
            end = finish(folder, [], [])
            why = f"the folder is compressed already: it has {FOLDER_RECORD}"
            told = {"path": end["path"], "action": "finish", "model": folder.path, "bytes": 0, "output_bytes": 0}
            items.append({**end, "result": {"status": "nothing", **told, "why": why}})
            continue
        root = "config.json"
        for entry in models:
            parent = posixpath.dirname(entry.path)
            # What the library looks at beside a shard: the configuration, and the index that maps tensors to it.
            beside = [
                list(file)
                for file in folder.files
                if folder.name(file.path) == root or is_index(file.path) and posixpath.dirname(file.path) == parent
            ]
            items.append({"action": "compress", **entry._asdict(), "model": folder.path, "beside": beside})
        others = [list(file) for file in folder.files if file not in set(models)]
        items.append(finish(folder, others, [list(file) for file in models]))
    return items


def finish(folder: Folder, others: list[list[Any]], models: list[list[Any]]) -> Item:
    """The item that completes a folder when all its model files are done."""
    path = f"{folder.path}/" if folder.path else ""
    size = sum(size for _, size, _ in others)
    item: Item = {"action": "finish", "path": f"{path}xnc.json", "size": size, "version": "", "model": folder.path}
    return {**item, "others": others, "models": models}


def _refuse_bad(item: Item) -> None:
    try:
        checked(item["path"])
    except NameRefused as error:
        item["result"] = {"status": "failed", "path": item["path"], "error": str(error), "kind": "NameRefused"}


def _estimate(source: Store, items: list[Item], codec: str, each: Callable[..., list[Any]]) -> None:
    todo = [item for item in items if item["action"] == "compress" and "result" not in item]
    todo = [todo[n * len(todo) // _HEADERS] for n in range(_HEADERS)] if len(todo) > _HEADERS else todo
    configs = {tuple(file) for item in todo for file in item["beside"] if file[0].endswith("config.json")}
    rows = dict(zip(configs, each(lambda file: table_rows(source.get(file[0])), configs), strict=True))

    def look(item: Item) -> None:
        counts = [rows[tuple(file)] for file in item["beside"] if tuple(file) in rows]
        path = item["path"]
        try:
            header = read_header(
                path, item["size"], lambda start, length: source.read(path, start, length), set().union(*counts)
            )
        except OSError:
            header = None  # It will be told when its turn comes.
        item["tables"] = 0 if header is None else sum(size for _, _, size in header.tables)
        item["saves"] = 0 if header is None or header.compressed else header.saves(codec)

    each(look, todo)
