"""Modules of torch over compressed tables.

>>> table = xnc.open("model.xnc.safetensors")["model.embed_tokens.weight"]
>>> embedding = xnc.torch.Embedding(table)             # holds no parameter
>>> head = xnc.torch.Linear(table)                     # the tied head, from the same rows

Rows are looked up, and heads multiplied, on the CPU; what they give goes to the device of what came in.
"""

from __future__ import annotations

from ._modules import Embedding, Linear

__all__ = ["Embedding", "Linear"]
