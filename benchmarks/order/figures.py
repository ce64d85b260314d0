"""What the recorded times come to. No I/O."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from benchmarks.latency import percentile
from benchmarks.order.recording import Span, Spans

_S = 1_000_000_000


@dataclass(frozen=True)
class Seconds:
    """A time, or the least that it can be."""

    value: float
    at_least: bool = False

    def __str__(self) -> str:
        return f"{'>' if self.at_least else ''}{self.value:.2f}"


@dataclass(frozen=True)
class Lags:
    """How much later the shadow was done with requests than the primary."""

    p50: Seconds
    p99: Seconds
    largest: Seconds


@dataclass(frozen=True)
class AtOnce:
    """Requests that were under way at the same time."""

    most: int
    mean: float
    """Weighted by time."""


def lags(primary: Spans, shadow: Spans, now_ns: int) -> Lags:
    """Of all requests that the primary has answered. What the shadow is not done with ``now`` will be at least so late."""
    done: list[float] = []
    missing: list[float] = []
    for number, span in primary.items():
        if span.answered_ns is not None:
            at_ns = answered_ns(shadow, number)
            (missing if at_ns is None else done).append(((at_ns or now_ns) - span.answered_ns) / _S)
    ordered = sorted(done + missing)
    if not ordered:
        return Lags(Seconds(0), Seconds(0), Seconds(0))
    # From the least of those on that are still to grow, any may change its place.
    certain_below = min(missing, default=float("inf"))
    p50, p99, largest = (percentile(ordered, percent) for percent in (50, 99, 100))
    return Lags(
        Seconds(p50, p50 >= certain_below),
        Seconds(p99, p99 >= certain_below),
        Seconds(largest, bool(missing)),
    )


def backlog(primary: Spans, shadow: Spans, at_ns: int) -> int:
    """Requests that the primary had answered at a time, and the shadow had not."""
    return sum(
        1 for number, span in primary.items() if _before(span.answered_ns, at_ns)
        and not _before(answered_ns(shadow, number), at_ns)
    )  # fmt: skip


def missing(primary: Spans, shadow: Spans) -> list[int]:
    """The numbers of those that the primary has answered, and the shadow has not."""
    return [
        number
        for number, span in primary.items()
        if span.answered_ns is not None and answered_ns(shadow, number) is None
    ]


def done_after(primary: Spans, shadow: Spans, ended_ns: int, now_ns: int) -> Seconds:
    """How long after the end of the load the shadow was done with all that the primary has answered."""
    left = missing(primary, shadow)
    last_ns = max((answered_ns(shadow, number) or 0 for number in primary), default=0)
    return Seconds(max(0.0, ((now_ns if left else last_ns) - ended_ns) / _S), bool(left))


def arrived(spans: Iterable[Span], since_ns: int, until_ns: int) -> float:
    """Requests a second that came between two times."""
    return sum(since_ns <= span.arrived_ns < until_ns for span in spans) * _S / (until_ns - since_ns)


def at_once(spans: Iterable[Span], since_ns: int, until_ns: int) -> AtOnce:
    """The most at any time, and the mean from ``since_ns`` until ``until_ns``. What has no answer is under way until then at least."""
    events: list[tuple[int, int]] = []
    total_ns = 0
    for span in spans:
        events.append((span.arrived_ns, 1))
        if span.answered_ns is not None:
            events.append((span.answered_ns, -1))
        end_ns = until_ns if span.answered_ns is None else min(span.answered_ns, until_ns)
        total_ns += max(0, end_ns - max(span.arrived_ns, since_ns))
    most = now = 0
    # At the same nanosecond ends come first.
    for _, change in sorted(events):
        now += change
        most = max(most, now)
    return AtOnce(most, total_ns / (until_ns - since_ns) if until_ns > since_ns else 0.0)


def without(spans: Spans, numbers: Collection[int]) -> dict[int, Span]:
    """All but those of these numbers."""
    return {number: span for number, span in spans.items() if number not in numbers}


def answered_ns(spans: Spans, number: int) -> int | None:
    """When the request was answered; None: it was not, or never came."""
    span = spans.get(number)
    return None if span is None else span.answered_ns


def _before(at_ns: int | None, than_ns: int) -> bool:
    return at_ns is not None and at_ns <= than_ns
