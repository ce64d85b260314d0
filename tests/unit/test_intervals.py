"""Intervals of the clock."""

import pytest

from agent.intervals import Intervals

HOUR = 3600.0


@pytest.mark.parametrize(
    ("now_s", "left_s"), [(10 * HOUR, 60.0), (10 * HOUR + 3590, 10.0), (10 * HOUR + 3599.5, 0.5)]
)
def test_the_wait_ends_with_the_interval(now_s: float, left_s: float) -> None:
    assert Intervals(HOUR).left_s(now_s) == pytest.approx(left_s)


def test_none_ends_without_intervals() -> None:
    none = Intervals(0)
    assert none.left_s(5.0) is None
    assert not none.passed(5.0)
    assert not none.passed(1e12)


def test_each_interval_passes_once() -> None:
    hours = Intervals(HOUR)
    times = [5 * HOUR, 5 * HOUR + 1, 6 * HOUR - 0.001, 6 * HOUR, 6 * HOUR, 9 * HOUR]
    assert [hours.passed(now_s) for now_s in times] == [True, False, False, True, False, True]


def test_a_clock_that_is_set_back_ends_no_interval() -> None:
    hours = Intervals(HOUR)
    assert hours.differ(5.9 * HOUR, 6 * HOUR)
    assert not hours.differ(5.1 * HOUR, 5.9 * HOUR)
    assert not hours.differ(6 * HOUR, 5.9 * HOUR)
