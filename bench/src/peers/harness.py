"""Runs one phase of one peer in Python: `harness.py PEER.py encode|decode SETTING TABLE FILE`, with one processor.

Does what `child.rs` does for peers in Rust, and prints the same JSON. A peer is a module with

    VERSION                                 library and version
    MEANS = {setting: what it means}
    INTO = (settings)                       under which `decode` writes into `out`; may be missing
    encode(setting, table) -> encoded            timed
    store(encoded, path) -> bytes                what counts; leaves what `load` takes
    load(setting, path, table) -> opened         not timed
    decode(opened, table, out)                   timed
    row(opened, table, number, out)              timed

of which `store` and `load` may be missing where `encode` gives bytes and `decode` takes them, and `row` where
rows cannot be read alone. `out` is memory of the right size that was written before; under other settings than
those of `INTO` it is None for `decode`, which gives a buffer of its own. `row` may do either. `table` has `given`
(a fresh copy each time), `rows`, `dim`, `dtype`, `path`.
"""

import importlib.util
import json
import os
import random
import sys
import time

# A peer's file has the name of the package it imports.
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path = [folder for folder in sys.path if os.path.abspath(folder or ".") != HERE]

# As in child.rs.
TIME, LEAST, MOST, LONG = 1.2, 5, 25, 4.0


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
        # A real copy, made at once: one of the peers changes its input.
        return bytes(memoryview(self._bytes))

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


def row_of(peer, own):
    """How a peer reads a row: its own way, or out of the whole table."""
    whole = None

    def row_of_whole(opened, table, number, out):
        nonlocal whole
        if whole is None and not own:
            whole = room(table.rows * table.row_bytes)
        result = peer.decode(opened, table, whole)
        decoded = memoryview(whole if result is None else result).cast("B")
        out[:] = decoded[number * table.row_bytes : (number + 1) * table.row_bytes]

    return getattr(peer, "row", row_of_whole)


def room(size):
    """Memory that was written: the system gives pages when they are."""
    return bytearray(b"\1") * size


def repeated(prepare, work):
    """Times of as many runs as are worth their while."""
    seconds, begin = [], time.perf_counter()
    while len(seconds) < LEAST or (time.perf_counter() - begin < TIME and len(seconds) < MOST):
        prepare()
        seconds.append(timed(work)[1])
        if time.perf_counter() - begin > LONG:
            break
    return seconds


def encode(peer, setting, table, path):
    little = table.beginning(path + ".beginning")
    little.given = little.bytes
    peer.encode(setting, little)
    os.remove(little.path)

    def prepare():
        table.given = None
        table.given = table.bytes

    prepare()
    before = memory_start()
    encoded, first = timed(peer.encode, setting, table)
    extra = memory_extra(before)
    # The first run asked the system for memory; others find it.
    seconds = [first] if first > LONG else repeated(prepare, lambda: peer.encode(setting, table))
    size = getattr(peer, "store", store)(encoded, path)
    about = {"version": peer.VERSION, "means": peer.MEANS[setting]}
    return about | {"bytes": size, "seconds": seconds, "extra_bytes": extra}


def decode(peer, setting, table, path):
    opened = getattr(peer, "load", load)(setting, path, table)
    own = setting not in getattr(peer, "INTO", ())
    before = memory_start()
    out = None if own else room(table.rows * table.row_bytes)
    result = peer.decode(opened, table, out)
    extra = memory_extra(before)
    table.check(result if own else out)
    del result
    seconds = repeated(lambda: None, lambda: peer.decode(opened, table, out))
    row, one = row_of(peer, own), room(table.row_bytes)
    numbers, rows, begin = random.Random(11), [], None
    while len(rows) < LEAST or (time.perf_counter() - begin < TIME / 2 and len(rows) < 400):
        number = numbers.randrange(table.rows)
        result, took = timed(row, opened, table, number, one)
        table.check(one if result is None else result, number * table.row_bytes, (number + 1) * table.row_bytes)
        del result
        if begin is None:
            # The first warms what others find.
            begin = time.perf_counter()
        else:
            rows.append(took)
    return {"seconds": seconds, "extra_bytes": extra, "row_seconds": rows, "own_memory": own}


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
