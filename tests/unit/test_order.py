"""Causal order, by properties of whole histories."""

import random
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from agent.order import CausalOrder


@dataclass
class Request:
    """One request's life; the numbers are instants of one clock, -1: not yet."""

    earlier_completions: int
    arrived: int
    answered: int = -1
    completion: int = 0
    started_on_shadow: int = -1
    finished_on_shadow: int = -1


def history(seed: int, steps: int) -> list[Request]:
    """A primary and a shadow that overlap requests at random; the shadow takes them in the order of their completions."""
    chance = random.Random(seed)
    order = CausalOrder()
    requests: list[Request] = []
    queue: list[Request] = []
    clock = 0

    def arrive() -> None:
        requests.append(Request(order.arrive(), clock))

    def answer() -> None:
        under_way = [r for r in requests if r.answered < 0]
        if under_way:
            request = chance.choice(under_way)
            request.answered = clock
            request.completion = order.complete()
            queue.append(request)

    def start() -> None:
        if queue and order.may_start(queue[0].earlier_completions):
            queue.pop(0).started_on_shadow = clock

    def finish() -> None:
        running = [r for r in requests if r.started_on_shadow >= 0 > r.finished_on_shadow]
        if running:
            request = chance.choice(running)
            request.finished_on_shadow = clock
            order.finish(request.completion)

    for _ in range(steps):
        clock += 1
        chance.choice((arrive, answer, start, finish))()
    while any(r.finished_on_shadow < 0 for r in requests):
        for step in (answer, start, finish):
            clock += 1
            step()
    assert order.watermark == order.completions == len(requests)
    return requests


@given(st.integers(0, 2**32), st.integers(0, 150))
def test_what_the_client_knew_is_done_before_what_it_sent_next(seed: int, steps: int) -> None:
    requests = history(seed, steps)
    for later in requests:
        for earlier in requests:
            if earlier.answered < later.arrived:
                assert earlier.finished_on_shadow < later.started_on_shadow


@given(st.integers(0, 2**32), st.integers(0, 150))
def test_everything_comes_to_its_end(seed: int, steps: int) -> None:
    # `history` ends only when every request is finished on the shadow: no order of events blocks the queue.
    assert all(r.finished_on_shadow > 0 for r in history(seed, steps))


def test_what_overlapped_may_overlap() -> None:
    order = CausalOrder()
    first, second = order.arrive(), order.arrive()
    order.complete()
    order.complete()
    assert order.may_start(first)
    assert order.may_start(second)


def test_the_watermark_waits_for_the_slowest() -> None:
    order = CausalOrder()
    numbers = [order.complete() for _ in range(3)]
    order.finish(numbers[2])
    order.finish(numbers[1])
    assert order.watermark == 0
    assert not order.may_start(1)
    order.finish(numbers[0])
    assert order.watermark == 3
