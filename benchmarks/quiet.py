"""Whether the machine has nothing else to do: what others compute in the meantime makes every figure worse."""

import os
import time
from pathlib import Path

BUSY_CORES = 0.25
"""More than this used by others, and figures are not to be trusted."""

_SAMPLE_S = 0.5
_STAT = Path("/proc/stat")
# Linux' USER_HZ.
_TICKS_PER_S = 100


def parse_busy_ticks(stat: str) -> int:
    """Ticks that all cores together were not idle (proc_stat(5): all fields of the first line but idle and iowait)."""
    user, nice, system, _idle, _iowait, *rest = map(int, stat.split("\n", 1)[0].split()[1:9])
    return user + nice + system + sum(rest)


def parse_stolen_ms(stat: str) -> int:
    """Time in which a core would have run, and the hypervisor did not let it (proc_stat(5): the eighth field of the first line)."""
    return int(stat.split("\n", 1)[0].split()[8]) * 1000 // _TICKS_PER_S


def stolen_ms() -> int:
    """The same, since the machine started. A tenth of a second at once is a p99 of its own."""
    return parse_stolen_ms(_STAT.read_text())


class IdleShare:
    """How much of all cores nobody has used since this was made."""

    def __init__(self) -> None:
        self._ticks, self._begun = parse_busy_ticks(_STAT.read_text()), time.monotonic()

    def __call__(self) -> float:
        """From 0 to 1; what the hypervisor kept counts as used."""
        busy = (parse_busy_ticks(_STAT.read_text()) - self._ticks) / _TICKS_PER_S
        all_cores = (os.cpu_count() or 1) * (time.monotonic() - self._begun)
        return max(0.0, 1 - busy / all_cores)


class QuietMachine:
    """Waits for a quiet machine, for ``patience_s`` in all at most."""

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self.busiest = 0.0
        """Cores that others used when we stopped waiting, the highest of all times."""

    def wait(self) -> None:
        """Return when others use less than `BUSY_CORES`, or patience is at its end."""
        begun = time.monotonic()
        while (busy := _busy_cores()) > BUSY_CORES and time.monotonic() - begun < self._patience_s:
            pass
        self._patience_s -= time.monotonic() - begun
        self.busiest = max(self.busiest, busy)


def _busy_cores() -> float:
    before, begun = parse_busy_ticks(_STAT.read_text()), time.monotonic()
    time.sleep(_SAMPLE_S)
    return (parse_busy_ticks(_STAT.read_text()) - before) / _TICKS_PER_S / (time.monotonic() - begun)
