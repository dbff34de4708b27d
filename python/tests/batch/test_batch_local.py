"""Local folders: what comes out is what the library makes of each folder, and a second run has nothing to do."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from batch_files import NAME, hub, model_file, read, statuses, write, words

import xnc
from xnc.batch import Plan, _container, errors, plan, report, run
from xnc.batch._stores import open_store


def done(source: Path, **options: object) -> list[dict[str, object]]:
    return run(plan(str(source), **options), workers=2)  # type: ignore[arg-type]


def recorded(record: bytes) -> dict[str, dict[str, object]]:
    """What a record says; the streams of two deflaters may differ, and what they keep not."""
    files = _container.unseal(record, "xnc.json")
    for name, entry in files.items():
        if "source" in entry:
            entry["source"] = _container.recovered(entry["source"], entry["size"], name)
    return files


def test_folders_are_those_of_the_library_and_come_back(tmp_path: Path) -> None:
    files = hub()
    source = write(tmp_path / "hub", files)
    made = plan(str(source))
    told = made.summary
    assert (told["models"], told["files"], told["left_alone_files"]) == (2, 9, 1)
    results = run(made, workers=2)
    assert set(statuses(results).values()) == {"done", "nothing"} and len(results) == 11
    saved = report(results)["saved_bytes"]
    assert 0.7 * saved < told["estimated_saved_bytes"] < 1.3 * saved

    out = read(tmp_path / "hub.xnc")
    for n in range(2):
        folder = tmp_path / f"lib{n}"
        xnc.compress(source / f"org/m{n}", folder)
        there = {name[7:]: data for name, data in out.items() if name.startswith(f"org/m{n}/")}
        wanted = read(folder)
        assert recorded(there.pop("xnc.json")) == recorded(wanted.pop("xnc.json"))
        assert there == wanted
    lone = tmp_path / "lone.safetensors"
    xnc.compress(source / "loose/0.safetensors", lone)
    assert out["loose/0.safetensors"] == lone.read_bytes()

    checked = done(tmp_path / "hub.xnc", verb="verify")
    assert set(statuses(checked).values()) == {"done"} and len(checked) == 11
    run(plan(str(tmp_path / "hub.xnc"), str(tmp_path / "back"), verb="restore"), workers=2)
    assert read(tmp_path / "back") == {name: data for name, data in files.items() if name != "notes.txt"}


def test_a_second_run_does_nothing(tmp_path: Path) -> None:
    source = write(tmp_path / "hub", hub(1, 2))
    first = done(source)
    before = {path: os.stat(path).st_mtime_ns for path in (tmp_path / "hub.xnc").rglob("*")}
    again = plan(str(source))
    assert all("result" in item for item in again) and again.summary["bytes_to_do"] == 0
    second = run(again, workers=2)
    assert all(result["skipped"] for result in second) and statuses(first) == statuses(second)
    assert before == {path: os.stat(path).st_mtime_ns for path in (tmp_path / "hub.xnc").rglob("*")}
    assert report(second)["saved_bytes"] == report(first)["saved_bytes"] > 0


def test_work_is_done_again_where_anything_changed(tmp_path: Path) -> None:
    source = write(tmp_path / "hub", hub(1, 2))
    done(source)
    target = tmp_path / "hub.xnc"

    def todo(**options: object) -> set[str]:
        return {item["path"] for item in plan(str(source), **options) if "result" not in item}  # type: ignore[arg-type]

    (target / "loose/0.safetensors").unlink()
    assert todo() == {"loose/0.safetensors"}
    (target / "loose/1.safetensors").write_bytes(b"other")
    assert todo() == {"loose/0.safetensors", "loose/1.safetensors"}
    (source / "org/m0/README.md").write_bytes(b"Another text.")
    assert todo() >= {"org/m0/xnc.json"}
    assert len(todo(codec="dense")) == 6
    done(source)
    assert not todo() and (target / "org/m0/README.md").read_bytes() == b"Another text."
    assert len(done(source, codec="dense")) == 6
    assert xnc.open(target / "org/m0/model-1.safetensors")[NAME].codec == "dense"
    assert xnc.verify(target / "org/m0", against=source / "org/m0")


def test_a_bad_file_holds_nothing_up_but_its_folder(tmp_path: Path) -> None:
    files = hub(2, 30)
    files["loose/17.safetensors"] = files["loose/17.safetensors"][:-100]
    files["org/m1/model-2.safetensors"] = files["org/m1/model-2.safetensors"][:-1]
    results = done(write(tmp_path / "hub", files))
    bad = {path for path, status in statuses(results).items() if status == "failed"}
    assert bad == {"loose/17.safetensors", "org/m1/model-2.safetensors", "org/m1/xnc.json"}
    told = report(results)
    assert {failure["path"] for failure in told["failures"]} == bad
    assert all(failure["error"] and "xnc-batch" not in failure["error"] for failure in told["failures"])
    out = read(tmp_path / "hub.xnc")
    assert "loose/17.safetensors" not in out and len([name for name in out if name.startswith("loose/")]) == 29
    assert "org/m0/xnc.json" in out and not {"org/m1/xnc.json", "org/m1/config.json"} & set(out)
    (tmp_path / "hub/loose/17.safetensors").unlink()
    (tmp_path / "hub/org/m1/model-2.safetensors").write_bytes(hub(2, 0)["org/m1/model-2.safetensors"])
    mended = done(tmp_path / "hub")
    assert [result["path"] for result in mended if not result.get("skipped")] == sorted(bad - {"loose/17.safetensors"})
    assert xnc.verify(tmp_path / "hub.xnc/org/m1", against=tmp_path / "hub/org/m1")


def test_readers_find_a_record_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from xnc.batch._scratch import Scratch
    from xnc.batch._stores.local import LocalStore
    from xnc.batch._work import work

    source = write(tmp_path / "hub", hub(1, 0))
    written: list[str] = []
    real = LocalStore._named
    monkeypatch.setattr(LocalStore, "_named", lambda *given: (written.append(given[2].name), real(*given))[1])
    scratch = Scratch(tmp_path / "scratch")
    for round in ("first", "changed"):
        made = plan(str(source), codec="fast" if round == "first" else "xnc", tensors="all")
        end = next(item for item in made if item["action"] == "finish")
        fronts = ["model.safetensors.index.json", "config.json", "xnc.json"]
        results = []
        for item in made:
            if item is not end:
                results.append(work(made.job(), item, scratch, 1))
                # Until all is there, nobody finds a model: not the older one either, whose shards change.
                assert not any((tmp_path / "hub.xnc/org/m0" / name).exists() for name in fronts)
        work(made.job(), {**end, "results": results}, scratch, 1)
        assert [name for name in written if name in fronts] == fronts
        last = [name for name in written if not name.endswith("safetensors.json")]
        assert last.index("xnc.json") > max(last.index(name) for name in ("model-1.safetensors", "README.md"))
        written.clear()
        assert xnc.verify(tmp_path / "hub.xnc/org/m0", against=source / "org/m0")
    scratch.close()


def test_nothing_to_compress(tmp_path: Path) -> None:
    plain = model_file({"model.layers.0.weight": words(1)})
    files = {"m/model.safetensors": plain, "m/config.json": b"{}", "alone.safetensors": plain}
    source = write(tmp_path / "hub", files)
    assert set(statuses(done(source)).values()) == {"nothing"}
    assert read(tmp_path / "hub.xnc") == {}
    assert plan(str(source)).summary["bytes_to_do"] == 0
    compressed = tmp_path / "lib"
    xnc.compress(write(tmp_path / "one", hub(1, 0)) / "org/m0", compressed)
    told = done(compressed)
    assert [result["status"] for result in told] == ["nothing"] and "already" in str(told[0]["why"])


def test_plans_and_results_are_json_lines(tmp_path: Path) -> None:
    source = write(tmp_path / "hub", hub(1, 1))
    made = plan(str(source), store={"secret_access_key": "hidden", "region": "here"})
    made.save(tmp_path / "plan.jsonl")
    assert "hidden" not in (tmp_path / "plan.jsonl").read_text()
    loaded = Plan.load(tmp_path / "plan.jsonl")
    assert loaded.items == json.loads(json.dumps(made.items)) and loaded.store == {"region": "here"}
    lines = tmp_path / "results.jsonl"
    results = run(loaded, workers=1, results=lines)
    assert [json.loads(line) for line in lines.read_text().splitlines()] == results
    with lines.open("a") as file:
        file.write('{"path": "cut o')
    assert report(lines) == report(results)
    with lines.open("a") as file:
        file.write("\n{}\n")
    with pytest.raises(errors.PlanError, match="line 6"):
        report(lines)
    with pytest.raises(errors.PlanError, match="no plan"):
        Plan.load(lines)


def test_what_makes_no_sense_is_refused(tmp_path: Path) -> None:
    source = str(write(tmp_path / "hub", hub(0, 1)))
    cases = [
        ("no folder", lambda: plan(str(tmp_path / "missing"))),
        ("no verb", lambda: plan(source, verb="explain")),
        ("in each other", lambda: plan(source, source + "/out")),
        ("in each other", lambda: plan(source, str(tmp_path))),
        ("writes nothing", lambda: plan(source, "x", verb="verify")),
        ("say where", lambda: plan("s3://bucket")),
        ("no engine", lambda: run(plan(source), on="moon")),
    ]
    for message, use in cases:
        with pytest.raises(errors.PlanError, match=message):
            use()
    failed = done(Path(source), codec="nonsense")
    assert [result["kind"] for result in failed] == ["UsageError"]


def test_records_are_sealed_as_the_specification_says(tmp_path: Path) -> None:
    assert _container.crc32c(b"123456789") == 0xE3069283
    golden = Path(__file__).parents[3] / "spec/vectors/1.0-folder/xnc.json"
    data = golden.read_bytes()
    files = _container.unseal(data, "xnc.json")
    assert _container.seal(files) == data
    text = _container.recovered(files["model.safetensors.index.json"]["source"], 125, "index")
    assert json.loads(text)["weight_map"]
    for at in (30, len(data) // 2):
        with pytest.raises(xnc.errors.DamagedError):
            _container.unseal(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :], "xnc.json")
    with pytest.raises(xnc.errors.DamagedError):
        _container.recovered(files["model.safetensors.index.json"]["source"], 12, "index")


def test_names_that_lead_elsewhere_are_refused(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "root"))
    for name in ("../evil", "/evil", "a//b", "a/./b", "", "a\0b", "a/.."):
        with pytest.raises(errors.NameRefused):
            store.put(name, b"evil")
    source = write(tmp_path / "hub", hub(1, 0))
    done(source)
    record = tmp_path / "hub.xnc/org/m0/xnc.json"
    files = _container.unseal(record.read_bytes(), "xnc.json")
    record.write_bytes(_container.seal({**files, "../../../evil": files["README.md"]}))
    told = done(tmp_path / "hub.xnc", to=str(tmp_path / "back"), verb="restore")
    assert [(result["status"], result["kind"]) for result in told] == [("failed", "NameRefused")]
    assert not list(tmp_path.rglob("evil"))


def test_damage_is_found_on_the_way_back(tmp_path: Path) -> None:
    files = hub(2, 1)
    done(write(tmp_path / "hub", files))
    target = tmp_path / "hub.xnc"
    for name in ("loose/0.safetensors", "org/m0/model-2.safetensors"):
        data = bytearray((target / name).read_bytes())
        data[len(data) // 2] ^= 1
        (target / name).write_bytes(data)
    (target / "org/m1/README.md").write_bytes(b"Edited.")
    (target / "org/m1/tokenizer/vocab.txt").unlink()
    told = statuses(done(target, verb="verify"))
    bad = {"loose/0.safetensors", "org/m0/model-2.safetensors", "org/m0/xnc.json"}
    assert {path for path, status in told.items() if status == "failed"} == bad | {"org/m1/xnc.json"}
    results = done(target, to=str(tmp_path / "back"), verb="restore")
    assert {path for path, status in statuses(results).items() if status == "failed"} == bad
    warned = next(result for result in results if result["path"] == "org/m1/xnc.json")["warnings"]
    assert len(warned) == 2 and "vocab.txt is gone" in str(warned)
    back = read(tmp_path / "back")
    assert back["org/m1/model-1.safetensors"] == files["org/m1/model-1.safetensors"]
    assert "loose/0.safetensors" not in back and "org/m0/config.json" not in back
