"""What a load has shown, as values."""

import math
from dataclasses import dataclass
from typing import Any

from traffic.histogram import Histogram
from traffic.record import OperationRecord, Record
from traffic.settings import TrafficSettings

PERCENTS = (50.0, 90.0, 99.0, 99.9)

# A request counts as late when it was sent so long after it was due.
LATE_US = 10_000
# The rate was kept when so much of it was reached.
_KEPT = 0.97


@dataclass(frozen=True)
class Times:
    """Percentiles in ms; 0 when there is nothing."""

    count: int
    percentiles: dict[float, float]
    max: float


@dataclass(frozen=True)
class OperationResult:
    """One operation, or all of them."""

    requests: int
    errors: dict[str, int]
    examples: dict[str, str]
    """The first error of each kind."""
    latency_ms: Times
    """From when requests were due."""
    service_ms: Times
    """From when they were sent."""

    @property
    def failed(self) -> int:
        """How many requests ended in an error."""
        return sum(self.errors.values())


@dataclass(frozen=True)
class Results:
    """One load."""

    settings: TrafficSettings
    operations: dict[str, OperationResult]
    """In the order of the mix."""
    all: OperationResult
    sent: int
    seconds: float
    """From the start to the end of the last answer."""
    last_sent_s: float
    late: int
    """How many were sent more than 10 ms after they were due."""
    latest_ms: float
    """By how much the latest one."""
    lag_ms: float
    """How late timers of this program were, at the 90th percentile."""
    cpu: float
    """How busy this program was, as a part of one core."""
    signal: int | None = None
    """What broke it off, if anything."""
    left: str = ""
    """Why the index is still there, though it was to be removed."""

    @property
    def unsent(self) -> int:
        """How many were given up before they were sent, since all before them had not come through in time."""
        return 0 if self.signal else self.settings.due - self.sent

    @property
    def rate_reached(self) -> float:
        """Requests per second that were sent, over the time in which they were due, or as long as it really took."""
        over_s = self.last_sent_s if self.signal else max(self.settings.duration_s, self.last_sent_s)
        return self.sent / over_s if over_s else 0.0

    @property
    def kept(self) -> bool:
        """Whether the rate was reached, to 3 %; of a load that was interrupted, until its last request."""
        if self.signal:
            due = self.settings.rate * self.last_sent_s
            # The duration has as many Poisson arrivals as it should, a part of it may have fewer: three standard deviations.
            chance = 3 * math.sqrt(due) if self.settings.arrivals == "poisson" else 0.0
            return self.sent >= due * _KEPT - chance
        return self.unsent == 0 and self.last_sent_s * _KEPT <= self.settings.duration_s

    @property
    def failed(self) -> bool:
        """Whether a request ended in an error, or was never sent."""
        return self.all.failed > 0 or self.unsent > 0

    def as_json(self) -> dict[str, Any]:
        """For programs; times in ms unless their names say otherwise."""
        settings = self.settings
        return {
            "target": settings.target.url,
            "index": settings.index,
            "mix": settings.mix.weights,
            "arrivals": settings.arrivals,
            "seed": settings.seed,
            "connections": settings.connections,
            "rate": {"asked": settings.rate, "reached": round(self.rate_reached, 2), "kept": self.kept},
            "duration_s": settings.duration_s,
            "seconds": round(self.seconds, 3),
            "requests": {
                "due": settings.due,
                "sent": self.sent,
                "answered": self.all.requests,
                "failed": self.all.failed,
                "unsent": self.unsent,
                "late": self.late,
            },
            "latest_ms": self.latest_ms,
            "lag_ms": self.lag_ms,
            "cpu": round(self.cpu, 3),
            "interrupted": self.signal is not None,
            "all": _json(self.all),
            "operations": {name: _json(result) for name, result in self.operations.items()},
        }


def results_of(
    settings: TrafficSettings, record: Record, *, cpu_s: float, signal: int | None = None
) -> Results:
    """What ``record`` has, which ``cpu_s`` seconds of a core were spent on."""
    everything = OperationRecord()
    for each in record.operations.values():
        everything.requests += each.requests
        everything.errors.update(each.errors)
        everything.examples = each.examples | everything.examples
        everything.latency.add(each.latency)
        everything.service.add(each.service)
    seconds = max(record.last_ended_s, record.last_sent_s)
    return Results(
        settings,
        {
            name: _result(record.operations[name])
            for name in settings.mix.weights
            if name in record.operations
        },
        _result(everything),
        sent=record.lateness.count,
        seconds=seconds,
        last_sent_s=record.last_sent_s,
        late=record.lateness.count_from(LATE_US),
        latest_ms=record.lateness.max_us / 1000,
        lag_ms=record.lag.percentiles_us([90])[0] / 1000,
        cpu=cpu_s / seconds if seconds else 0.0,
        signal=signal,
    )


def _result(record: OperationRecord) -> OperationResult:
    return OperationResult(
        record.requests,
        dict(record.errors.most_common()),
        record.examples,
        _times(record.latency),
        _times(record.service),
    )


def _times(histogram: Histogram) -> Times:
    values = (value / 1000 for value in histogram.percentiles_us(PERCENTS))
    return Times(histogram.count, dict(zip(PERCENTS, values, strict=True)), histogram.max_us / 1000)


def _json(result: OperationResult) -> dict[str, Any]:
    return {
        "requests": result.requests,
        "errors": result.errors,
        "examples": result.examples,
        "latency_ms": _json_times(result.latency_ms),
        "service_ms": _json_times(result.service_ms),
    }


def _json_times(times: Times) -> dict[str, float]:
    return {
        "count": times.count,
        **{f"p{percent:g}": value for percent, value in times.percentiles.items()},
        "max": times.max,
    }
