"""When requests are due."""

import itertools
import random
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traffic.schedule import ARRIVALS, count_due, due_times

RATES = st.floats(min_value=0.1, max_value=5000)
DURATIONS = st.floats(min_value=0.01, max_value=2)


def times(arrivals: str, rate: float, duration_s: float, seed: int = 1) -> list[float]:
    return list(due_times(arrivals, rate, duration_s, random.Random(seed)))


@pytest.mark.parametrize(
    ("rate", "duration_s", "count"),
    [
        (500, 60, 30_000),
        (0.07, 100, 7),
        (0.1, 3, 1),
        (0.7, 10, 7),
        (3, 0.5, 2),
        (1e-3, 1000, 1),
        (0.001, 1, 1),
    ],
)
def test_as_many_as_rate_times_duration(rate: float, duration_s: float, count: int) -> None:
    assert count_due(rate, duration_s) == count
    assert {name: len(times(name, rate, duration_s)) for name in ARRIVALS} == dict.fromkeys(ARRIVALS, count)


@pytest.mark.parametrize("arrivals", ARRIVALS)
@given(rate=RATES, duration_s=DURATIONS, seed=st.integers())
def test_in_order_and_within_the_duration(arrivals: str, rate: float, duration_s: float, seed: int) -> None:
    found = times(arrivals, rate, duration_s, seed)
    assert len(found) == count_due(rate, duration_s)
    assert found == sorted(found)
    assert all(0 <= time_s < duration_s for time_s in found)


def test_constant_intervals() -> None:
    assert times("constant", 4, 1) == [0, 0.25, 0.5, 0.75]


def test_poisson_arrivals_are_memoryless_and_of_the_seed() -> None:
    found = times("poisson", 100, 100)
    gaps = [later - earlier for earlier, later in itertools.pairwise(found)]
    # An exponential distribution's deviation is its mean.
    assert statistics.mean(gaps) == pytest.approx(0.01, rel=0.05)
    assert statistics.stdev(gaps) == pytest.approx(0.01, rel=0.05)
    # And no half of the time has more than its share.
    assert sum(time_s < 50 for time_s in found) == pytest.approx(5000, rel=0.05)
    # A single arrival is anywhere alike.
    assert statistics.mean(times("poisson", 1, 1, seed)[0] for seed in range(2000)) == pytest.approx(
        0.5, abs=0.03
    )
    assert times("poisson", 100, 100) == found
    assert times("poisson", 100, 100, seed=2) != found
