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
