"""The rule for a maximum: everything there within a second of the load's end, on the nodes and in the logs."""

from dataclasses import dataclass
from typing import Any, cast

import pytest

from benchmarks import completeness
from benchmarks.completeness import Completeness
from benchmarks.load import Load
from benchmarks.subject import Captured, Subject

REQUESTS = 100


@dataclass
class FakeNode:
    answered: int = 0


@dataclass
class FakeProxy:
    name: str = "primary"
    written: int = 7
    lost: int = 0
    in_files: int | None = None

    def captured(self) -> Captured:
        return Captured(self.written, self.lost)

    def lines(self) -> int:
        return self.written

    def counters(self) -> dict[str, int]:
        return {}

    def counters_now(self) -> None:
        return None

    def count_lines(self) -> int:
        return self.written if self.in_files is None else self.in_files


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.happens: list[tuple[float, Any]] = []

    def monotonic(self) -> float:
        # Asking takes its time too: nobody asks without end.
        self.now_s += 0.0001
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds
        while self.happens and self.happens[0][0] <= self.now_s:
            self.happens.pop(0)[1]()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(completeness, "time", made)
    return made


class Run:
    """A load on two nodes and a mirroring proxy."""

    def __init__(self, proxy: FakeProxy, *, mirrors: bool = True) -> None:
        self.primary = cast("Any", FakeNode(3))
        self.shadow = cast("Any", FakeNode(5))
        self.proxy = proxy
        subject = Subject(1, dict, mirrors=mirrors, proxies=(proxy,))
        self.completeness = Completeness(subject, self.primary, self.shadow)

    def outcome(self, clock: Clock) -> completeness.Outcome:
        return self.completeness.outcome(Load(REQUESTS, 50.0, clock.now_s))


def test_everything_there_at_once_passes(clock: Clock) -> None:
    run = Run(proxy := FakeProxy())
    run.primary.answered += REQUESTS
    run.shadow.answered += REQUESTS
    proxy.written += REQUESTS
    outcome = run.outcome(clock)
    assert outcome.passed
    assert (outcome.behind, outcome.missing) == (0, "")


@pytest.mark.parametrize(("late_s", "passed"), [(0.9, True), (1.1, False)])
def test_a_second_is_what_the_shadow_may_be_late(clock: Clock, late_s: float, passed: bool) -> None:
    run = Run(proxy := FakeProxy())
    run.primary.answered += REQUESTS
    run.shadow.answered += REQUESTS - 30
    proxy.written += REQUESTS

    def arrives() -> None:
        run.shadow.answered += 30

    clock.happens.append((clock.now_s + late_s, arrives))
    outcome = run.outcome(clock)
    assert outcome.behind == 30
    assert outcome.arrived_s == pytest.approx(late_s, abs=0.05)
    assert outcome.passed is passed


def test_what_never_arrives_is_said(clock: Clock) -> None:
    run = Run(FakeProxy())
    run.primary.answered += REQUESTS
    run.shadow.answered += REQUESTS - 1
    outcome = run.outcome(clock)
    assert not outcome.passed
    assert outcome.missing == f"nodes answered (100, 99) of {REQUESTS} requests"


@pytest.mark.parametrize(
    ("changed", "missing"),
    [
        ({"written": 7 + REQUESTS - 1}, "primary: 99 of 100 requests captured, 0 counted as lost"),
        ({"written": 7 + REQUESTS + 1}, "primary: 101 of 100 requests captured, 0 counted as lost"),
        ({"written": 7 + REQUESTS, "lost": 2}, "primary: 100 of 100 requests captured, 2 counted as lost"),
        ({"written": 7 + REQUESTS, "in_files": 106}, "primary: 106 lines in the files, 107 counted"),
    ],
)
def test_a_log_that_is_not_exactly_complete_does_not_pass(
    clock: Clock, changed: dict[str, int], missing: str
) -> None:
    run = Run(proxy := FakeProxy())
    run.primary.answered += REQUESTS
    run.shadow.answered += REQUESTS
    for name, value in changed.items():
        setattr(proxy, name, value)
    outcome = run.outcome(clock)
    assert not outcome.passed
    assert outcome.missing == missing


def test_without_a_mirror_nothing_is_asked_of_the_shadow(clock: Clock) -> None:
    run = Run(proxy := FakeProxy(), mirrors=False)
    run.primary.answered += REQUESTS
    proxy.written += REQUESTS
    outcome = run.outcome(clock)
    assert outcome.passed
    assert outcome.arrived_s == 0.0
