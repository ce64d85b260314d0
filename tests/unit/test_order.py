"""Causal order, by properties of whole histories."""

import heapq
import random
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.order import CausalOrder

WRAP = 1 << 32


@dataclass
class Request:
    """One request's life; the numbers are instants of one clock, -1: not yet."""

    known: int
    arrived: int
    counter: int = 0
    answered: int = -1
    told: int = -1
    earlier_completions: int = 0
    number: int = 0
    started_on_shadow: int = -1
    finished_on_shadow: int = -1


def history(seed: int, steps: int, start: int = 0) -> list[Request]:
    """A primary and a shadow that overlap requests at random, HAProxy's counter, and an agent that is told of ends in any order."""
    chance = random.Random(seed)
    order = CausalOrder()
    requests: list[Request] = []
    queue: list[tuple[int, Request]] = []
    clock, counter = 0, start
    if start > WRAP // 2:
        # The counter begins anew while the agent runs.
        order.arrive(start)

    def arrive() -> None:
        requests.append(Request(counter % WRAP, clock))

    def answer() -> None:
        nonlocal counter
        under_way = [r for r in requests if r.answered < 0]
        if under_way:
            request = chance.choice(under_way)
            counter += 1
            request.answered, request.counter = clock, counter % WRAP

    def tell() -> None:
        answered = [r for r in requests if r.answered >= 0 > r.told]
        if answered:
            request = chance.choice(answered)
            request.told = clock
            request.earlier_completions = order.arrive(request.known)
            request.number = order.complete(request.counter)
            heapq.heappush(queue, (request.number, request))

    def begin() -> None:
        if queue and order.may_start(queue[0][1].earlier_completions):
            heapq.heappop(queue)[1].started_on_shadow = clock

    def finish() -> None:
        running = [r for r in requests if r.started_on_shadow >= 0 > r.finished_on_shadow]
        if running:
            request = chance.choice(running)
            request.finished_on_shadow = clock
            order.finish(request.number)

    for _ in range(steps):
        clock += 1
        chance.choice((arrive, answer, tell, begin, finish))()
    while any(r.finished_on_shadow < 0 for r in requests):
        for step in (answer, tell, begin, finish):
            clock += 1
            step()
        if all(r.told >= 0 for r in requests):
            # What an agent before this one was told, if there was one: it won't come.
            order.give_up_missing(clock, 0)
    return requests


starts = st.sampled_from((0, 1, 1000, 5000, WRAP - 40, WRAP - 2))


@given(st.integers(0, 2**32), st.integers(0, 150), starts)
def test_what_the_client_knew_is_done_before_what_it_sent_next(seed: int, steps: int, start: int) -> None:
    requests = history(seed, steps, start)
    for later in requests:
        for earlier in requests:
            if earlier.answered < later.arrived:
                assert earlier.finished_on_shadow < later.started_on_shadow


@given(st.integers(0, 2**32), st.integers(0, 150), starts)
def test_everything_comes_to_its_end(seed: int, steps: int, start: int) -> None:
    # `history` ends only when every request is finished on the shadow: no order of events blocks the queue.
    requests = history(seed, steps, start)
    assert all(r.finished_on_shadow > 0 for r in requests)
    assert sorted(r.number for r in requests) == [
        min(r.number for r in requests) + i for i in range(len(requests))
    ]


def test_what_overlapped_may_overlap() -> None:
    order = CausalOrder()
    first, second = order.arrive(0), order.arrive(0)
    order.complete(1)
    order.complete(2)
    assert order.may_start(first)
    assert order.may_start(second)


def test_the_watermark_waits_for_the_slowest() -> None:
    order = CausalOrder()
    order.arrive(0)
    numbers = [order.complete(counter) for counter in (1, 2, 3)]
    order.finish(numbers[2])
    order.finish(numbers[1])
    assert order.watermark == 0
    assert not order.may_start(1)
    order.finish(numbers[0])
    assert order.watermark == 3


def test_a_completion_that_is_not_told_of_holds_the_rest_for_a_while_only() -> None:
    order = CausalOrder()
    order.arrive(0)
    order.finish(order.complete(1))
    third = order.complete(3)
    order.finish(third)
    assert not order.give_up_missing(10, 100)
    assert not order.give_up_missing(109, 100)
    assert not order.may_start(3)
    assert order.give_up_missing(110, 100)
    assert order.may_start(3)
    assert order.missing == 1
    # Told at last: nobody waits for it any more.
    assert order.complete(2) == 0


def test_holes_are_given_up_together() -> None:
    order = CausalOrder()
    order.arrive(0)
    for counter in range(1, 401, 2):
        order.finish(order.complete(counter))
    waits_for = order.arrive(400)
    order.give_up_missing(0, 100)
    assert not order.may_start(waits_for)
    assert order.give_up_missing(100, 100)
    assert order.may_start(waits_for)
    assert order.missing == 200


def test_the_wait_for_a_hole_counts_from_when_its_number_is_known_to_be_given() -> None:
    order = CausalOrder()
    order.arrive(0)
    first = order.complete(1)
    third = order.complete(3)
    order.finish(third)
    # Number 2 is a hole from now on, though 1 is what holds the watermark, and the shadow takes long for it.
    order.give_up_missing(0, 100)
    order.give_up_missing(100, 100)
    order.finish(first)
    assert order.may_start(3)
    assert order.missing == 1


def test_one_hole_a_second_holds_the_shadow_back_by_the_patience_and_no_more() -> None:
    order = CausalOrder()
    order.arrive(0)
    behind = []
    for second in range(300):
        for counter in range(10 * second + 1, 10 * second + 11):
            # The client of each tenth answer reads it for minutes.
            if counter % 10:
                order.finish(order.complete(counter))
        order.give_up_missing(second, 2)
        behind.append(order.latest - order.watermark)
    assert max(behind) <= 30


def test_a_line_that_comes_after_its_hole_was_given_up_and_before_it_was_passed_is_waited_for() -> None:
    order = CausalOrder()
    order.arrive(0)
    first = order.complete(1)
    order.finish(order.complete(3))
    order.give_up_missing(0, 100)
    order.give_up_missing(100, 100)
    second = order.complete(2)
    order.finish(first)
    assert not order.may_start(3)
    order.finish(second)
    assert order.may_start(3)
    assert order.missing == 0


class CountedSet(set[int]):
    """Counts what it is asked."""

    asked = 0

    def __contains__(self, item: object) -> bool:
        self.asked += 1
        return super().__contains__(item)


@pytest.mark.parametrize("jump", [10_000, 100_000_000, 1 << 31])
def test_a_jump_of_any_size_is_a_few_steps(jump: int) -> None:
    order = CausalOrder()
    order.arrive(0)
    order.finish(order.complete(1))
    order._pending = counted = CountedSet()
    waits_for = order.arrive(jump)
    order.give_up_missing(0, 100)
    order.give_up_missing(100, 100)
    assert order.may_start(waits_for)
    assert counted.asked < 3000
    assert order.missing == waits_for - 1
    # And the order is kept from there on.
    number = order.complete(jump + 1)
    assert not order.may_start(order.arrive(jump + 1))
    order.finish(number)
    assert order.may_start(order.arrive(jump + 1))


def test_a_jump_stops_at_what_is_known_inside_it() -> None:
    order = CausalOrder()
    order.arrive(0)
    slow, quick = order.complete(50_000), order.complete(70_000)
    order.finish(quick)
    waits_for = order.arrive(100_000)
    order.give_up_missing(0, 100)
    order.give_up_missing(100, 100)
    assert order.watermark == slow - 1
    assert not order.may_start(waits_for)
    order.finish(slow)
    assert order.may_start(waits_for)
    assert order.missing == 100_000 - 2 - 49_999  # those before the first line are another agent's


def test_a_request_of_which_nobody_knows_what_its_client_knew_waits_for_all() -> None:
    order = CausalOrder()
    # Near the wrap, where a 0 instead would mean 3,000,000 answers more.
    start = WRAP - 3_000_000
    order.arrive(start)
    for now in (0, 100):
        order.give_up_missing(now, 100)
    number = order.complete(start + 1)
    waits_for = order.arrive(-1)
    assert waits_for == number == order.latest
    assert not order.may_start(waits_for)
    order.finish(number)
    assert order.may_start(waits_for)


def test_the_order_is_kept_when_the_counter_goes_back_to_zero() -> None:
    order = CausalOrder()
    order.arrive(0, 1)
    for counter in range(1, 5001):
        order.finish(order.complete(counter, 1))
    at_us = 60_000_000
    order.arrive(0, at_us)
    number = order.complete(1, at_us)
    assert number == 5001 == order.latest
    follower = order.arrive(1, at_us + 1)
    assert not order.may_start(follower)
    order.finish(number)
    assert order.may_start(follower)
    assert order.missing == 0


def test_what_was_answered_before_the_agents_start_is_not_counted_as_missing() -> None:
    order = CausalOrder(started_us=1000)
    order.finish(order.complete(10, 500))
    # Answers 11 to 999 were told to the agent before this one.
    order.finish(order.complete(1000, 900))
    order.arrive(1002, 1500)
    for now in (0, 100):
        order.give_up_missing(now, 100)
    assert order.missing == 2
    assert order.may_start(order.arrive(1002, 1600))


def test_a_slow_shadow_is_not_a_missing_completion() -> None:
    order = CausalOrder()
    order.arrive(0)
    order.complete(1)
    for now in range(0, 1000, 100):
        assert not order.give_up_missing(now, 100)
    assert not order.may_start(1)


def test_what_an_earlier_agent_was_told_is_not_counted_as_missing() -> None:
    order = CausalOrder()
    waits_for = order.arrive(5000)
    order.finish(order.complete(5001))
    assert not order.may_start(waits_for)
    order.give_up_missing(0, 100)
    assert order.give_up_missing(100, 100)
    assert order.may_start(waits_for)
    assert order.may_start(order.arrive(5001))
    assert order.missing == 0


@pytest.mark.parametrize("known", [0, 7, 5000])
def test_the_requests_of_an_earlier_run_come_first(known: int) -> None:
    order = CausalOrder()
    order.resume(3)
    new = order.arrive(known)
    order.give_up_missing(0, 100)
    order.give_up_missing(100, 100)
    order.finish(1)
    order.finish(2)
    assert not order.may_start(new)
    order.finish(3)
    order.give_up_missing(200, 100)
    order.give_up_missing(300, 100)
    assert order.may_start(new)
