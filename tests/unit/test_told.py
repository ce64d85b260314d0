"""Which completions the agent has been told: numbers, holes, jumps, wraps, resets."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent import given_up
from agent.told import Told

WRAP = 1 << 32


def give_up(told: Told, *, after: int = 100, now: int = 0) -> bool:
    """Let ``after`` pass from now; whether holes were given up at its end."""
    told.give_up_missing(now, 100)
    return told.give_up_missing(now + after, 100)


@given(
    st.integers(0, 2**32),
    st.integers(1, 60),
    st.sampled_from((0, 1, 1000, 5000, WRAP - 40, WRAP - 2)),
)
def test_lines_in_any_order_get_the_numbers_of_their_answers(seed: int, count: int, start: int) -> None:
    chance = random.Random(seed)
    told = Told()
    told.arrive(start)
    first = min(start, 1024) + 1
    counters = [(start + 1 + n, first + n) for n in range(count)]
    chance.shuffle(counters)
    for counter, number in counters:
        known = chance.randint(start, counter - 1)
        assert told.arrive(known % WRAP) == known - start + first - 1
        assert told.complete(counter % WRAP) == number
        assert told.complete(counter % WRAP) == 0
    assert told.up_to == (count if start == 0 else 0)
    # What an agent before this one was told, if there was one: it won't come.
    assert give_up(told) == (start > 0)
    assert told.up_to == told.latest == first + count - 1
    assert told.missing == 0


def test_all_up_to_a_number_are_told_when_the_last_of_them_is() -> None:
    told = Told()
    told.arrive(0)
    told.complete(3)
    told.complete(2)
    assert told.up_to == 0
    told.complete(1)
    assert told.up_to == 3


def test_a_completion_that_is_not_told_of_holds_the_rest_for_a_while_only() -> None:
    told = Told()
    told.arrive(0)
    told.complete(1)
    told.complete(3)
    assert not told.give_up_missing(10, 100)
    assert not told.give_up_missing(109, 100)
    assert told.up_to == 1
    assert told.give_up_missing(110, 100)
    assert told.up_to == 3
    assert told.missing == 1
    # Told at last, once.
    assert told.complete(2) == 2
    assert told.complete(2) == 0
    assert (told.up_to, told.missing) == (3, 1)


@pytest.mark.parametrize("again", [1, 3, 4, 6])
def test_what_was_told_in_time_is_told_once_whatever_was_given_up_beside_it(again: int) -> None:
    told = Told()
    told.arrive(0)
    for counter in (1, 3, 4, 6):
        told.complete(counter)
    assert give_up(told)
    assert told.complete(again) == 0
    assert [told.complete(counter) for counter in (5, 2, 5, 2)] == [5, 2, 0, 0]
    assert not len(told._given_up)


@given(st.integers(0, 2**32), st.integers(1, 40))
def test_each_number_is_told_once_whenever_it_is_given_up(seed: int, count: int) -> None:
    chance = random.Random(seed)
    told = Told()
    told.arrive(0)
    open_numbers = set(range(1, count + 1))
    for now in range(0, 1000, 100):
        counter = chance.randint(1, count)
        assert told.complete(counter) == (counter if counter in open_numbers else 0)
        open_numbers.discard(counter)
        if chance.random() < 0.5:
            give_up(told, now=now)
    told.arrive(count)
    give_up(told, now=2000)
    assert len(told._given_up) <= len(open_numbers)
    for counter in range(count + 1):
        assert told.complete(counter) == (counter if counter in open_numbers else 0)
    assert not len(told._given_up)


def test_of_given_up_numbers_the_oldest_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(given_up, "_MAX_RANGES", 3)
    told = Told()
    told.arrive(0)
    for counter in range(2, 12, 2):
        told.complete(counter)
    assert give_up(told)
    assert len(told._given_up) == 3
    assert [told.complete(counter) for counter in (1, 3, 5, 7, 9)] == [0, 0, 5, 7, 9]
    told.arrive(100)
    assert give_up(told, now=1000)
    # Each of these parts a range.
    assert [told.complete(counter) for counter in (20, 40, 60, 80)] == [20, 40, 60, 80]
    assert len(told._given_up) == 3
    assert [told.complete(counter) for counter in (11, 39, 41, 90)] == [0, 0, 41, 90]


def test_the_lines_of_before_the_first_one_are_told_when_they_come() -> None:
    told = Told()
    told.arrive(5000)
    assert give_up(told)
    assert told.complete(4000) == 24
    assert told.complete(4000) == 0
    # Before all that may still be on its way.
    assert told.complete(3000) == 0
    assert told.missing == 0


def test_holes_are_given_up_together() -> None:
    told = Told()
    told.arrive(0)
    for counter in range(1, 401, 2):
        told.complete(counter)
    waits_for = told.arrive(400)
    told.give_up_missing(0, 100)
    assert told.up_to == 1
    assert told.give_up_missing(100, 100)
    assert told.up_to == waits_for
    assert told.missing == 200


def test_the_wait_for_a_hole_counts_from_when_its_number_is_known_to_be_given() -> None:
    told = Told()
    told.arrive(0)
    told.complete(1)
    told.complete(3)
    told.give_up_missing(0, 100)
    # Number 4 is a hole from now on, though 2 is what holds the rest.
    told.complete(5)
    told.give_up_missing(50, 100)
    assert told.give_up_missing(100, 100)
    assert told.up_to == 3
    assert told.give_up_missing(150, 100)
    assert told.up_to == 5
    assert told.missing == 2


def test_one_hole_a_second_holds_the_shadow_back_by_the_patience_and_no_more() -> None:
    told = Told()
    told.arrive(0)
    behind = []
    for second in range(300):
        for counter in range(10 * second + 1, 10 * second + 11):
            # The client of each tenth answer reads it for minutes.
            if counter % 10:
                told.complete(counter)
        told.give_up_missing(second, 2)
        behind.append(told.latest - told.up_to)
    assert max(behind) <= 30


class CountedSet(set[int]):
    """Counts what it is asked."""

    asked = 0

    def __contains__(self, item: object) -> bool:
        self.asked += 1
        return super().__contains__(item)


@pytest.mark.parametrize("jump", [10_000, 100_000_000, 1 << 31])
def test_a_jump_of_any_size_is_a_few_steps(jump: int) -> None:
    told = Told()
    told.arrive(0)
    told.complete(1)
    told._beyond = counted = CountedSet()
    waits_for = told.arrive(jump)
    assert give_up(told)
    assert told.up_to == waits_for
    assert counted.asked < 10
    assert told.missing == waits_for - 1
    assert len(told._given_up) == 1
    assert told.complete(jump // 2) == jump // 2
    assert told.complete(jump // 2) == 0
    assert len(told._given_up) == 2
    # And the order is kept from there on.
    assert told.complete(jump + 1) == waits_for + 1 == told.up_to


def test_what_is_told_inside_a_jump_is_not_missing() -> None:
    told = Told()
    told.arrive(0)
    assert told.complete(50_000) == 50_000
    told.complete(70_000)
    told.complete(150_000)
    told.give_up_missing(0, 100)
    told.arrive(200_000)
    assert told.give_up_missing(100, 100)
    assert told.up_to == 150_000
    # Those before the first line are another agent's.
    assert told.missing == 100_000 - 2


def test_a_request_of_which_nobody_knows_what_its_client_knew_waits_for_all() -> None:
    told = Told()
    # Near the wrap, where a 0 instead would mean 3,000,000 answers more.
    start = WRAP - 3_000_000
    told.arrive(start)
    give_up(told)
    number = told.complete(start + 1)
    assert told.arrive(-1) == number == told.latest


def test_numbers_go_on_when_the_counter_goes_back_to_zero() -> None:
    told = Told()
    told.arrive(0, 1)
    for counter in range(1, 5001):
        told.complete(counter, 1)
    at_us = 60_000_000
    assert told.arrive(0, at_us) == 5000
    assert told.complete(1, at_us) == 5001 == told.latest == told.up_to
    assert told.arrive(1, at_us + 1) == 5001
    assert told.missing == 0


def test_what_was_given_up_before_the_counter_went_back_is_still_told() -> None:
    told = Told()
    told.arrive(0, 1)
    for counter in range(1, 5001):
        if counter != 4990:
            told.complete(counter, 1)
    assert give_up(told)
    at_us = 60_000_000
    assert told.complete(1, at_us) == 5001
    assert told.complete(4990, 1) == 4990
    assert told.complete(4990, 1) == 0


def test_what_was_answered_before_the_agents_start_is_not_counted_as_missing() -> None:
    told = Told(started_us=1000)
    told.complete(10, 500)
    # Answers 11 to 999 were told to the agent before this one.
    told.complete(1000, 900)
    told.arrive(1002, 1500)
    assert give_up(told)
    assert told.missing == 2
    assert told.up_to == told.arrive(1002, 1600)


def test_what_an_earlier_agent_was_told_is_not_counted_as_missing() -> None:
    told = Told()
    waits_for = told.arrive(5000)
    number = told.complete(5001)
    assert told.up_to < waits_for
    assert give_up(told)
    assert told.up_to == number == waits_for + 1
    assert told.missing == 0


@pytest.mark.parametrize("known", [0, 7, 5000])
def test_the_requests_of_an_earlier_run_come_first(known: int) -> None:
    told = Told()
    told.resume(3)
    assert told.up_to == 3
    assert told.arrive(known) == 3 + min(known, 1024)
    assert told.complete(known + 1) == 3 + min(known, 1024) + 1
    give_up(told)
    assert told.up_to == told.latest
    assert told.missing == 0


def test_what_was_told_is_forgotten_when_all_before_it_was() -> None:
    told = Told()
    told.arrive(0)
    for counter in range(10_000, 0, -1):
        told.complete(counter)
    assert not told._beyond
    told.give_up_missing(0, 100)
    assert not told._seen
