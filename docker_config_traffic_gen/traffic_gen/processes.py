"""The processes that OpenSearch Benchmark starts, and their end.

It is a tree of actors, each a process that puts itself into a session of its own and may outlive who started it; a signal to the
first one leaves the others running. Whoever loses its parent becomes ours, as process 1 or as the subreaper, so nothing escapes.
"""

import contextlib
import ctypes
import os
import signal
from collections.abc import Iterable
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans() -> None:
    """Be the parent of every descendant that loses its own; process 1 is that anyway (``docker run --init`` makes us another)."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_descendants() -> None:
    """End every process that descends from this one, at once, and reap them."""
    while found := descendants(os.getpid(), _parents()):
        for process in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        # What a dying process still managed to start is found by the next turn.
        with contextlib.suppress(ChildProcessError):
            os.waitpid(-1, 0)


def descendants(ancestor: int, parents: Iterable[tuple[int, int]]) -> list[int]:
    """Who descends from ``ancestor``, given (process, parent) of all."""
    children: dict[int, list[int]] = {}
    for process, parent in parents:
        children.setdefault(parent, []).append(process)
    found: list[int] = []
    waiting = [ancestor]
    while waiting:
        new = children.pop(waiting.pop(), [])
        found += new
        waiting += new
    return found


def _parents() -> list[tuple[int, int]]:
    pairs = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                # The name, in parentheses, may hold anything (proc(5)).
                rest = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()
                pairs.append((int(folder.name), int(rest[1])))
    return pairs
