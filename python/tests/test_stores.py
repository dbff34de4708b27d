"""Stores: rows read from disk, against the words that files were made of."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import DIM, NAME, ROWS, bf16_words, values_of, write_safetensors

import xnc
from xnc import errors


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory, words: np.ndarray) -> Path:
    folder = tmp_path_factory.mktemp("store")
    write_safetensors(folder / "plain.safetensors", {NAME: ("BF16", words)})
    xnc.compress(folder / "plain.safetensors", folder / "coded.safetensors", pages=True)
    return folder / "coded.safetensors"


@pytest.mark.parametrize("direct", [False, True] if sys.platform == "linux" else [False])
def test_rows_come_as_they_were(path: Path, words: np.ndarray, direct: bool) -> None:
    ids = np.array([[5, 0, ROWS - 1], [5, 7, 1234]])
    with xnc.Store(path, NAME, direct=direct, cache_bytes=1 << 16, depth=8) as store:
        assert (store.shape, store.dtype, store.codec, len(store)) == ((ROWS, DIM), "BF16", "fast", ROWS)
        for _ in range(2):
            assert np.array_equal(store.rows(ids), words[ids])
            assert np.array_equal(store.rows(ids, dtype="float32"), values_of(words)[ids])
        out = np.zeros((2, 3, DIM), np.uint16)
        assert store.rows(ids, out=out) is out and np.array_equal(out, words[ids])
        counters = store.counters
        assert counters.rows == 5 * ids.size and counters.hits >= 4 * ids.size - 2
        assert 0 < counters.reads <= 5 and counters.bytes % 4096 == 0
        assert "fast" in repr(store) and store.index_bytes > ROWS
    with pytest.raises(errors.ClosedError):
        store.rows([1])


def test_rows_are_read_early(path: Path, words: np.ndarray) -> None:
    with xnc.Store(path, NAME, cache_bytes=1 << 20) as store:
        store.prefetch([1, 2, 2999])
        while store.counters.prefetched < 3:
            time.sleep(0.001)
        assert np.array_equal(store.rows([2999, 1]), words[[2999, 1]])
        assert store.counters.hits == 2


def test_threads_share_a_store(path: Path, words: np.ndarray) -> None:
    wrong: list[int] = []
    with xnc.Store(path, NAME, cache_bytes=1 << 15) as store:

        def work(seed: int) -> None:
            for _ in range(30):
                ids = np.random.default_rng(seed).integers(0, ROWS, 50)
                if not np.array_equal(store.rows(ids), words[ids]):
                    wrong.append(seed)

        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not wrong


def test_pieces_are_one_table(tmp_path: Path) -> None:
    parts = [bf16_words(seed, 400 + seed) for seed in (1, 2)]
    for number, part in enumerate(parts):
        write_safetensors(tmp_path / f"{number}.safetensors", {f"ngram.{number}": ("BF16", part)})
    with xnc.Store(tmp_path, "ngram") as store:
        assert len(store) == 803 and store.codec is None
        assert np.array_equal(store.rows([0, 400, 401, 802]), np.concatenate(parts)[[0, 400, 401, 802]])


def test_what_is_wrong_is_an_exception(path: Path, tmp_path: Path) -> None:
    with pytest.raises(errors.MissingFileError):
        xnc.Store(tmp_path / "none.safetensors", NAME)
    with pytest.raises(errors.TableNotFoundError, match=NAME):
        xnc.Store(path, "other")
    with pytest.raises(errors.ShapeError):
        xnc.Store(path, NAME, depth=0)
    with xnc.Store(path, NAME) as store:
        with pytest.raises(errors.RowError, match="3000"):
            store.rows([ROWS])
        with pytest.raises(errors.RowError, match="negative"):
            store.prefetch([-1])
    damaged = bytearray(path.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    (tmp_path / "damaged.safetensors").write_bytes(damaged)
    with xnc.Store(tmp_path / "damaged.safetensors", NAME) as store, pytest.raises(errors.DamagedError, match=NAME):
        store.rows(range(ROWS))
