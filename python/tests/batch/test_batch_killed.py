"""Workers and drivers that are killed in the middle."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from batch_files import NAME, S3, hub, model_file, sha256, statuses, words, write, s3, s3_server

import xnc
from xnc.batch import plan, report, run
from xnc.batch._local import LocalEngine

#: Fixtures.
__all__ = ["s3", "s3_server"]


def children(of: int) -> list[int]:
    """Processes that a process started, and that run Python."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(fields[1]) == of and b"spawn_main" in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
        except (OSError, IndexError):
            continue
    return found


def until(is_so: Any, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def heavy(count: int) -> dict[str, bytes]:
    """Files that take a worker long enough to be killed in one."""
    return {f"{n:02}.safetensors": model_file({NAME: words(n, 12_000)}) for n in range(count)}


def all_restored(target: Path, files: dict[str, bytes], tmp_path: Path) -> None:
    results = run(plan(str(target), str(tmp_path / "back"), verb="restore"), workers=2)
    assert report(results)["failed"] == 0
    for name, data in files.items():
        assert sha256((tmp_path / "back" / name).read_bytes()) == sha256(data)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are found in /proc")
def test_a_worker_that_is_killed_is_replaced(tmp_path: Path) -> None:
    files = heavy(8)
    source = write(tmp_path / "hub", files)
    killed: list[int] = []

    def kill(done: int, total: int, result: dict[str, Any]) -> None:
        # While another item is under way.
        if len(killed) < 3:
            killed.extend(children(os.getpid())[:1])
            os.kill(killed[-1], signal.SIGKILL)

    results = run(plan(str(source), codec="dense", effort=1), workers=2, progress=kill)
    assert len(killed) == 3 and set(statuses(results).values()) == {"done"} and len(results) == 8
    all_restored(tmp_path / "hub.xnc", files, tmp_path)
    assert not list((tmp_path / "hub.xnc").glob(".*.tmp"))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are found in /proc")
def test_an_idle_worker_that_is_killed_is_replaced(tmp_path: Path) -> None:
    job = plan(str(write(tmp_path / "hub", hub(0, 3)))).job()
    engine = LocalEngine(job, workers=1, threads=1, retries=0, scratch=None)
    items = iter(plan(str(tmp_path / "hub")))
    engine.submit(next(items))
    assert engine.wait()[0][1]["status"] == "done"
    (worker,) = children(os.getpid())
    os.kill(worker, signal.SIGKILL)
    until(lambda: not children(os.getpid()))
    # The pool notices in a thread of its own, sooner or later.
    time.sleep(0.2)
    engine.submit(next(items))
    assert engine.wait()[0][1]["status"] == "done"
    engine.close()


def test_an_item_that_kills_its_workers_fails_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write(tmp_path / "hub", hub(0, 6))
    # Workers are new interpreters, and import this.
    (tmp_path / "sitecustomize.py").write_text(
        "import os, sys\n"
        "def hook(event, given):\n"
        "    if event == 'os.symlink' and '3.safetensors' in str(given[0]): os.kill(os.getpid(), 9)\n"
        "if 'spawn_main' in ' '.join(sys.orig_argv): sys.addaudithook(hook)\n"
    )
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    results = run(plan(str(source)), workers=2, retries=1)
    bad = [result for result in results if result["status"] == "failed"]
    assert [result["path"] for result in bad] == ["loose/3.safetensors"] and "worker died" in bad[0]["error"]
    assert len(results) == 6


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are found in /proc")
def test_a_driver_that_is_killed_leaves_no_half_object(s3: S3, tmp_path: Path) -> None:
    files = {**hub(1, 0), **heavy(8)}
    s3.write("killed", files)
    made = plan("s3://bucket/killed", codec="dense", effort=1, store=s3.store)
    made.save(tmp_path / "plan.jsonl")
    command = [sys.executable, "-m", "xnc.batch._command", "run", str(tmp_path / "plan.jsonl"), "--workers=2"]
    secrets = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    scratch = tmp_path / "scratch"
    s3.log()
    driver = subprocess.Popen([*command, f"--scratch={scratch}"], env={**os.environ, **secrets})
    written = tmp_path / "plan.results.jsonl"
    until(lambda: written.exists() and written.read_text().count("\n") >= 3)
    workers = children(driver.pid)
    driver.kill()
    driver.wait()
    until(lambda: not any(Path(f"/proc/{worker}").exists() for worker in workers))
    there = s3.read("killed.xnc")
    assert "org/m0/config.json" not in there or "org/m0/xnc.json" in there or len(there) < len(files)
    for name, data in there.items():
        if name.endswith(".safetensors"):
            (tmp_path / "one.safetensors").write_bytes(data)
            try:
                assert xnc.verify(tmp_path / "one.safetensors")
            except xnc.errors.NotCompressedError:
                assert data == files[name]

    finished = subprocess.run(
        [*command, f"--scratch={scratch}", "--json"], env={**os.environ, **secrets}, capture_output=True, text=True
    )
    assert finished.returncode == 0, finished.stderr
    told = json.loads(finished.stdout)
    assert told["failed"] == 0 and told["skipped"] >= 3
    assert not list(scratch.glob("*")), "what the killed workers left is swept"
    back = run(plan("s3://bucket/killed.xnc", str(tmp_path / "back"), verb="restore", store=s3.store), workers=2)
    assert report(back)["failed"] == 0
    for name, data in files.items():
        if name != "notes.txt":
            assert (tmp_path / "back" / name).read_bytes() == data


def test_an_interrupt_ends_workers(tmp_path: Path) -> None:
    source = write(tmp_path / "hub", heavy(6))

    class Enough(Exception):
        pass

    def stop(done: int, total: int, result: dict[str, Any]) -> None:
        raise Enough

    with pytest.raises(Enough):
        run(plan(str(source), codec="dense", effort=1), workers=2, progress=stop)
    until(lambda: not children(os.getpid()))
    assert threading.active_count() < 20
    assert report(run(plan(str(source), codec="dense", effort=1), workers=2))["failed"] == 0
    assert not (tmp_path / "hub.xnc/.xnc-batch/scratch").exists()
