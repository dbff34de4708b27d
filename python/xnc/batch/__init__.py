"""Many files and model folders at once: on the cores of a machine, or on a Ray cluster; local, or in an object store.

>>> plan = xnc.batch.plan("s3://bucket/models")           # results go to s3://bucket/models.xnc
>>> plan.summary["estimated_saved_bytes"]
>>> results = xnc.batch.run(plan, on="local", results="results.jsonl")
>>> xnc.batch.report("results.jsonl", price=0.023)["failures"]

Every item is a file, or the end of a model folder, done by one worker alone; a folder's record is written last.
Whatever is killed, running the plan again finishes the rest. ``verb="restore"`` and ``verb="verify"`` plan the way
back. The command ``xnc-batch`` does the same. ``docs/batch.md`` in the repository says how it scales.
"""

from __future__ import annotations

from . import errors
from ._plan import Plan
from ._planning import plan
from ._report import report
from ._run import run

__all__ = ["Plan", "errors", "plan", "report", "run"]
