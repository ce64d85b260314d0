"""Everything that is measured of one subject in one round."""

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.completeness import Completeness, Outcome
from benchmarks.load import Latency, Load, closed_loop, latency, paced
from benchmarks.node import ClusterNode
from benchmarks.processes import Accounting
from benchmarks.search import RateSearch, Trial
from benchmarks.subject import Subject

_FIRST_REQUESTS = 16_000


@dataclass(frozen=True)
class Durations:
    """Seconds that the parts of a measurement take."""

    latency_s: int = 6
    load_s: float = 5
    """A burst and every trial. Shorter is kinder: what the last second allows to be late is a larger part of it."""
    trials: int = 6


QUICK = Durations(latency_s=3, load_s=4, trials=4)
"""For a first look."""


@dataclass(frozen=True)
class ProcessCost:
    """What a process (or its like) used in a load."""

    cpu_us_per_request: float
    peak_mb: float


Costs = dict[str, ProcessCost]


@dataclass(frozen=True)
class Burst:
    """A closed loop: 32 connections as fast as they can."""

    rate: float
    behind: int
    """Requests that had not arrived on the shadow's side when the load ended."""
    arrived_s: float | None
    """How long after the end they had; None: never."""
    complete: bool
    """Whether it passes the rule for a maximum."""


@dataclass(frozen=True)
class Measured:
    """The figures of one subject in one round. ``costs`` by load ("latency", "maximum") and process."""

    latency: Latency
    burst: Burst
    maximum: float | None
    """The highest rate that passed; None: none did."""
    trials: tuple[Trial, ...]
    costs: dict[str, Costs]


@dataclass(frozen=True)
class Bench:
    """Where subjects are measured: the two nodes behind all of them."""

    primary: ClusterNode
    shadow: ClusterNode
    durations: Durations
    progress: Callable[[str], None]

    def measure(self, subject: Subject, guess: float | None) -> Measured:
        """Latency at a low rate, a burst, and the highest rate that passes. ``guess``: what that was in an earlier round."""
        seconds = self.durations
        milliseconds: list[Latency] = []

        def low_rate() -> Load:
            result, load = latency(subject.url, seconds.latency_s)
            milliseconds.append(result)
            return load

        # Warms up, and tells how many requests a burst takes.
        first, _, _ = self._run(subject, lambda: closed_loop(subject.url, _FIRST_REQUESTS))
        _, _, low_costs = self._run(subject, low_rate)
        requests = int(first.rate * seconds.load_s)
        load, outcome, costs = self._run(subject, lambda: closed_loop(subject.url, requests))
        self.progress(f"    closed loop {load.rate:,.0f} req/s, {_when(outcome)}")
        burst = Burst(load.rate, outcome.behind, outcome.arrived_s, outcome.passed)
        trials: list[Trial] = []
        if outcome.passed:
            maximum: float | None = load.rate
        else:
            # The rate at which the whole of the burst was worked off is a good first guess.
            worked_off = load.requests / (load.requests / load.rate + (outcome.arrived_s or 0))
            search = RateSearch(guess or worked_off, load.rate, trials=seconds.trials)
            while (rate := search.next_rate()) is not None:
                trial, trial_costs = self._trial(subject, rate)
                trials.append(trial)
                search.record(trial)
                if search.best is trial:
                    costs = trial_costs
            maximum = search.best.achieved if search.best is not None else None
        return Measured(
            milliseconds[0], burst, maximum, tuple(trials), {"latency": low_costs, "maximum": costs}
        )

    def burst(self, subject: Subject) -> float:
        """The rate of a burst that passes, else the rate at which its requests were worked off."""
        first, _, _ = self._run(subject, lambda: closed_loop(subject.url, _FIRST_REQUESTS))
        requests = int(first.rate * self.durations.load_s)
        load, outcome, _ = self._run(subject, lambda: closed_loop(subject.url, requests))
        return load.rate if outcome.passed else requests / (requests / load.rate + (outcome.arrived_s or 60))

    def _trial(self, subject: Subject, rate: float) -> tuple[Trial, Costs]:
        load, outcome, costs = self._run(subject, lambda: paced(subject.url, rate, self.durations.load_s))
        trial = Trial(rate, load.rate, outcome.passed)
        self.progress(f"    {rate:,.0f} req/s asked, {load.rate:,.0f} achieved, {_when(outcome)}")
        return trial, costs

    def _run(self, subject: Subject, run: Callable[[], Load]) -> tuple[Load, Outcome, Costs]:
        nodes = {"primary node": self.primary.processes, "shadow node": self.shadow.processes}
        completeness = Completeness(subject, self.primary, self.shadow)
        accounting = Accounting({**subject.processes(), **nodes})
        load = run()
        outcome = completeness.outcome(load)
        # Work after the end of the load is part of the cost.
        costs = {
            name: ProcessCost(usage.cpu_s * 1e6 / load.requests, usage.peak_bytes / 1e6)
            for name, usage in accounting.usage().items()
        }
        return load, outcome, costs


def _when(outcome: Outcome) -> str:
    if outcome.complete_s is None:
        return f"never complete: {outcome.missing}"
    return f"complete {outcome.complete_s:.1f} s after"
