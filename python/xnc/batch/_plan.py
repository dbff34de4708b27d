"""What is to be done: a list of items, each a file or the end of a folder, that any worker can do alone."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ._stores import Store, open_store
from .errors import PlanError

#: The first line of a file with a plan names this.
_FORMAT = "xnc-batch-plan-1"
VERBS = ("compress", "restore", "verify")
#: Words in names of options that are never written to a plan.
_SECRET = ("secret", "token", "key", "password", "credential")

#: One piece of work, as JSON has it. Members: ``action``, ``path``, ``size``, ``version``, ``model`` (the folder that
#: it belongs to, or None), ``saves`` (an estimate), ``result`` (of an earlier run that holds), and what its action
#: needs.
Item = dict[str, Any]


@dataclass
class Plan:
    """Work on the files below ``source``. What it says of savings is an estimate."""

    source: str
    #: Where results go; None where nothing is written.
    to: str | None
    verb: str
    #: ``codec``, ``effort`` and ``tensors`` as ``xnc.compress`` takes them.
    options: dict[str, Any]
    items: list[Item]
    #: Options of the object store, for obstore. Secrets among them are not saved.
    store: dict[str, Any] = field(default_factory=dict)
    #: Files that nothing is done with: how many, their bytes.
    left: tuple[int, int] = (0, 0)

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[Item]:
        return iter(self.items)

    @property
    def summary(self) -> dict[str, Any]:
        """Sizes, and what would be saved."""
        todo = [item for item in self.items if "result" not in item]
        files = [item for item in todo if item["action"] == "compress"]
        looked = [item for item in files if item.get("saves") is not None]
        # Files that were looked at stand for the others.
        share = sum(item["size"] for item in files) / max(1, sum(item["size"] for item in looked))
        return {
            "verb": self.verb,
            "source": self.source,
            "to": self.to,
            "models": sum(item["action"] == "finish" for item in self.items),
            "files": sum(item["action"] != "finish" for item in self.items),
            "files_done": sum(item["action"] != "finish" and "result" in item for item in self.items),
            "bytes": sum(item["size"] for item in self.items),
            "bytes_to_do": sum(item["size"] for item in todo),
            "table_bytes": int(share * sum(item["tables"] for item in looked)),
            "estimated_saved_bytes": int(share * sum(item["saves"] for item in looked)),
            "files_looked_at": len(looked),
            "left_alone_files": self.left[0],
            "left_alone_bytes": self.left[1],
        }

    def source_store(self) -> Store:
        """Where sources are."""
        return open_store(self.source, self.store)

    def target_store(self) -> Store | None:
        """Where results go."""
        return None if self.to is None else open_store(self.to, self.store)

    def job(self) -> dict[str, Any]:
        """What a worker has to know beside its item."""
        return {
            "source": self.source,
            "to": self.to,
            "verb": self.verb,
            "options": self.options,
            "store": self.store,
        }

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes it as JSON lines: what it is, then a line an item."""
        store = {key: value for key, value in self.store.items() if not any(word in key for word in _SECRET)}
        head = {"format": _FORMAT, **self.job(), "store": store, "left": self.left}
        temporary = Path(f"{os.fspath(path)}.{os.getpid()}.tmp")
        with open(temporary, "w", encoding="utf-8") as file:
            for line in (head, *self.items):
                file.write(json.dumps(line, separators=(",", ":")) + "\n")
        os.replace(temporary, path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Plan:
        """Reads what ``save`` wrote."""
        with open(path, encoding="utf-8") as file:
            lines = read_lines(file, os.fspath(path))
            head = next(lines, {})
            if head.get("format") != _FORMAT:
                raise PlanError(f"{os.fspath(path)} is no plan of xnc-batch, or one of another version")
            fields = {name: head[name] for name in ("source", "to", "verb", "options", "store")}
            return cls(**fields, items=list(lines), left=tuple(head["left"]))


def read_lines(lines: Iterable[str], name: str) -> Iterator[dict[str, Any]]:
    """JSON objects, one a line. A last line that a killed run cut off is passed over."""
    broken = None
    for number, line in enumerate(lines, 1):
        if broken is not None:
            raise PlanError(f"{name}: line {broken} is no JSON object")
        try:
            told = json.loads(line)
        except ValueError:
            told = None
        if isinstance(told, dict):
            yield told
        elif line.strip():
            broken = number
