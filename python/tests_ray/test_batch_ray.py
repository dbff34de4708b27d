"""A Ray cluster of two nodes: the same results as anywhere, and what it makes of killed workers and bad items."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from batch_files import NAME, S3, hub, model_file, read, s3, s3_server, sha256, statuses, words, write

from xnc.batch import plan, report, run

__all__ = ["s3", "s3_server"]


def test_a_store_there_and_back(cluster: Any, s3: S3, tmp_path: Path) -> None:
    files = hub(3, 10)
    files["loose/3.safetensors"] = files["loose/3.safetensors"][:-10]
    s3.write("ray", files)
    s3.faults(
        {"do": "status", "status": 503, "times": 10},
        {"do": "cut", "method": "GET", "match": ".safetensors", "times": 5},
    )
    results = run(plan("s3://bucket/ray", store=s3.store), on="ray", scratch=tmp_path / "scratch")
    bad = [path for path, status in statuses(results).items() if status == "failed"]
    assert bad == ["loose/3.safetensors"]
    s3.faults()
    back = plan("s3://bucket/ray.xnc", str(tmp_path / "back"), verb="restore", store=s3.store)
    assert report(run(back, on="ray"))["failed"] == 0
    wanted = {name: sha256(data) for name, data in files.items() if name not in ("notes.txt", *bad)}
    assert {name: sha256(data) for name, data in read(tmp_path / "back").items()} == wanted
    again = run(plan("s3://bucket/ray", store=s3.store), on="ray")
    assert sum(bool(result.get("skipped")) for result in again) == len(results) - 1


def test_folders_are_those_of_local_workers(cluster: Any, tmp_path: Path) -> None:
    source = write(tmp_path / "hub", hub(2, 4))
    run(plan(str(source), str(tmp_path / "a")), workers=2)
    run(plan(str(source), str(tmp_path / "b")), on="ray")
    assert read(tmp_path / "a") == read(tmp_path / "b")


def test_a_target_that_is_removed_between_runs(cluster: Any, tmp_path: Path) -> None:
    """The cluster's workers live on, and have a folder of their own below the target."""
    source = write(tmp_path / "hub", hub(1, 4))
    made = plan(str(source), str(tmp_path / "a"))
    first = statuses(run(made, on="ray"))
    shutil.rmtree(tmp_path / "a")
    assert statuses(run(made, on="ray")) == first
    assert set(first.values()) <= {"done", "nothing"}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are found in /proc")
def test_a_worker_that_is_killed(cluster: Any, tmp_path: Path) -> None:
    files = {f"{n:02}.safetensors": model_file({NAME: words(n, 12_000)}) for n in range(8)}
    source = write(tmp_path / "hub", files)
    killed: list[int] = []

    def kill(done: int, total: int, result: dict[str, Any]) -> None:
        for folder in Path("/proc").glob("[0-9]*") if len(killed) < 2 else []:
            # Ray names its workers after the task that they are in; all below this test's own cluster.
            if b"ray::xnc-batch" in name(folder) and ours(int(folder.name)):
                os.kill(int(folder.name), signal.SIGKILL)
                killed.append(int(folder.name))
                return

    results = run(plan(str(source), codec="dense", effort=1), on="ray", progress=kill)
    assert killed and set(statuses(results).values()) == {"done"} and len(results) == 8
    back = run(plan(str(tmp_path / "hub.xnc"), str(tmp_path / "back"), verb="restore"), workers=2)
    assert report(back)["failed"] == 0 and read(tmp_path / "back") == files


def name(folder: Path) -> bytes:
    try:
        return (folder / "cmdline").read_bytes()
    except OSError:
        return b""


def ours(process: int) -> bool:
    """Whether a process descends from this one: another cluster may run on this machine."""
    while process > 1:
        if process == os.getpid():
            return True
        try:
            process = int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            return False
    return False


def test_a_driver_that_is_killed(cluster: Any, tmp_path: Path) -> None:
    files = {f"{n:02}.safetensors": model_file({NAME: words(n, 12_000)}) for n in range(8)}
    source = write(tmp_path / "hub", files)
    plan(str(source), codec="dense", effort=1).save(tmp_path / "plan.jsonl")
    command = [sys.executable, "-m", "xnc.batch._command", "run", str(tmp_path / "plan.jsonl"), "--on=ray"]
    command.append(f"--address={cluster.address}")
    driver = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    written = tmp_path / "plan.results.jsonl"
    end = time.monotonic() + 120
    while not written.exists() or written.read_text().count("\n") < 2:
        assert time.monotonic() < end
        time.sleep(0.02)
    driver.kill()
    driver.wait()
    finished = subprocess.run(command, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    back = run(plan(str(tmp_path / "hub.xnc"), str(tmp_path / "back"), verb="restore"), workers=2)
    assert report(back)["failed"] == 0 and read(tmp_path / "back") == files
