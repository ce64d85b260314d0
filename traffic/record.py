"""What becomes of the requests, counted while they run."""

from collections import Counter
from dataclasses import dataclass, field

from traffic.histogram import Histogram


@dataclass
class OperationRecord:
    """One operation of the mix."""

    latency: Histogram = field(default_factory=Histogram)
    """From when a request was due to the end of its answer."""
    service: Histogram = field(default_factory=Histogram)
    """From when it was sent."""
    requests: int = 0
    """How many came to an end, well or not."""
    errors: Counter[str] = field(default_factory=Counter)
    """By kind."""
    examples: dict[str, str] = field(default_factory=dict)
    """The first error of each kind: the request, and the answer's words."""


@dataclass
class Window:
    """What happened since a line of progress was shown."""

    requests: int = 0
    errors: int = 0
    latency: Histogram = field(default_factory=Histogram)


class Record:
    """All operations of one load. Times are seconds from its start."""

    def __init__(self) -> None:
        self.operations: dict[str, OperationRecord] = {}
        self.lateness = Histogram()
        """How long after it was due each request was sent, in µs."""
        self.lag = Histogram()
        """How late timers of this program were, in µs: what a busy machine does to all figures."""
        self.last_sent_s = 0.0
        self.last_ended_s = 0.0
        self._window = Window()

    def sent(self, due_s: float, now_s: float) -> None:
        """A request is being sent."""
        self.lateness.record(_us(now_s - due_s))
        self.last_sent_s = max(self.last_sent_s, now_s)

    def ended(
        self,
        operation: str,
        due_s: float,
        sent_s: float,
        now_s: float,
        *,
        error: str | None = None,
        words: str = "",
        timed: bool = True,
    ) -> None:
        """A request has its answer, or will never have it; with ``timed`` the times mean something.

        (A connection that is refused at once is an error, and no fast answer.)
        """
        record = self.operations.setdefault(operation, OperationRecord())
        record.requests += 1
        self._window.requests += 1
        self.last_ended_s = max(self.last_ended_s, now_s)
        if error is not None:
            record.errors[error] += 1
            record.examples.setdefault(error, words)
            self._window.errors += 1
        if timed:
            latency_us = _us(now_s - due_s)
            record.latency.record(latency_us)
            record.service.record(_us(now_s - sent_s))
            self._window.latency.record(latency_us)

    def take_window(self) -> Window:
        """What happened since this was called last."""
        taken, self._window = self._window, Window()
        return taken


def _us(time_s: float) -> int:
    return round(time_s * 1e6)
