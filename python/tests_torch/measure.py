"""The numbers that docs/python.md tells. On a machine with nothing else to do:

    .tools/transformers-newest/bin/python python/tests_torch/measure.py [MODEL..]
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import real

import xnc

IDS = 512
EXAMPLE = Path(__file__).parents[1] / "examples/generate.py"


def median_us(work: Callable[[int], object]) -> float:
    """Microseconds of the middle one of many calls."""
    times = []
    for turn in range(500):
        start = time.perf_counter()
        work(turn)
        times.append(time.perf_counter() - start)
    return 1e6 * statistics.median(times)


def rows(path: Path) -> None:
    """`Table.rows` against the library's gather, called as directly as can be."""
    (table,) = xnc.open(path).values()
    sets = np.random.default_rng(1).integers(0, table.shape[0], (500, IDS))
    out = np.empty((IDS, table.shape[1]), np.uint16)
    core, flat = table._alive(), out.reshape(-1)
    ways = {
        "gather": lambda turn: core.gather(sets[turn], flat),
        "rows(array, out=)": lambda turn: table.rows(sets[turn], out=out),
        "rows(list, out=)": lambda turn, lists=sets.tolist(): table.rows(lists[turn], out=out),
    }
    # The first turn finds pages and checksums.
    found = {name: [median_us(way) for _ in range(4)][1:] for name, way in ways.items()}
    for name, times in found.items():
        ratio = statistics.median(times) / statistics.median(found["gather"])
        print(f"{name}: {statistics.median(times):.1f} us for {IDS} ids, {ratio:.2f} times gather")


def importing() -> None:
    """What `import xnc` takes beyond NumPy's own import."""
    script = "import time, numpy; start = time.perf_counter(); import xnc; print(time.perf_counter() - start)"
    times = [float(subprocess.check_output([sys.executable, "-c", script])) for _ in range(7)]
    print(f"import: {1e3 * statistics.median(times):.1f} ms beyond NumPy's")


PAIRS = 4


def models(names: list[str]) -> None:
    """Time, memory and loading of real models, plain and compressed: medians of some pairs of processes."""
    with tempfile.TemporaryDirectory() as scratch:
        for name in names:
            folder = real.make(name, Path(scratch) / name)
            for mode in ("exact", "fast"):
                command = [sys.executable, EXAMPLE, folder, "--mode", mode, "--json", "--prompt", ""]
                pairs = [json.loads(subprocess.check_output(command)) for _ in range(PAIRS)]

                def median(what: Callable[[dict[str, Any]], float], pairs: list[Any] = pairs) -> float:
                    return statistics.median(what(pair) for pair in pairs)

                def saved(pair: dict[str, Any]) -> float:
                    plain, small = (sum(pair[way]["resident"].values()) for way in ("plain", "compressed"))
                    return (plain - small) / pair["saved_bytes"]

                small, plain = (
                    {what: median(lambda pair: pair[way][what]) for what in ("generate_s", "load_s")}
                    for way in ("compressed", "plain")
                )
                print(
                    f"{name}, {mode}: same tokens {all(pair['same_tokens'] for pair in pairs)}, "
                    f"same logits {all(pair['same_logits'] for pair in pairs)}; "
                    f"34 tokens {small['generate_s']:.2f} s, {small['generate_s'] / plain['generate_s']:.2f} of plain; "
                    f"load {small['load_s']:.2f} s, plain {plain['load_s']:.2f} s; "
                    f"resident less by {median(saved):.2f} of the {pairs[0]['saved_bytes'] / 1e6:.0f} MB saved",
                    flush=True,
                )


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "table.xnc.safetensors"
        xnc.compress(real.data() / "SmolLM2-135M.bf16.safetensors", path)
        rows(path)
    importing()
    models(sys.argv[1:] or list(real.MODELS))


if __name__ == "__main__":
    main()
