"""Rows and products, against the words that files were made of."""

from __future__ import annotations

import threading
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from conftest import DIM, NAME, ROWS, bf16_words, values_of

import xnc
from xnc import errors


def test_a_table_says_what_it_is(table: xnc.Table, model: xnc.Model) -> None:
    assert (table.name, table.shape, table.dtype, table.codec) == (NAME, (ROWS, DIM), "BF16", "fast")
    assert len(table) == ROWS
    assert 0 < table.nbytes < 0.8 * table.plain_nbytes == 0.8 * 2 * ROWS * DIM
    assert "fast" in repr(table) and NAME in repr(table) and "3 tables" in repr(model)


def test_rows_come_as_they_were(table: xnc.Table, words: np.ndarray) -> None:
    ids = np.array([[5, 0, ROWS - 1], [5, 7, 1234]])
    assert np.array_equal(table[5], words[5])
    assert np.array_equal(table[-1], words[-1])
    assert np.array_equal(table[10:20], words[10:20])
    assert np.array_equal(table[ROWS - 3 : 5000], words[-3:])
    assert np.array_equal(table[20:10], words[20:10])
    assert np.array_equal(table[100:10:-7], words[100:10:-7])
    assert np.array_equal(table[ids], words[ids])
    assert np.array_equal(table[ids.tolist()], words[ids])
    assert np.array_equal(table[ids.astype(np.int32).T], words[ids.T])
    assert np.array_equal(table[np.array([-1, 3])], words[[-1, 3]])
    assert np.array_equal(table[...], words)
    assert np.array_equal(np.asarray(table), words)
    assert np.array_equal(np.stack(list(table)), words)
    assert np.array_equal(table.rows(ids, dtype="float32"), values_of(words)[ids])
    assert table[[]].shape == (0, DIM)
    assert table[5].dtype == np.uint16


def test_types_of_words(model: xnc.Model) -> None:
    half = model["lm_head.weight"]
    assert half.dtype == "F16" and half[3].dtype == np.float16
    assert np.array_equal(half[3], values_of(bf16_words(2, 500)).astype(np.float16)[3])
    wide = model["wide.embed_tokens.weight"]
    assert (wide.dtype, wide.source_dtype) == ("BF16", "F32")
    assert np.array_equal(wide.rows([7], dtype=np.float32), values_of(bf16_words(3, 400))[[7]])


def test_values_stand_for_an_array(model: xnc.Model, words: np.ndarray) -> None:
    wide = values_of(bf16_words(3, 400))
    half = values_of(bf16_words(2, 500)).astype(np.float16)
    for name, plain in [
        (NAME, words.view(ml_dtypes.bfloat16)),
        ("lm_head.weight", half),
        ("wide.embed_tokens.weight", wide),
    ]:
        values = model[name].values
        assert values.dtype == plain.dtype and values.shape == plain.shape and len(values) == len(plain)
        ids = np.array([[1, -1, 7], [0, 3, 3]])
        mask = np.arange(len(plain)) % 9 == 0
        for key in (5, -2, slice(3, 9), slice(None, None, -50), ids, [4, 4], mask, (3, 5), (ids, slice(2, 4)), ...):
            assert np.array_equal(values[key], plain[key]), key
        assert np.array_equal(np.asarray(values), plain)
        with pytest.raises(IndexError, match=name):
            values[len(plain)]


@pytest.mark.parametrize("dtype", [np.uint16, np.int16, ml_dtypes.bfloat16, np.float32])
def test_rows_go_into_buffers(table: xnc.Table, words: np.ndarray, dtype: object) -> None:
    out = np.zeros((2, DIM), dtype)
    assert table.rows([9, 2], out=out) is out
    expected = values_of(words)[[9, 2]] if dtype is np.float32 else words[[9, 2]].view(dtype)
    assert np.array_equal(out, expected)


def test_rows_go_into_bytes(table: xnc.Table, words: np.ndarray) -> None:
    out = bytearray(2 * DIM)
    table.rows([9], out=out)
    assert bytes(out) == words[9].tobytes()


def test_buffers_that_do_not_fit(table: xnc.Table) -> None:
    frozen = np.zeros(DIM, np.uint16)
    frozen.flags.writeable = False
    cases = [
        (np.zeros(DIM - 1, np.uint16), errors.ShapeError),
        (np.zeros((DIM, 2), np.uint16)[:, 0], errors.ShapeError),
        (frozen, errors.ShapeError),
        (np.zeros(DIM, np.float16), errors.DtypeError),
        (np.zeros(DIM, np.int32), errors.DtypeError),
        (np.zeros(DIM, np.float64), errors.DtypeError),
        (bytearray(DIM), errors.Error),
    ]
    for out, kind in cases:
        before = bytes(out)
        with pytest.raises(kind, match=NAME):
            table.rows([0], out=out)
        assert bytes(out) == before


def test_ids_that_are_none(table: xnc.Table) -> None:
    for ids in ([ROWS], [-1], np.array([1 << 63], np.uint64), np.int64(ROWS)):
        with pytest.raises(IndexError, match=NAME):
            table.rows(ids)
    for ids in ([1.5], [True], "3", [None], np.zeros(3)):
        with pytest.raises(TypeError, match=NAME):
            table.rows(ids)
    for key in (ROWS, -ROWS - 1, [0, -ROWS - 1]):
        with pytest.raises(errors.RowError, match=NAME):
            table[key]
    for key in ((1, 2), None, "a", 1.0):
        with pytest.raises(errors.DtypeError, match=NAME):
            table[key]
    # No memory is taken for rows that are not there.
    with pytest.raises(errors.RowError):
        table.rows(np.broadcast_to(np.int64(ROWS), (1 << 20,)))


def test_products(table: xnc.Table, words: np.ndarray) -> None:
    x = np.random.default_rng(5).standard_normal((3, DIM), np.float32)
    exact = values_of(words).astype(np.float64) @ x[0].astype(np.float64)
    one = table.product(x[0])
    assert one.shape == (ROWS,) and one.dtype == np.float32
    assert np.allclose(one, exact, rtol=1e-5, atol=1e-5)
    many = table.product(x, threads=1)
    assert np.array_equal(many[0], one) and many.shape == (3, ROWS)
    assert np.array_equal(table.product(x[:, None], threads=3)[:, 0], many)
    narrow = x.astype(ml_dtypes.bfloat16)
    coarse = table.product(narrow)
    assert np.allclose(coarse, narrow.astype(np.float32) @ values_of(words).T, rtol=1e-4, atol=1e-5)
    assert np.array_equal(table.product(narrow.view(np.uint16)), coarse)
    out = np.empty(ROWS, np.float32)
    assert table.product(x[0], out=out) is out and np.array_equal(out, one)
    for wrong, kind in [
        (np.zeros(DIM - 1, np.float32), errors.ShapeError),
        (np.float32(1), errors.ShapeError),
        (np.zeros(DIM), errors.DtypeError),
    ]:
        with pytest.raises(kind, match=NAME):
            table.product(wrong)
    with pytest.raises(errors.ShapeError, match=NAME):
        table.product(x[0], out=np.empty(ROWS, np.float64))


@pytest.mark.parametrize("codec", xnc.CODECS)
def test_tables_encoded_in_memory(words: np.ndarray, codec: str) -> None:
    table = xnc.encode(words, "bfloat16", codec=codec)
    assert table.codec == codec and np.array_equal(table[...], words)
    assert table.nbytes < table.plain_nbytes


def test_types_that_encode(words: np.ndarray) -> None:
    half = values_of(words).astype(np.float16)
    for array, dtype, kind in [
        (words.view(ml_dtypes.bfloat16), None, "BF16"),
        (words.view(np.int16), "torch.bfloat16", "BF16"),
        (half, None, "F16"),
        (half.view(np.uint16), np.float16, "F16"),
        (values_of(words), ml_dtypes.bfloat16, "BF16"),
        (half.astype(np.float32), "F16", "F16"),
    ]:
        table = xnc.encode(array, dtype)
        expected = half.view(np.uint16) if kind == "F16" else words
        assert table.dtype == kind and np.array_equal(table[...].view(np.uint16), expected)
    other = values_of(words).copy()
    other[7, 3] = 0.1
    for array, dtype, kind in [
        (words, None, TypeError),
        (words[0], "BF16", ValueError),
        (half, "BF16", TypeError),
        (words.astype(np.int32), "BF16", TypeError),
        (words, "float8", TypeError),
        (other, None, TypeError),
    ]:
        with pytest.raises(kind):
            xnc.encode(array, dtype)
    with pytest.raises(ValueError, match="row 7, column 3"):
        xnc.encode(other, "BF16")
    with pytest.raises(errors.Error, match="nonsense"):
        xnc.encode(words, "BF16", codec="nonsense")


def test_eight_threads_read_one_table(table: xnc.Table, words: np.ndarray) -> None:
    wrong = []

    def read(seed: int) -> None:
        random = np.random.default_rng(seed)
        out = np.empty((64, DIM), np.uint16)
        for _ in range(200):
            ids = random.integers(0, ROWS, 64)
            table.rows(ids, out=out)
            if not np.array_equal(out, words[ids]):
                wrong.append(ids)

    threads = [threading.Thread(target=read, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_the_lock_is_released(words: np.ndarray) -> None:
    """Another thread counts while a table is encoded the slow way."""
    counted, done = 0, threading.Event()

    def work() -> None:
        xnc.encode(words, "BF16", codec="dense", threads=1)
        done.set()

    thread = threading.Thread(target=work)
    thread.start()
    while not done.is_set():
        counted += 1
        done.wait(0.0005)
    thread.join()
    assert counted > 3


def test_damage_is_found_where_it_is(compressed: Path, tmp_path: Path, words: np.ndarray) -> None:
    damaged = bytearray(compressed.read_bytes())
    header = int.from_bytes(damaged[:8], "little")
    damaged[8 + header + 100] ^= 1
    path = tmp_path / "damaged.safetensors"
    path.write_bytes(damaged)
    model = xnc.open(path)
    with pytest.raises(errors.DamagedError, match=NAME):
        model[NAME][...]
    assert np.array_equal(model[NAME][ROWS - 1], words[ROWS - 1])
    with pytest.raises(ValueError, match="damaged.safetensors"):
        xnc.verify(path)
