"""How many requests a shadow has at once."""

import pytest

from agent.at_once import AtOnce


def usual(peak: int, most: int = 1024) -> AtOnce:
    """A shadow that has had ``peak`` requests at once for two minutes."""
    bound = AtOnce(most)
    for second in range(121):
        while peak > bound.limit:
            assert bound.full(0.05)
        bound.started(peak)
        bound.tick(float(second), None, 0, 100 * second, full=False)
    return bound


def test_many_lines_read_at_a_time_are_no_load() -> None:
    bound = AtOnce(1024)
    assert bound.limit == 64
    assert not bound.full(0.04)
    assert bound.limit == 64


def test_whatever_waits_really_starts_soon() -> None:
    bound = AtOnce(1024)
    looks = 0
    while bound.limit < 1024:
        assert bound.full(0.05)
        looks += 1
    # At 50 ms each: less than what makes the shadow count as behind.
    assert looks < 20
    assert not bound.full(9.0)


@pytest.mark.parametrize(("peak", "limit"), [(0, 64), (10, 64), (40, 80), (300, 600), (900, 1024)])
def test_the_bound_follows_what_is_usual(peak: int, limit: int) -> None:
    assert usual(peak).limit == limit


@pytest.mark.parametrize(("peak", "limit"), [(0, 64), (10, 64), (40, 80), (300, 600), (900, 1024)])
def test_a_shadow_that_was_away_gets_twice_its_usual_load(peak: int, limit: int) -> None:
    bound = usual(peak)
    bound.tick(121.0, 1.1, 5000, 0, full=False)
    assert (bound.behind, bound.limit) == (True, limit)
    # As long as it gets nearer.
    for second in range(30):
        bound.tick(122.0 + second, 9.0, 5000 - second, second, full=True)
        assert not bound.full(1.0)
    assert bound.limit == limit


def test_one_that_gets_no_nearer_gets_more_and_more() -> None:
    bound = usual(10)
    bound.tick(121.0, 2.0, 5000, 0, full=True)
    for second in range(1, 61):
        bound.tick(121.0 + second, 9.0, 5000 + second, second, full=True)
    assert bound.limit == 1024


def test_an_hour_of_outage_does_not_widen_the_bound() -> None:
    bound = usual(10)
    for second in range(3600):
        bound.tick(121.0 + second, 1.0 + second, 100 * second, 12_000, full=False)
    assert bound.limit == 64


def test_a_shadow_that_hangs_gets_no_more() -> None:
    bound = usual(10)
    for second in range(300):
        bound.tick(121.0 + second, 2.0 + second, 100 * second, 12_000, full=True)
    assert bound.limit == 64


def test_one_that_has_just_begun_to_wait_does_not_end_it() -> None:
    bound = usual(10)
    bound.tick(121.0, 2.0, 50, 0, full=True)
    bound.tick(122.0, 0.0, 49, 5, full=True)
    assert bound.behind


def test_it_is_never_more_than_the_connections() -> None:
    bound = AtOnce(8)
    assert bound.limit == 8
    assert not bound.full(1.0)
    for second in range(9):
        bound.tick(float(second), 30.0, second, second, full=True)
    assert bound.limit == 8


def test_what_was_under_way_meanwhile_is_not_usual() -> None:
    bound = usual(10)
    for second in range(121, 400):
        bound.tick(float(second), 5.0, 5000 - second, second, full=True)
        bound.started(bound.limit)
    bound.tick(400.0, None, 0, 500, full=False)
    assert (bound.behind, bound.limit) == (False, 64)


def test_requests_of_an_earlier_agent_are_a_backlog_from_the_start() -> None:
    bound = AtOnce(1024)
    bound.fall_behind()
    assert not bound.full(0.9)
    bound.tick(1.0, 0.9, 5000, 0, full=False)
    assert bound.limit == 64


def test_a_load_of_minutes_ago_is_not_usual() -> None:
    bound = usual(300)
    for second in range(121, 301):
        bound.started(40)
        bound.tick(float(second), None, 0, second, full=False)
    assert bound.limit == 80
