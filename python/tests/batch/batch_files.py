"""Models to work on, and an S3 server for those tests that want one."""

from __future__ import annotations

import hashlib
import json
import struct
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

NAME = "model.embed_tokens.weight"


def words(seed: int, rows: int = 1500, dim: int = 64) -> np.ndarray:
    """Words of normal values cut to BF16, as weights are."""
    values = np.random.default_rng(seed).standard_normal((rows, dim), np.float32) * 0.03
    return (values.view(np.uint32) >> 16).astype(np.uint16)


def model_file(tensors: dict[str, np.ndarray]) -> bytes:
    """A safetensors file of BF16 tensors."""
    header, at = {}, 0
    for name, array in tensors.items():
        header[name] = {"dtype": "BF16", "shape": list(array.shape), "data_offsets": [at, at + array.nbytes]}
        at += array.nbytes
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + b"".join(array.tobytes() for array in tensors.values())


def sharded_model(seed: int) -> dict[str, bytes]:
    """A model folder of three shards: an embedding, none, and a head that only the configuration tells of."""
    shards = {
        "model-1.safetensors": {NAME: words(seed), "model.norm.weight": words(seed + 1, 1)},
        "model-2.safetensors": {"model.layers.0.mlp.weight": words(seed + 2, 300)},
        "model-3.safetensors": {"model.unusual": words(seed + 3, 1600)},
    }
    named = {tensor: shard for shard, tensors in shards.items() for tensor in tensors}
    total = sum(array.nbytes for tensors in shards.values() for array in tensors.values())
    index = {"metadata": {"total_size": total}, "weight_map": named}
    return {
        **{shard: model_file(tensors) for shard, tensors in shards.items()},
        "model.safetensors.index.json": json.dumps(index).encode(),
        "config.json": json.dumps({"vocab_size": 1600, "model_type": "tëst"}).encode(),
        "tokenizer/vocab.txt": b"a\nb\n",
        "README.md": b"A model.",
    }


def hub(models: int = 2, loose: int = 3) -> dict[str, bytes]:
    """Model folders, and files that stand alone."""
    files = {f"org/m{n}/{name}": data for n in range(models) for name, data in sharded_model(10 * n).items()}
    for n in range(loose):
        files[f"loose/{n}.safetensors"] = model_file({NAME: words(1000 + n)})
    return {**files, "notes.txt": b"Nothing is done with this."}


def write(folder: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def read(folder: Path) -> dict[str, bytes]:
    """Every file below a folder but a batch's own."""
    paths = (path for path in folder.rglob("*") if path.is_file() and ".xnc-batch" not in path.parts)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def statuses(results: list[dict[str, Any]]) -> dict[str, str]:
    return {result["path"]: result["status"] for result in results}


class S3:
    """A server, and what goes into and out of its bucket."""

    def __init__(self, port: int) -> None:
        self.endpoint = f"http://127.0.0.1:{port}"
        #: Options for ``plan`` and ``run``; small waits, so that tests end soon.
        self.store = {
            "endpoint": self.endpoint,
            "access_key_id": "test",
            "secret_access_key": "test",
            "region": "us-east-1",
            "client": {"timeout": "20s"},
            "retry": {"max_retries": 4, "retry_timeout": 20},
        }

    def _call(self, method: str, path: str, data: bytes = b"") -> bytes:
        request = urllib.request.Request(self.endpoint + path, data if method != "GET" else None, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return bytes(answer.read())

    def faults(self, *faults: dict[str, Any]) -> None:
        self._call("POST", "/_faults", json.dumps(faults).encode())

    def log(self) -> list[list[str]]:
        """Requests since the last time that this was asked."""
        told: list[list[str]] = json.loads(self._call("POST", "/_log"))
        return told

    def opened(self, prefix: str) -> Any:
        from xnc.batch._stores import open_store

        return open_store(f"s3://bucket/{prefix}", self.store)

    def write(self, prefix: str, files: dict[str, bytes]) -> str:
        store = self.opened(prefix)
        for name, data in files.items():
            store.put(name, data)
        return f"s3://bucket/{prefix}"

    def read(self, prefix: str) -> dict[str, bytes]:
        store = self.opened(prefix)
        return {entry.path: store.get(entry.path) for entry in store.list() if ".xnc-batch" not in entry.path}

    def uploads(self) -> bytes:
        """Multipart uploads that were begun and neither completed nor aborted."""
        return self._call("GET", "/bucket?uploads")


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3]:
    pytest.importorskip("moto", reason="moto is the S3 server of these tests: pip install 'moto[s3,server]'")
    pytest.importorskip("obstore", reason="object stores take obstore")
    program = Path(__file__).with_name("s3_server.py")
    started = subprocess.Popen(
        [sys.executable, program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert started.stdin is not None and started.stdout is not None
    server = S3(int(started.stdout.readline()))
    server._call("PUT", "/bucket")
    yield server
    started.stdin.close()
    started.wait(10)


@pytest.fixture
def s3(s3_server: S3) -> Iterator[S3]:
    s3_server.log()
    yield s3_server
    s3_server.faults()
