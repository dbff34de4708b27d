"""Which files of a listing make a model folder, and which stand alone."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from ._stores import Entry

#: Where a batch keeps what it knows, below its target.
OWN = ".xnc-batch"
#: The record that makes a compressed folder complete.
FOLDER_RECORD = "xnc.json"
_INDEX = re.compile(r"\.safetensors\.index(\.[^/]*)?\.json$")
_CONFIGS = ("config.json", "model_index.json")


@dataclass
class Folder:
    """A model folder: all files below the topmost folder that has model files beside a configuration."""

    path: str
    files: list[Entry] = field(default_factory=list)

    def name(self, file: str) -> str:
        """A file's path inside the folder."""
        return file[len(self.path) + 1 :] if self.path else file

    def models(self) -> list[Entry]:
        """Its model files."""
        return [file for file in self.files if is_model(file.path)]


@dataclass
class Layout:
    """What a listing holds."""

    folders: list[Folder]
    #: Model files that belong to no folder.
    loose: list[Entry]
    #: Other files outside of model folders, which nothing is done with.
    left: list[Entry]


def is_model(path: str) -> bool:
    """Whether a file is named as those that hold tensors are; `._NAME` is what macOS keeps about another file."""
    name = posixpath.basename(path)
    return name.endswith((".safetensors", ".gguf")) and not name.startswith("._")


def is_index(path: str) -> bool:
    """Whether a file of this name maps tensors to shards."""
    return bool(_INDEX.search(path)) and not posixpath.basename(path).startswith("._")


def is_own(path: str) -> bool:
    """Whether a path is a batch's own, not a user's."""
    return OWN in path.split("/")


def layout(listing: Iterable[Entry]) -> Layout:
    """Groups the files of a listing."""
    files = sorted(entry for entry in listing if not is_own(entry.path))
    holds: dict[str, set[str]] = {}
    for file in files:
        parent, name = posixpath.split(file.path)
        if is_model(file.path):
            holds.setdefault(parent, set()).add("model")
        if name in _CONFIGS or name == FOLDER_RECORD or is_index(file.path):
            holds.setdefault(parent, set()).add(FOLDER_RECORD if name == FOLDER_RECORD else "config")
        if name == "model_index.json":
            holds[parent].add("model")  # A pipeline, whose models lie in folders below.
    roots = {path for path, has in holds.items() if has >= {"model", "config"} or FOLDER_RECORD in has}
    found = Layout([], [], [])
    folders: dict[str, Folder] = {}
    for file in files:
        root = _topmost(posixpath.dirname(file.path), roots)
        if root is not None:
            folders.setdefault(root, Folder(root)).files.append(file)
        else:
            (found.loose if is_model(file.path) else found.left).append(file)
    found.folders = list(folders.values())
    return found


def _topmost(folder: str, roots: set[str]) -> str | None:
    if "" in roots:
        return ""
    names = folder.split("/")
    for depth in range(1, len(names) + 1):
        path = "/".join(names[:depth])
        if path in roots:
            return path
    return None
