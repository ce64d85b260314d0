"""How many requests a shadow gets at once that was away."""

import pytest

from agent.catching_up import CatchingUp


def usual(peak: int, most: int = 1024) -> CatchingUp:
    """A shadow that has had ``peak`` requests at once for two minutes."""
    bound = CatchingUp(most)
    for second in range(121):
        for under_way in range(1, peak + 1):
            bound.started(under_way)
        bound.tick(float(second), None, 0)
    return bound


def test_whatever_may_start_starts_as_long_as_nothing_waits() -> None:
    bound = usual(500)
    assert bound.limit == 1024
    bound.tick(122.0, 0.9, 600)
    assert bound.limit == 1024


@pytest.mark.parametrize(("peak", "limit"), [(0, 64), (10, 64), (40, 80), (300, 600), (900, 1024)])
def test_what_has_waited_for_a_connection_starts_as_twice_the_usual_load(peak: int, limit: int) -> None:
    bound = usual(peak)
    bound.tick(122.0, 1.1, 600)
    assert bound.limit == limit


def test_it_is_never_more_than_the_connections() -> None:
    bound = usual(3, most=8)
    bound.tick(122.0, 30.0, 600)
    assert bound.limit == 8


def test_the_bound_ends_when_nothing_waits_and_what_was_under_way_meanwhile_is_not_usual() -> None:
    bound = usual(10)
    for second in range(122, 400):
        bound.tick(float(second), 5.0, 10_000 - second)
        bound.started(64)
    assert bound.limit == 64
    bound.tick(400.0, None, 3)
    assert bound.limit == 1024
    bound.tick(401.0, 2.0, 600)
    assert bound.limit == 64


def test_a_load_of_hours_ago_is_not_usual() -> None:
    bound = usual(300)
    for second in range(122, 300):
        bound.started(40)
        bound.tick(float(second), None, 0)
    bound.tick(300.0, 2.0, 600)
    assert bound.limit == 80


def test_a_bound_at_which_the_backlog_does_not_shrink_is_doubled() -> None:
    bound = usual(10)
    bound.tick(122.0, 2.0, 1000)
    limits = []
    for second in range(123, 180):
        bound.started(bound.limit)
        bound.tick(float(second), 5.0, 1000 + second)
        limits.append(bound.limit)
    assert sorted(set(limits)) == [64, 128, 256, 512, 1024]
    assert limits.index(128) >= 9


def test_an_hour_of_outage_does_not_widen_the_bound() -> None:
    bound = usual(10)
    for second in range(122, 3722):
        bound.tick(float(second), second - 121.0, 100 * second)
    assert bound.limit == 64


def test_the_bound_stays_while_the_backlog_shrinks() -> None:
    bound = usual(10)
    for second in range(122, 400):
        bound.tick(float(second), 5.0, 100_000 - 10 * second)
        bound.started(64)
    assert bound.limit == 64


def test_a_request_that_has_just_begun_to_wait_does_not_end_it() -> None:
    bound = usual(10)
    bound.tick(122.0, 2.0, 600)
    bound.tick(123.0, 0.0, 600)
    assert bound.limit == 64
