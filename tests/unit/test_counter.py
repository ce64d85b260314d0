"""HAProxy's 32-bit counter as a number that only grows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.counter import Counter

WRAP = 1 << 32
SECOND = 1_000_000


@given(st.integers(0, WRAP - 1), st.lists(st.integers(1, 1 << 20), max_size=30))
def test_numbers_grow_as_the_counter_does_across_the_wrap(start: int, steps: list[int]) -> None:
    counter = Counter()
    first = counter.number(start, 0)
    total = 0
    for step in steps:
        total += step
        assert counter.number((start + total) % WRAP, 0) - first == total


@given(st.integers(0, WRAP - 1), st.lists(st.integers(-500, 500), min_size=1, max_size=50))
def test_what_comes_late_has_the_number_that_it_had(start: int, offsets: list[int]) -> None:
    counter = Counter()
    first = counter.number(start, 0)
    for offset in offsets:
        assert counter.number((start + offset) % WRAP, 0) - first == offset


def test_what_an_earlier_run_left_comes_first() -> None:
    counter = Counter()
    counter.begin_behind(7)
    # Up to 1,024 lines may have overtaken the first one.
    assert counter.number(5000, 0) == 7 + 1024
    assert counter.number(5000 - 1023, 0) == 8


@pytest.mark.parametrize("reached", [5000, WRAP // 2 - 5, WRAP // 2 + 5, WRAP - (1 << 30)])
def test_a_counter_that_went_back_to_zero_counts_on(reached: int) -> None:
    counter = Counter()
    before = counter.number(reached, 10 * SECOND)
    # 40 answers were given before the first line that is read.
    assert counter.number(40, 20 * SECOND) == before + 40
    assert counter.number(41, 20 * SECOND) == before + 41
    assert counter.number(3, 19 * SECOND) == before + 3
    # A line of before, whose client took its time.
    assert counter.number(reached - 10, 5 * SECOND) == before - 10


def test_a_slow_clients_old_value_is_not_a_counter_that_went_back() -> None:
    counter = Counter()
    now = counter.number(50_000, 100 * SECOND)
    assert counter.number(10, 3 * SECOND) == now - 49_990
    # The threads of HAProxy read counter and clock one after the other.
    assert counter.number(49_800, 102 * SECOND) == now - 200
    assert counter.number(50_001, 103 * SECOND) == now + 1


def test_a_clock_that_was_set_back_is_not_a_counter_that_went_back() -> None:
    counter = Counter()
    now = counter.number(50_000, 3600 * SECOND)
    assert counter.number(60_000, 10 * SECOND) == now + 10_000
    assert counter.number(60_001, 20 * SECOND) == now + 10_001
    assert counter.number(50_500, 30 * SECOND) == now + 500
