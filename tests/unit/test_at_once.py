"""How many requests a shadow has at once."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from agent.at_once import AtOnce, PrimaryLoad


def answers(at_once: float, each_s: float, seconds: int, start: float = 0.0) -> Iterator[float]:
    """When answers come that took so long, ``at_once`` of them at any moment."""
    per_s = at_once / each_s
    for number in range(round(seconds * per_s)):
        yield start + number / per_s


@pytest.mark.parametrize("at_once", [1, 13, 200])
@pytest.mark.parametrize("each_s", [0.1, 0.3, 1.0, 7.0, 50.0])
def test_what_the_primary_had_at_once(at_once: int, each_s: float) -> None:
    load = PrimaryLoad()
    for now in answers(at_once, each_s, 120):
        load.answered(now, each_s)
    assert load.most == pytest.approx(at_once, rel=0.15, abs=0.2)


def test_what_began_together_was_under_way_together() -> None:
    load = PrimaryLoad()
    for _ in range(1000):
        load.answered(500.5, 3.2)
    assert load.most == pytest.approx(1000)


@pytest.mark.parametrize("took_s", [60.0, 100_000.0])
def test_one_long_request_is_one(took_s: float) -> None:
    load = PrimaryLoad()
    load.answered(500.5, took_s)
    assert load.most == pytest.approx(1)


def test_a_load_of_a_minute_ago_is_forgotten() -> None:
    load = PrimaryLoad()
    for now in answers(300, 0.5, 10):
        load.answered(now, 0.5)
    for second in range(10, 70):
        load.tick(float(second))
        assert load.most == pytest.approx(300, rel=0.1) or second > 67
    load.tick(70.0)
    assert load.most == 0
    load.answered(7000.25, 0.25)
    assert load.most == pytest.approx(0.25)


def usual(at_once: int, most: int = 1024) -> AtOnce:
    """The shadow of a primary that has had ``at_once`` requests at once for two minutes."""
    bound = AtOnce(most)
    for second in range(121):
        if at_once and second > 55:
            for now in answers(at_once, 0.1, 1, second):
                bound.primary_answered(now, 0.1)
        bound.tick(float(second) + 0.999, None, at_once, at_once, 100 * second)
    return bound


@dataclass
class Node:
    """A shadow that has as many requests as it may, and more and more of them wait."""

    bound: AtOnce
    answers_per_s: Callable[[int], float]
    """What it answers a second when it has so many at once."""
    now: float = 121.0
    answered: float = 0.0
    limits: list[int] = field(default_factory=list)

    def seconds(self, seconds: int) -> "Node":
        for _ in range(seconds):
            self.now += 1.0
            self.answered += self.answers_per_s(self.bound.limit)
            self.bound.tick(self.now, 9.0, 5000 + int(self.now), self.bound.limit, int(self.answered))
            self.limits.append(self.bound.limit)
        return self


def slow_answers(each_s: float) -> Callable[[int], float]:
    """A node whose answers take so long, however many it has."""
    return lambda at_once: at_once / each_s


def at_its_limit(answers_per_s: float) -> Callable[[int], float]:
    """A node that answers no more for having more."""
    return lambda _at_once: answers_per_s


FOUR_TIMES = [(0, 64), (10, 64), (40, 160), (200, 800), (900, 1024)]
TWICE = [(0, 64), (10, 64), (40, 80), (300, 600), (900, 1024)]


@pytest.mark.parametrize(("at_once", "limit"), FOUR_TIMES)
def test_the_bound_is_four_times_what_the_primary_had(at_once: int, limit: int) -> None:
    assert usual(at_once).limit == pytest.approx(limit, rel=0.1)


def test_a_sudden_load_raises_it_at_once() -> None:
    bound = usual(0)
    for _ in range(200):
        bound.primary_answered(200.5, 1.0)
    assert bound.limit == pytest.approx(400, abs=1)


def test_many_lines_read_at_a_time_are_no_load() -> None:
    bound = AtOnce(1024)
    for _ in range(1000):
        bound.primary_answered(200.5, 0.005)
    assert bound.limit == 64


@pytest.mark.parametrize(("at_once", "limit"), TWICE)
def test_a_shadow_that_was_away_gets_twice_what_the_primary_has(at_once: int, limit: int) -> None:
    bound = usual(at_once)
    bound.tick(121.0, 1.1, 5000, 0, 0)
    assert (bound.behind, bound.holds_back) == (True, True)
    assert bound.limit == pytest.approx(limit, rel=0.1)
    before = bound.limit
    # As long as it gets nearer.
    for second in range(30):
        bound.tick(122.0 + second, 9.0, 5000 - second, limit, second)
    assert bound.limit == before


def test_the_primary_s_load_counts_while_the_shadow_is_behind() -> None:
    bound = usual(10)
    bound.tick(121.0, 2.0, 5000, 64, 0)
    for now in answers(100, 0.1, 2, 122):
        bound.primary_answered(now, 0.1)
    assert bound.limit == 64
    bound.tick(124.0, 2.0, 5000, 64, 0)
    assert bound.limit == pytest.approx(200, rel=0.1)


def test_one_that_gets_no_nearer_gets_more_if_that_helps() -> None:
    bound = usual(10)
    bound.tick(121.0, 2.0, 5000, 64, 0)
    node = Node(bound, slow_answers(1.0)).seconds(90)
    assert node.bound.limit == 1024


@pytest.mark.parametrize("answers_per_s", [5.0, 50.0, 500.0, 7000.0])
def test_one_that_gets_no_nearer_gets_no_more_if_that_does_not_help(answers_per_s: float) -> None:
    bound = usual(10)
    bound.tick(121.0, 2.0, 5000, 64, 0)
    node = Node(bound, at_its_limit(answers_per_s)).seconds(3600)
    # As many answers as requests are under way are needed to tell.
    assert max(node.limits) < (150 if answers_per_s >= 50 else 700)
    assert sum(limit > 64 for limit in node.limits) < 0.25 * len(node.limits)
    assert bound.behind


def test_one_that_can_do_a_little_more_gets_a_little_more() -> None:
    """Up to 80 at once each of them takes 100 ms."""
    bound = usual(10)
    bound.fall_behind()
    assert Node(bound, lambda at_once: min(at_once, 80) / 0.1).seconds(25).bound.limit == 80


def test_one_that_more_makes_slower_gets_no_less_than_twice_what_the_primary_has() -> None:
    bound = usual(100)
    bound.fall_behind()
    least = bound.limit
    node = Node(bound, lambda at_once: 2_000_000 / (200 + at_once)).seconds(600)
    assert max(node.limits) < 2.2 * least
    assert min(node.limits) >= 64


def test_after_a_useless_rise_the_next_one_may_be_of_use() -> None:
    bound = usual(10)
    bound.fall_behind()
    node = Node(bound, at_its_limit(500.0)).seconds(25)
    assert node.bound.limit == 64
    node.answers_per_s = slow_answers(1.0)
    assert node.seconds(120).bound.limit == 1024


def test_an_hour_of_outage_does_not_widen_the_bound() -> None:
    bound = usual(10)
    for second in range(3600):
        bound.tick(121.0 + second, 1.0 + second, 100 * second, 0, 12_000)
    assert bound.limit == 64


def test_a_shadow_that_hangs_gets_no_more() -> None:
    bound = usual(10)
    for second in range(300):
        bound.tick(121.0 + second, 2.0 + second, 100 * second, bound.limit, 12_000)
    assert bound.limit == 64


def test_it_ends_when_nothing_waits_that_may_start() -> None:
    bound = usual(10)
    bound.tick(121.0, 2.0, 50, 64, 0)
    bound.tick(122.0, 0.0, 49, 64, 5)
    assert bound.behind
    bound.tick(123.0, None, 0, 0, 50)
    assert not bound.behind


def test_it_is_never_more_than_the_connections() -> None:
    bound = AtOnce(8)
    assert (bound.limit, bound.holds_back) == (8, True)
    for _ in range(100):
        bound.primary_answered(200.5, 1.0)
    assert bound.limit == 8
    assert max(Node(bound, slow_answers(1.0), now=201.0).seconds(100).limits) == 8


def test_requests_of_an_earlier_agent_are_a_backlog_from_the_start() -> None:
    bound = AtOnce(1024)
    bound.fall_behind()
    bound.tick(1.0, 0.9, 5000, 0, 0)
    assert (bound.behind, bound.limit) == (True, 64)
