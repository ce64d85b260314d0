"""Medians over the rounds, ratios, and the comparison with the prototype."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.measure import Costs, Measured, ProcessCost


@dataclass(frozen=True)
class Summary:
    """Medians of one subject."""

    p50_ms: float
    p99_ms: float
    maximum: float | None
    """None: in most rounds no rate passed."""
    burst: float
    behind: float
    costs: dict[str, Costs]


@dataclass(frozen=True)
class Reference:
    """What the prototype reached on another machine, as ratios to what was measured beside it there."""

    of_haproxy: float = 20_500 / 75_000
    of_envoy: float = 20_500 / 18_000
    more_p50_ms: float = 0.5
    more_p99_ms: float = 1.1


@dataclass(frozen=True)
class Comparison:
    """One figure of ours beside the prototype's."""

    name: str
    ours: float
    reference: float
    higher_is_better: bool

    @property
    def holds(self) -> bool:
        """Whether ours is at least as good."""
        return self.ours >= self.reference if self.higher_is_better else self.ours <= self.reference


def summarise(rounds: Sequence[Measured]) -> Summary:
    """Medians over the rounds of one subject. A round in which no rate passed counts as a maximum of 0."""
    maximum = median(one.maximum or 0 for one in rounds)
    return Summary(
        p50_ms=median(one.latency.p50_ms for one in rounds),
        p99_ms=median(one.latency.p99_ms for one in rounds),
        maximum=maximum or None,
        burst=median(one.burst.rate for one in rounds),
        behind=median(one.burst.behind for one in rounds),
        costs={load: _costs([one.costs[load] for one in rounds]) for load in rounds[0].costs},
    )


def compare_here(ours: Summary, prototype: Summary | None) -> list[Comparison]:
    """Capture and mirror beside the prototype that was measured in the same run, if it was."""
    if prototype is None:
        return []
    return [
        Comparison("maximum, req/s", ours.maximum or 0, prototype.maximum or 0, higher_is_better=True),
        Comparison("p50, ms", ours.p50_ms, prototype.p50_ms, higher_is_better=False),
        Comparison("p99, ms", ours.p99_ms, prototype.p99_ms, higher_is_better=False),
    ]


def compare_elsewhere(
    ours: Summary, haproxy: Summary | None, envoy: Summary | None, reference: Reference
) -> list[Comparison]:
    """Capture and mirror beside the prototype's ratios of another machine, as far as there is something to compare with."""
    found = []
    if haproxy is not None:
        if haproxy.maximum:
            share = (ours.maximum or 0) / haproxy.maximum
            found.append(
                Comparison("maximum, of HAProxy alone", share, reference.of_haproxy, higher_is_better=True)
            )
        for name, mine, alone, allowed in (
            ("p50 over HAProxy alone, ms", ours.p50_ms, haproxy.p50_ms, reference.more_p50_ms),
            ("p99 over HAProxy alone, ms", ours.p99_ms, haproxy.p99_ms, reference.more_p99_ms),
        ):
            found.append(Comparison(name, mine - alone, allowed, higher_is_better=False))
    if envoy is not None and envoy.maximum:
        share = (ours.maximum or 0) / envoy.maximum
        found.append(
            Comparison("maximum, of Envoy's mirror", share, reference.of_envoy, higher_is_better=True)
        )
    return found


def _costs(rounds: Sequence[Costs]) -> Costs:
    names = dict.fromkeys(name for one in rounds for name in one)
    return {
        name: ProcessCost(
            median(one[name].cpu_us_per_request for one in rounds if name in one),
            max(one[name].peak_mb for one in rounds if name in one),
        )
        for name in names
    }
