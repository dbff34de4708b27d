"""An object store: there and back, and what goes wrong on the way."""

from __future__ import annotations

import re
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from batch_files import NAME, S3, hub, model_file, sha256, statuses, words, s3, s3_server

from xnc.batch import errors, plan, report, run

#: Fixtures.
__all__ = ["s3", "s3_server"]


def there_and_back(s3: S3, name: str, files: dict[str, bytes], tmp_path: Path, **options: Any) -> list[dict[str, Any]]:
    made = plan(f"s3://bucket/{name}", store=s3.store)
    results = run(made, workers=2, scratch=tmp_path / "scratch", **options)
    assert restored(s3, name, tmp_path) == {
        path: sha256(data) for path, data in files.items() if path != "notes.txt"
    }
    return results


def restored(s3: S3, name: str, tmp_path: Path) -> dict[str, str]:
    """SHA-256 of all that the compressed prefix restores to."""
    s3.faults()
    back = plan(f"s3://bucket/{name}.xnc", str(tmp_path / f"{name}-back"), verb="restore", store=s3.store)
    results = run(back, workers=2)
    assert set(statuses(results).values()) <= {"done"}, results
    found = (tmp_path / f"{name}-back").rglob("*")
    return {
        path.relative_to(tmp_path / f"{name}-back").as_posix(): sha256(path.read_bytes())
        for path in found
        if path.is_file() and ".xnc-batch" not in path.parts
    }


def test_there_and_back(s3: S3, tmp_path: Path) -> None:
    files = hub(1, 2)
    # More than one part to read and to write.
    files["loose/large.safetensors"] = model_file({NAME: words(5, 90_000), "other": words(6, 90_000)})
    s3.write("hub", files)
    s3.log()
    results = there_and_back(s3, "hub", files, tmp_path)
    assert set(statuses(results).values()) == {"done", "nothing"}
    log = s3.log()
    assert any(method == "POST" and "uploads" in target for method, target in log), "no multipart upload"
    assert list((tmp_path / "scratch").glob("*")) == [], "scratch is left"
    local = tmp_path / "local"
    for path, data in files.items():
        (local / path).parent.mkdir(parents=True, exist_ok=True)
        (local / path).write_bytes(data)
    run(plan(str(local)), workers=2)
    ours = {path: (tmp_path / "local.xnc" / path).read_bytes() for path in s3.read("hub.xnc")}
    assert ours == s3.read("hub.xnc"), "a store and a folder get the same bytes"
    checked = run(plan("s3://bucket/hub.xnc", verb="verify", store=s3.store), workers=2)
    assert set(statuses(checked).values()) == {"done"}


def test_a_second_run_reads_listings_and_records(s3: S3, tmp_path: Path) -> None:
    files = hub(2, 3)
    s3.write("again", files)
    first = there_and_back(s3, "again", files, tmp_path)
    s3.log()
    again = plan("s3://bucket/again", store=s3.store)
    second = run(again, workers=2)
    assert statuses(first) == statuses(second) and all(result["skipped"] for result in second)
    log = s3.log()
    read = [target for method, target in log if "list-type=2" not in target]
    assert {method for method, _ in log} == {"GET"}
    # Three files alone, two folders.
    assert len(read) == 5 and all("/.xnc-batch/records/" in target for target in read)


@pytest.mark.parametrize(
    "faults",
    [
        [{"do": "status", "status": 500, "method": "GET", "times": 6}, {"do": "status", "status": 503, "times": 6}],
        [{"do": "status", "status": 503, "method": "PUT", "times": 8}],
        [{"do": "status", "status": 500, "method": "POST", "times": 3}],
        [{"do": "cut", "method": "GET", "match": ".safetensors", "times": 6}],
        [{"do": "slow", "seconds": 0.1, "times": 30}],
    ],
    ids=["500-503", "503-writing", "500-completing", "cut", "slow"],
)
def test_trouble_that_passes(s3: S3, tmp_path: Path, faults: list[dict[str, Any]], request: Any) -> None:
    name = "trouble-" + re.sub(r"\W+", "-", request.node.callspec.id)
    files = hub(1, 2)
    files["loose/large.safetensors"] = model_file({NAME: words(5, 160_000)})
    s3.write(name, files)
    made = plan(f"s3://bucket/{name}", store=s3.store)
    s3.faults(*faults)
    results = run(made, workers=2, scratch=tmp_path / "scratch")
    assert report(results)["failed"] == 0, report(results)["failures"]
    assert restored(s3, name, tmp_path) == {path: sha256(data) for path, data in files.items() if path != "notes.txt"}
    assert b"<UploadId>" not in s3.uploads()


def test_trouble_that_stays_is_reported(s3: S3, tmp_path: Path) -> None:
    files = hub(1, 2)
    s3.write("stays", files)
    hasty = {**s3.store, "retry": {"max_retries": 0}}
    made = plan("s3://bucket/stays", store=hasty)
    s3.faults({"do": "status", "status": 503, "method": "PUT", "match": "loose/1.safetensors"})
    results = run(made, workers=2, retries=1, scratch=tmp_path)
    bad = [result for result in results if result["status"] == "failed"]
    assert [(result["path"], result["kind"]) for result in bad] == [("loose/1.safetensors", "StoreTrouble")]
    assert "503" in bad[0]["error"] and "loose/1.safetensors" not in s3.read("stays.xnc")
    s3.faults()
    assert report(run(plan("s3://bucket/stays", store=s3.store), workers=1))["failed"] == 0


def test_a_source_that_is_replaced_is_not_taken(s3: S3, tmp_path: Path) -> None:
    files = {f"{n}.safetensors": model_file({NAME: words(n, 160_000)}) for n in range(2)}
    s3.write("replaced", files)
    made = plan("s3://bucket/replaced", store=s3.store)
    # Parts come slowly, and between two of them the object becomes another one.
    s3.faults({"do": "slow", "seconds": 1.0, "method": "GET", "match": "replaced/1.safetensors"})
    other = model_file({NAME: words(9, 160_000)})
    timer = threading.Timer(1.0, lambda: s3.opened("replaced").put("1.safetensors", other))
    s3.log()
    timer.start()
    results = run(made, workers=2, scratch=tmp_path)
    timer.join()
    bad = [result for result in results if result["status"] == "failed"]
    assert [(result["path"], result["kind"]) for result in bad] == [("1.safetensors", "SourceChanged")]
    assert "plan again" in bad[0]["error"] and set(s3.read("replaced.xnc")) == {"0.safetensors"}
    s3.faults()
    again = plan("s3://bucket/replaced", store=s3.store)
    assert [item["path"] for item in again if "result" not in item] == ["1.safetensors"]
    assert report(run(again, workers=1, scratch=tmp_path))["failed"] == 0
    assert restored(s3, "replaced", tmp_path)["1.safetensors"] == sha256(other)


def test_two_runs_at_once(s3: S3, tmp_path: Path) -> None:
    files = hub(3, 12)
    s3.write("twice", files)
    told: list[list[dict[str, Any]]] = []

    def one(n: int) -> None:
        made = plan("s3://bucket/twice", store=s3.store)
        told.append(run(made, workers=1, scratch=tmp_path / f"scratch{n}"))

    runs = [threading.Thread(target=one, args=(n,)) for n in range(2)]
    for thread in runs:
        thread.start()
        time.sleep(0.3)
    for thread in runs:
        thread.join()
    assert len(told) == 2 and all(report(results)["failed"] == 0 for results in told)
    assert restored(s3, "twice", tmp_path) == {
        path: sha256(data) for path, data in files.items() if path != "notes.txt"
    }
    assert plan("s3://bucket/twice", store=s3.store).summary["bytes_to_do"] == 0


def test_what_a_store_refuses_is_told(s3: S3) -> None:
    with pytest.raises(errors.StoreRefused, match="no-such-bucket"):
        plan("s3://no-such-bucket/models", store=s3.store)
    with pytest.raises(errors.PlanError):
        plan("moon://bucket/models")
