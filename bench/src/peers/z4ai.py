"""z4ai: planes under zstd, or the smallest of several coders."""

import z4ai

VERSION = f"z4ai {z4ai.__version__}"
MEANS = {"default": "default", "best": "effort max"}
INTO = tuple(MEANS)


def encode(setting, table):
    kind = {"BF16": "bf16", "F16": "fp16"}[table.dtype]
    effort = "max" if setting == "best" else None
    return z4ai.compress(table.given, dtype=kind, threads=1, effort=effort)


def decode(opened, table, out):
    z4ai.decompress(opened, out=out)
