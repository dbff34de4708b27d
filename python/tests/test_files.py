"""The verbs for files, and the command."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import NAME, bf16_words, write_safetensors

import xnc
from xnc import errors

COMMAND = Path(sys.executable).with_name("xnc")


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([COMMAND, *map(str, arguments)], capture_output=True, text=True)


def test_there_and_back(plain: Path, tmp_path: Path) -> None:
    small, other, back = tmp_path / "a.xnc.safetensors", tmp_path / "b.safetensors", tmp_path / "c.safetensors"
    report = xnc.compress(plain, small, codec="dense", effort=1, tensors=[NAME, "lm_head.*"], threads=2)
    assert report["output_bytes"] == small.stat().st_size < plain.stat().st_size
    assert [tensor["name"] for tensor in report["tensors"] if tensor["codec"]] == [NAME, "lm_head.weight"]
    assert xnc.transcode(small, other, codec="fast")["output"] == str(other)
    assert xnc.open(other)[NAME].codec == "fast"
    assert xnc.verify(other, against=plain)["tensors"] == 2
    assert xnc.restore(other, back)["bytes"] == plain.stat().st_size
    assert back.read_bytes() == plain.read_bytes()


def test_reports_are_those_of_the_command(compressed: Path) -> None:
    for verb, options in (("inspect", []), ("analyze", ["--threads", "1"]), ("verify", [])):
        told = run(verb, compressed, "--json", *options)
        assert told.returncode == 0, told.stderr
        assert getattr(xnc, verb)(compressed) == json.loads(told.stdout)


def test_default_targets(plain: Path, tmp_path: Path) -> None:
    source = tmp_path / "-model.safetensors"
    source.write_bytes(plain.read_bytes())
    target = tmp_path / "-model.xnc.safetensors"
    assert xnc.compress(source)["output"] == str(target) and target.exists()
    assert xnc.compress(source)["output_bytes"] == target.stat().st_size  # The same bytes: no error.
    with pytest.raises(FileExistsError, match="-model.xnc.safetensors"):
        xnc.compress(source, codec="dense")
    xnc.compress(source, codec="dense", force=True)
    assert xnc.open(target)[NAME].codec == "dense"


def test_nothing_to_compress(tmp_path: Path) -> None:
    source = tmp_path / "norms.safetensors"
    write_safetensors(source, {"norm.weight": ("F32", np.ones(64, np.float32))})
    report = xnc.compress(source)
    assert report["output"] is None and report["nothing"]
    assert os.listdir(tmp_path) == [source.name]


def test_failures_name_the_file_and_are_of_their_kind(plain: Path, compressed: Path, tmp_path: Path) -> None:
    target = tmp_path / "target.safetensors"
    cases = [
        (errors.AlreadyCompressedError, compressed.name, lambda: xnc.compress(compressed, target)),
        (errors.NotCompressedError, plain.name, lambda: xnc.restore(plain, target)),
        (errors.MissingFileError, "missing", lambda: xnc.verify(tmp_path / "missing")),
        (errors.TableNotFoundError, "nonsense", lambda: xnc.compress(plain, target, tensors="nonsense")),
        (errors.UsageError, "nonsense", lambda: xnc.compress(plain, target, codec="nonsense")),
        (errors.UsageError, "effort", lambda: xnc.compress(plain, target, effort=2)),
        (errors.UsageError, "pages", lambda: xnc.compress(plain, target, codec="dense", pages=True)),
        (errors.UsageError, "threads", lambda: xnc.analyze(plain, threads=-1)),
    ]
    for kind, message, use in cases:
        with pytest.raises(kind, match=message):
            use()
        assert not target.exists()
    other = tmp_path / "other.safetensors"
    write_safetensors(other, {NAME: ("BF16", bf16_words(9))})
    with pytest.raises(errors.DiffersError, match="differs from the source"):
        xnc.verify(compressed, against=other)


def test_progress_is_told(plain: Path, tmp_path: Path) -> None:
    heard: list[tuple[str, int, int]] = []
    xnc.compress(plain, tmp_path / "a.safetensors", progress=lambda *step: heard.append(step))
    stages = {stage for stage, _, _ in heard}
    assert {"encode", "write", "restore"} <= stages
    for stage in stages:
        last = [(done, total) for name, done, total in heard if name == stage][-1]
        assert last[0] == last[1] > 0, stage


def test_a_bar_of_tqdm(plain: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("tqdm")
    xnc.compress(plain, tmp_path / "a.safetensors", progress=True)
    assert "encode" in capfd.readouterr().err


@pytest.mark.parametrize("threads", [0, 1, 3])
def test_a_callback_that_raises_ends_the_work(plain: Path, tmp_path: Path, threads: int) -> None:
    class Enough(Exception):
        pass

    calls = 0

    def hear(stage: str, done: int, total: int) -> None:
        nonlocal calls
        if stage == "write":
            calls += 1
            raise Enough

    with pytest.raises(Enough):
        xnc.compress(plain, tmp_path / "a.safetensors", progress=hear, threads=threads)
    assert calls == 1 and os.listdir(tmp_path) == []
    xnc.compress(plain, tmp_path / "a.safetensors", threads=threads)


def test_an_interrupt_ends_the_work(tmp_path: Path) -> None:
    """Ctrl-C while a large table is compressed in a program."""
    source = tmp_path / "model.safetensors"
    write_safetensors(source, {NAME: ("BF16", bf16_words(4, 60_000, 256))})
    script = f"import xnc; print('begins', flush=True); xnc.compress({str(source)!r}, codec='dense', threads=1)"
    program = subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # A shell lets programs in the background ignore it, and their children with them.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL) and None,
    )
    assert program.stdout is not None and program.stdout.readline() == b"begins\n"
    time.sleep(0.3)
    program.send_signal(signal.SIGINT)
    _, told = program.communicate(timeout=30)
    assert b"KeyboardInterrupt" in told and program.returncode != 0
    assert os.listdir(tmp_path) == [source.name]


def test_the_command_comes_along(compressed: Path, plain: Path, tmp_path: Path) -> None:
    assert run("--version").stdout.split()[1] == xnc.__version__
    raw = [COMMAND, "rows", str(compressed), "--tensor", NAME, "--ids", "3", "--format", "raw"]
    assert subprocess.run(raw, capture_output=True, check=True).stdout == bf16_words(1)[3].tobytes()
    assert run("rows", compressed, "--tensor", NAME, "--ids", "999999").returncode == 5
    assert run("compress").returncode == 2
    target = tmp_path / "x.xnc.safetensors"
    assert run("compress", plain, "-o", target).returncode == 0 and target.exists()
    module = subprocess.run([sys.executable, "-m", "xnc", "--version"], capture_output=True, text=True)
    assert module.stdout == run("--version").stdout
