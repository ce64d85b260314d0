"""Whether processes have nothing to do: how "the work of the request before is finished" is told without asking them."""

import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from benchmarks.processes import Groups

# Longer than the longest pause that a working agent makes: it writes the lines of a tenth of a second at once.
_WINDOW_S = 0.12
_BUSY = 0.04


def run_ns(schedstat: str) -> int:
    """Time on a core, in ns, from ``/proc/PID/task/TID/schedstat``; 0 for a thread that has ended."""
    return int(schedstat.split(maxsplit=1)[0]) if schedstat.strip() else 0


def waits_for_nothing(stat: str) -> bool:
    """Whether a thread sleeps, by ``/proc/PID/task/TID/stat``: it neither runs, nor waits for a core (R) or the disk (D)."""
    return stat == "" or stat[stat.rindex(")") + 2] not in "RD"


def wait_idle(groups: Groups, timeout_s: float = 20) -> bool:
    """Return as soon as all processes together use less than 4 % of a core for 0.12 s, and sleep at the end of these.

    False: that was not within ``timeout_s``.
    """
    pids = frozenset().union(*groups.values())
    deadline = time.monotonic() + timeout_s
    before, since = _run_ns(pids), time.monotonic()
    while since < deadline:
        time.sleep(_WINDOW_S)
        now, at = _run_ns(pids), time.monotonic()
        # On a busy machine one may want to run, and not be given a core.
        if now - before < _BUSY * (at - since) * 1e9 and all(
            map(waits_for_nothing, _of_threads(pids, "stat"))
        ):
            return True
        before, since = now, at
    return False


def _run_ns(pids: Iterable[int]) -> int:
    return sum(map(run_ns, _of_threads(pids, "schedstat")))


def _of_threads(pids: Iterable[int], name: str) -> Iterator[str]:
    return (_read(path) for pid in pids for path in Path(f"/proc/{pid}/task").glob(f"*/{name}"))


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
