"""Opening, closing, pickling; processes."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import NAME, ROWS, write_safetensors

import xnc
from xnc import errors


def test_a_model_maps_names_to_tables(compressed: Path, plain: Path, words: np.ndarray) -> None:
    for path in (compressed, plain):
        model = xnc.open(path)
        assert NAME in model and "nothing" not in model
        assert set(model) >= {NAME, "lm_head.weight"} and len(model) == len(list(model))
        assert np.array_equal(model[NAME][3], words[3])
        assert model[NAME] is model[NAME]
        assert model.get("nothing") is None
        assert {name: table.name for name, table in model.items()} == {name: name for name in model}
    assert xnc.open(compressed).is_compressed and not xnc.open(plain).is_compressed
    assert xnc.open(plain)[NAME].codec is None
    assert xnc.open(str(compressed)).format == "safetensors"


def test_names_that_are_not_there(model: xnc.Model) -> None:
    with pytest.raises(KeyError, match="model.embed_tokens.weight"):
        model["model.embed_token.weight"]
    with pytest.raises(errors.TableNotFoundError):
        model[3]  # type: ignore[index]
    with pytest.raises(errors.NotATableError, match="norm.weight"):
        model["norm.weight"]


def test_bytes_open_as_files_do(compressed: Path, words: np.ndarray) -> None:
    data = compressed.read_bytes()
    for source in (data, bytearray(data), memoryview(data)):
        model = xnc.open(source)
        del source
        assert np.array_equal(model[NAME][...], words)


def test_a_folder_opens_as_one_model(compressed: Path, tmp_path: Path, words: np.ndarray) -> None:
    (tmp_path / "one.safetensors").write_bytes(compressed.read_bytes())
    write_safetensors(tmp_path / "two.safetensors", {"output.weight": ("BF16", words[:100])})
    model = xnc.open(tmp_path)
    assert {NAME, "output.weight"} <= set(model)
    assert np.array_equal(model["output.weight"][7], words[7])


def test_what_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="missing.safetensors"):
        xnc.open(tmp_path / "missing.safetensors")
    (tmp_path / "empty.safetensors").write_bytes(b"")
    with pytest.raises(errors.FormatError, match="empty.safetensors"):
        xnc.open(tmp_path / "empty.safetensors")
    with pytest.raises(ValueError):
        xnc.open(b"nothing that is a model")
    with pytest.raises(TypeError):
        xnc.open(3)  # type: ignore[arg-type]


def test_a_closed_model_says_so(compressed: Path) -> None:
    with xnc.open(compressed) as model:
        table = model[NAME]
        table[0]
    assert model.closed
    for use in (
        lambda: table[0],
        lambda: table.rows([0]),
        lambda: table.product(np.zeros(64, np.float32)),
        lambda: table.nbytes,
        lambda: pickle.dumps(table),
        lambda: model[NAME],
        lambda: list(model),
    ):
        with pytest.raises(errors.ClosedError, match=f"{NAME}|{compressed.name}"):
            use()
    assert "closed" in repr(table) and "closed" in repr(model)


def test_a_table_outlives_its_model(compressed: Path, words: np.ndarray) -> None:
    table = xnc.open(compressed)[NAME]
    assert np.array_equal(table[ROWS // 2], words[ROWS // 2])


def test_objects_pickle_by_path(
    table: xnc.Table, compressed: Path, words: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(pickle.dumps(table)) < 500
    monkeypatch.chdir(compressed.parent)
    relative = pickle.dumps(xnc.open(compressed.name)[NAME])
    monkeypatch.chdir("/")
    for data in (pickle.dumps(table), relative):
        assert np.array_equal(pickle.loads(data)[9], words[9])
    assert np.array_equal(pickle.loads(pickle.dumps(xnc.open(compressed.read_bytes())))[NAME][9], words[9])
    with pytest.raises(errors.Error, match="encoded in memory"):
        pickle.dumps(xnc.encode(words, "BF16"))


def _product(table: xnc.Table) -> bytes:
    x = np.linspace(-1, 1, table.shape[1], dtype=np.float32)
    return table.product(x).tobytes() + table.rows([1, 2]).tobytes() + table[...].tobytes()


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes_read_what_their_parent_does(table: xnc.Table, method: str) -> None:
    expected = _product(table)  # The parent's threads are there before.
    with multiprocessing.get_context(method).Pool(2) as pool:
        assert pool.map_async(_product, [table] * 4).get(timeout=60) == [expected] * 4


def test_a_forked_process_encodes(words: np.ndarray) -> None:
    xnc.encode(words, "BF16")
    child = os.fork()
    if child == 0:
        good = np.array_equal(xnc.encode(words, "BF16")[...], words)
        os._exit(0 if good else 1)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            assert status == 0
            return
        time.sleep(0.05)
    os.kill(child, 9)
    os.waitpid(child, 0)
    pytest.fail("the forked process does not end")


def test_importing_brings_nothing_large() -> None:
    """torch, transformers, tqdm and ml_dtypes are imported by those who use them."""
    script = "import sys, xnc; print([m for m in ('torch','transformers','tqdm','ml_dtypes') if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
