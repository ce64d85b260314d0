"""The histogram against the times themselves."""

import math

from hypothesis import given
from hypothesis import strategies as st

from traffic.histogram import Histogram

TIMES = st.lists(st.integers(0, 10_000_000_000), min_size=1, max_size=300)
PERCENTS = [0.1, 50, 90, 99, 99.9, 100]


def histogram_of(times: list[int]) -> Histogram:
    histogram = Histogram()
    for time_us in times:
        histogram.record(time_us)
    return histogram


def exact(times: list[int], percent: float) -> int:
    return sorted(times)[max(math.ceil(round(len(times) * percent / 100, 6)), 1) - 1]


@given(TIMES)
def test_percentiles_are_right_or_less_than_a_thousandth_too_much(times: list[int]) -> None:
    found = histogram_of(times).percentiles_us(PERCENTS)
    for percent, value in zip(PERCENTS, found, strict=True):
        assert exact(times, percent) <= value <= exact(times, percent) * 1.001
    assert found[-1] == max(times)


@given(TIMES, TIMES)
def test_two_added_are_as_one(some: list[int], others: list[int]) -> None:
    added = histogram_of(some)
    added.add(histogram_of(others))
    whole = histogram_of(some + others)
    assert (added.count, added.max_us, added.buckets) == (whole.count, whole.max_us, whole.buckets)


def test_a_small_one_in_full() -> None:
    histogram = histogram_of([3, 1, 2, 4, -7])
    assert histogram.percentiles_us([20, 40, 60, 80, 99]) == [0, 1, 2, 3, 4]
    assert histogram.count_from(3) == 2


def test_an_empty_one() -> None:
    assert Histogram().percentiles_us([50, 99]) == [0, 0]


def test_its_memory_has_a_bound() -> None:
    histogram = histogram_of(list(range(0, 50_000_000, 211)))
    assert len(histogram.buckets) < 2048 + 1024 * 16
