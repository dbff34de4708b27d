"""Measures what docs/batch.md says: python measure_batch.py FOLDER [copies|one|two|memory|plan|ray]...

FOLDER gets up to 10 GB. `plan` takes moto and obstore, `ray` takes Ray. The machine should do nothing else.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import resource
import shutil
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from xnc.batch import plan, run

DIM = 1024


def shard(path: Path, megabytes: int, seed: int) -> None:
    """A file with one BF16 table."""
    rows = megabytes * 1_000_000 // 2 // DIM
    values = np.random.default_rng(seed).standard_normal((min(rows, 10_000), DIM), np.float32) * 0.03
    words = (values.view(np.uint32) >> 16).astype(np.uint16)
    told = {"dtype": "BF16", "shape": [rows, DIM], "data_offsets": [0, rows * DIM * 2]}
    text = json.dumps({"model.embed_tokens.weight": told}).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for first in range(0, rows, len(words)):
            file.write(words[: rows - first].tobytes())


def shards(folder: Path, count: int, megabytes: int) -> Path:
    source = folder / f"{count}x{megabytes}"
    for n in range(count):
        if not (path := source / f"{n:03}.safetensors").exists():
            if n < 8:
                shard(path, megabytes, n)
            else:
                shutil.copyfile(source / f"{n % 8:03}.safetensors", path)
    return source


def timed(source: Path, **options: Any) -> tuple[float, list[dict[str, Any]]]:
    shutil.rmtree(source.with_name(source.name + ".xnc"), ignore_errors=True)
    made = plan(str(source))
    began = time.perf_counter()
    results = run(made, **options)
    spent = time.perf_counter() - began
    assert all(result["status"] == "done" for result in results)
    return spent, results


def copies(folder: Path) -> None:
    source = shards(folder, 200, 20)
    copied = folder / "copied"
    copied.mkdir(parents=True, exist_ok=True)
    began = time.perf_counter()
    for path in sorted(source.iterdir())[:50]:
        shutil.copyfile(path, copied / path.name)
        with open(copied / path.name, "rb") as file:
            os.fsync(file.fileno())
    print(f"copies, synced: {50 * 20 / (time.perf_counter() - began):.0f} MB/s", flush=True)
    shutil.rmtree(copied)


def with_workers(folder: Path, count: int) -> None:
    seconds, results = timed(shards(folder, 200, 20), workers=count)
    inside = sum(result["seconds"] for result in results)
    print(f"{count} workers: {seconds:.1f} s, {4000 / seconds:.0f} MB/s, {inside:.1f} s in items", flush=True)


def one(folder: Path) -> None:
    with_workers(folder, 1)


def two(folder: Path) -> None:
    with_workers(folder, 2)


def _worker(source: str) -> None:
    from xnc.batch._scratch import Scratch
    from xnc.batch._work import work

    made = plan(source)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    scratch = Scratch(Path(source).parent / "scratch")
    for item in made:
        result = work(made.job(), item, scratch, 1)
        assert result["status"] == "done", result
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(f"{item['path']}: {result['seconds']} s; {before / 1e3:.0f} MB before, {most / 1e3:.0f} MB at most")
    scratch.close()


def memory(folder: Path) -> None:
    source = shards(folder, 1, 2000)
    shutil.rmtree(source.with_name(source.name + ".xnc"), ignore_errors=True)
    worker = multiprocessing.get_context("spawn").Process(target=_worker, args=(str(source),))
    worker.start()
    worker.join()


def planning(folder: Path) -> None:
    here = Path(__file__).resolve().parent.parent / "tests/batch"
    server = subprocess.Popen(
        [sys.executable, here / "s3_server.py"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert server.stdin is not None and server.stdout is not None
    sys.path.insert(0, str(here))
    from batch_files import NAME, S3, model_file, words

    s3 = S3(int(server.stdout.readline()))
    s3._call("PUT", "/bucket")
    small = model_file({NAME: words(1, 10)})
    s3.write("small", {f"{n // 50}/{n:04}.safetensors": small for n in range(2000)})
    for headers in (True, False):
        began = time.perf_counter()
        made = plan("s3://bucket/small", store=s3.store, headers=headers)
        print(f"{len(made)} objects, headers {headers}: {time.perf_counter() - began:.2f} s")
    server.stdin.close()
    server.wait()


def on_ray(folder: Path) -> None:
    import ray
    from ray.cluster_utils import Cluster

    from xnc.batch._scratch import Scratch
    from xnc.batch._work import work

    source = shards(folder, 40, 20)
    target = source.with_name(source.name + ".xnc")
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    ray.init(address=cluster.address, log_to_driver=False)
    timed(source, on="ray")  # Workers start.
    spent: dict[str, float] = {}
    for name in ("loop", "ray", "loop", "ray"):
        if name == "ray":
            seconds = timed(source, on="ray")[0]
        else:
            shutil.rmtree(target, ignore_errors=True)
            made, scratch = plan(str(source)), Scratch(folder / "scratch")
            began = time.perf_counter()
            for item in made:
                work(made.job(), item, scratch, 1)
            seconds = time.perf_counter() - began
            scratch.close()
        spent[name] = min(seconds, spent.get(name, seconds))
    ray.shutdown()
    cluster.shutdown()
    print(f"loop {spent['loop']:.2f} s, one Ray worker {spent['ray']:.2f} s")
    print(f"Ray's overhead a shard: {(spent['ray'] - spent['loop']) / 40 * 1000:.1f} ms")


if __name__ == "__main__":
    parts = {"copies": copies, "one": one, "two": two, "memory": memory, "plan": planning, "ray": on_ray}
    for name in sys.argv[2:] or parts:
        parts[name](Path(sys.argv[1]))
