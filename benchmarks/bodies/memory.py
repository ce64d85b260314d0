"""Peak memory of tee and agent."""

import re
import threading
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.processes import Accounting, Groups
from capture.errors import UserError

_OURS = ("tee", "agent")
_EVERY_S = 0.1


def parse_pss_bytes(smaps_rollup: str) -> int:
    """``Pss`` of ``/proc/PID/smaps_rollup``; 0 when there is none (a process that just ended)."""
    match = re.search(r"^Pss:\s+(\d+) kB$", smaps_rollup, re.MULTILINE)
    return int(match[1]) * 1024 if match else 0


class PeakMemory:
    """Watches, for the time of a ``with`` block, those of ``groups`` that are a tee or an agent, called ``ROLE tee`` and so on."""

    def __init__(self, groups: Groups) -> None:
        self._groups = {name: pids for name, pids in groups.items() if name.split(" ")[-1] in _OURS}
        self._roles = {name.split(" ")[0] for name in self._groups}
        self._together = dict.fromkeys(self._roles, 0)
        self._peaks: dict[str, int] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="memory")

    def __enter__(self) -> Self:
        self._accounting = Accounting(self._groups)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()
        self._peaks = {name: usage.peak_bytes for name, usage in self._accounting.usage().items()}
        ended = [name for name, peak in self._peaks.items() if not peak]
        if ended and error is None:
            raise UserError(
                f"ended during the load: {', '.join(ended)}",
                hint="docker logs says why; it is a fault of ours",
            )

    def peaks_mb(self, role: str) -> dict[str, float]:
        """``VmHWM`` of each, by its name."""
        return {name: peak / 1e6 for name, peak in self._peaks.items() if name.startswith(f"{role} ")}

    def together_mb(self, role: str) -> float:
        """The highest sum of ``Pss`` that was seen."""
        return self._together[role] / 1e6 if role in self._together else 0.0

    def _watch(self) -> None:
        while not self._ended.wait(_EVERY_S):
            for role in self._roles:
                pids = (
                    pid for name, pids in self._groups.items() if name.startswith(f"{role} ") for pid in pids
                )
                self._together[role] = max(self._together[role], _pss_bytes(pids))


def _pss_bytes(pids: Iterable[int]) -> int:
    total = 0
    for pid in pids:
        try:
            total += parse_pss_bytes(Path(f"/proc/{pid}/smaps_rollup").read_text())
        except OSError:
            continue
    return total
