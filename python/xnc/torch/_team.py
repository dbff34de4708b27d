"""Threads that each unpack rows and multiply them, on torch's single-threaded loops.

Two pools that take turns, ours to unpack and torch's to multiply, wait for each other: the threads of torch keep a
core for a while after their work, and each turn is a point where all threads meet. In a team they meet once.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch

_LOCK = threading.Lock()
#: The team of this process, and of how many threads it is; threads do not come along into a forked one.
_team: tuple[int, int, ThreadPoolExecutor] | None = None


def each(work: Callable[[Any], None], items: Iterable[Any]) -> None:
    """Does `work` on every item, on as many threads as torch has."""
    threads = torch.get_num_threads()
    if threads == 1:
        for item in items:
            work(item)
        return
    # Taken one by one: a thread whose core something else runs on does less. A list's iterator gives each item once.
    left = iter(list(items))
    for done in [_members(threads).submit(_some, work, left) for _ in range(threads)]:
        done.result()


def _some(work: Callable[[Any], None], left: Iterable[Any]) -> None:
    # Results may go into tensors that were made in inference mode, which is each thread's own affair.
    with torch.inference_mode():
        for item in left:
            work(item)


def _members(threads: int) -> ThreadPoolExecutor:
    global _team
    with _LOCK:
        if _team is None or _team[:2] != (os.getpid(), threads):
            _team = os.getpid(), threads, _start(threads)
        return _team[2]


def _start(threads: int) -> ThreadPoolExecutor:
    all_there = threading.Barrier(threads + 1)

    def begin() -> None:
        # A thread's own number, but threads that torch has not seen yet take over the latest: it is put back.
        torch.set_num_threads(1)
        torch.get_num_threads()
        all_there.wait()

    members = ThreadPoolExecutor(threads, "xnc-head")
    for _ in range(threads):
        members.submit(begin)
    all_there.wait()
    torch.set_num_threads(threads)
    return members


def _forget() -> None:
    """In a forked process a lock that another thread held would stay held."""
    global _team, _LOCK
    _team, _LOCK = None, threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
