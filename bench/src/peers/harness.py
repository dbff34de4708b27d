"""Runs one phase of one peer in Python: `harness.py PEER.py encode|decode SETTING TABLE FILE`, with one processor.

Does what `child.rs` does for peers in Rust, and prints the same JSON. A peer is a module with

    VERSION                                 library and version
    MEANS = {setting: what it means}
    encode(setting, table) -> encoded            timed
    store(encoded, path) -> bytes                what counts; leaves what `load` takes
    load(setting, path, table) -> opened         not timed
    decode(opened, table) -> buffer              timed
    row(opened, table, number) -> buffer         timed

of which `store` and `load` may be missing where `encode` gives bytes and `decode` takes them, and `row` where
rows cannot be read alone; `table` has `bytes` (a fresh copy each time), `rows`, `dim`, `dtype`, `path`.
"""

import ctypes
import importlib.util
import json
import os
import random
import sys
import time

# A peer's file has the name of the package it imports.
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path = [folder for folder in sys.path if os.path.abspath(folder or ".") != HERE]

TIME, TIMES = 1.5, 15


class Table:
    """The only tensor of a safetensors file."""

    def __init__(self, path):
        self.path = path
        with open(path, "rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(length))
            header.pop("__metadata__", None)
            ((self.name, tensor),) = header.items()
            start, end = tensor["data_offsets"]
            file.seek(8 + length + start)
            self._bytes = file.read(end - start)
        self.rows, self.dim = tensor["shape"]
        self.dtype = tensor["dtype"]
        self.row_bytes = 2 * self.dim

    def beginning(self, path):
        """A file with the first rows, for whatever a peer builds or loads when it first works."""
        rows = min(self.rows, 64)
        offsets = [0, rows * self.row_bytes]
        header = {self.name: {"dtype": self.dtype, "shape": [rows, self.dim], "data_offsets": offsets}}
        text = json.dumps(header).encode()
        text += b" " * (-len(text) % 8)
        with open(path, "wb") as file:
            file.write(len(text).to_bytes(8, "little") + text + self._bytes[: rows * self.row_bytes])
        return Table(path)

    @property
    def bytes(self):
        # A real copy: one of the peers changes its input.
        return bytes(bytearray(self._bytes))

    def check(self, buffer, start=0, end=None):
        if memoryview(buffer).cast("B") != memoryview(self._bytes)[start:end]:
            raise SystemExit("the table does not come back")


def memory(field):
    with open("/proc/self/status") as file:
        return next(1024 * int(line.split()[1]) for line in file if line.startswith(field))


def memory_start():
    try:
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
        return memory("VmRSS")
    except OSError:
        return None


def memory_extra(before):
    return None if before is None else max(0, memory("VmHWM") - before)


def keep_memory():
    """From here on freed memory stays with the process: only first runs wait for fresh pages, as where
    `child.rs` reuses buffers."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        m_mmap_max, m_trim_threshold = -4, -1
        libc.mallopt(m_mmap_max, 0)
        libc.mallopt(m_trim_threshold, 2**31 - 1)


def timed(work, *arguments):
    start = time.perf_counter()
    result = work(*arguments)
    return result, time.perf_counter() - start


def store(encoded, path):
    with open(path, "wb") as file:
        file.write(encoded)
    return len(encoded)


def load(setting, path, table):
    with open(path, "rb") as file:
        return file.read()


def row_of(peer):
    """How a peer reads a row: its own way, or out of the whole table."""

    def row_of_whole(opened, table, number):
        return memoryview(peer.decode(opened, table))[number * table.row_bytes : (number + 1) * table.row_bytes]

    return getattr(peer, "row", row_of_whole)


def encode(peer, setting, table, path):
    little = table.beginning(path + ".beginning")
    little.given = little.bytes
    peer.encode(setting, little)
    os.remove(little.path)
    table.given = table.bytes
    before = memory_start()
    encoded, first = timed(peer.encode, setting, table)
    extra = memory_extra(before)
    seconds, begin = [first], time.perf_counter()
    while first < TIME and time.perf_counter() - begin < TIME and len(seconds) < TIMES:
        table.given = table.bytes
        seconds.append(timed(peer.encode, setting, table)[1])
    size = getattr(peer, "store", store)(encoded, path)
    about = {"version": peer.VERSION, "means": peer.MEANS[setting]}
    return about | {"bytes": size, "seconds": seconds, "extra_bytes": extra}


def decode(peer, setting, table, path):
    opened = getattr(peer, "load", load)(setting, path, table)
    before = memory_start()
    buffer, first = timed(peer.decode, opened, table)
    extra = memory_extra(before)
    table.check(buffer)
    del buffer
    keep_memory()
    seconds, begin = [first], time.perf_counter()
    while time.perf_counter() - begin < TIME and len(seconds) < TIMES:
        seconds.append(timed(peer.decode, opened, table)[1])
    row = row_of(peer)
    numbers, rows, begin = random.Random(11), [], time.perf_counter()
    while not rows or (time.perf_counter() - begin < TIME / 2 and len(rows) < 400):
        number = numbers.randrange(table.rows)
        buffer, took = timed(row, opened, table, number)
        table.check(buffer, number * table.row_bytes, (number + 1) * table.row_bytes)
        rows.append(took)
    return {"seconds": seconds, "extra_bytes": extra, "row_seconds": rows}


def main():
    peer_path, phase, setting, table_path, path = sys.argv[1:]
    spec = importlib.util.spec_from_file_location("peer", peer_path)
    peer = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(peer)
    table = Table(table_path)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    print(json.dumps({"encode": encode, "decode": decode}[phase](peer, setting, table, path)))


main()
