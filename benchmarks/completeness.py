"""The rule for a maximum: within a second of the load's end every request has arrived, and every capture log is complete."""

import time
from dataclasses import dataclass

from benchmarks.load import Load
from benchmarks.node import ClusterNode
from benchmarks.subject import Subject

DEADLINE_S = 1.0
"""How long after the end of the load everything has to be complete."""

_SETTLE_S = 60.0
_POLL_S = 0.005


@dataclass(frozen=True)
class Outcome:
    """What became of a load."""

    behind: int
    """Requests that the shadow's node had not answered when the load ended."""
    arrived_s: float | None
    """How long after the end all had arrived there; None: never. 0 without a mirror."""
    complete_s: float | None
    """How long after the end everything was complete; None: never."""
    missing: str = ""
    """What never became complete."""

    @property
    def passed(self) -> bool:
        """Whether the load counts."""
        return self.complete_s is not None and self.complete_s <= DEADLINE_S


class Completeness:
    """Made before a load; `outcome` after it says what became of it."""

    def __init__(self, subject: Subject, primary: ClusterNode, shadow: ClusterNode) -> None:
        self._subject = subject
        self._primary = primary
        self._shadow = shadow
        self._before = (primary.answered, shadow.answered)
        self._captured = [proxy.captured() for proxy in subject.proxies]

    def outcome(self, load: Load) -> Outcome:
        """Wait until everything is complete, or until nothing happens any more, or for a minute."""
        behind = load.requests - (self._shadow.answered - self._before[1]) if self._subject.mirrors else 0
        arrived = self._await_nodes(load)
        if arrived is None:
            answered = (self._primary.answered - self._before[0], self._shadow.answered - self._before[1])
            return Outcome(behind, None, None, f"nodes answered {answered} of {load.requests} requests")
        captured = self._await_captures(load)
        missing = self._missing_lines(load)
        if captured is None or missing:
            return Outcome(behind, arrived, None, missing)
        return Outcome(behind, arrived, max(arrived, captured))

    def _await_nodes(self, load: Load) -> float | None:
        """Until the nodes have answered every request; the primary's has by then but for its count."""
        expected = (load.requests, load.requests if self._subject.mirrors else 0)
        last, since = (-1, -1), time.monotonic()
        while time.monotonic() < load.ended + _SETTLE_S:
            answered = (self._primary.answered - self._before[0], self._shadow.answered - self._before[1])
            now = time.monotonic()
            if answered == expected:
                return max(0.0, now - load.ended) if self._subject.mirrors else 0.0
            if answered != last:
                last, since = answered, now
            elif now - since > 2 * DEADLINE_S:
                return None
            time.sleep(_POLL_S)
        return None

    def _await_captures(self, load: Load) -> float | None:
        latest = 0.0
        for proxy, before in zip(self._subject.proxies, self._captured, strict=True):
            last, since = -1, time.monotonic()
            while True:
                lines = proxy.lines() - before.lines
                # Where asking takes some 0.1 s (as an ordinary user) that is counted in.
                now = time.monotonic()
                if lines == load.requests:
                    latest = max(latest, now - load.ended)
                    break
                if lines != last:
                    last, since = lines, now
                elif now - since > 2 * DEADLINE_S:
                    return None
                time.sleep(_POLL_S)
        return latest

    def _missing_lines(self, load: Load) -> str:
        """Where files or counters disagree with the load: something was lost or doubled."""
        for proxy, before in zip(self._subject.proxies, self._captured, strict=True):
            now = proxy.captured()
            lines, lost = now.lines - before.lines, now.lost - before.lost
            if lines != load.requests or lost:
                return f"{proxy.name}: {lines} of {load.requests} requests captured, {lost} counted as lost"
            if (written := proxy.count_lines()) != now.lines:
                return f"{proxy.name}: {written} lines in the files, {now.lines} counted"
        return ""
