"""How many connections to the shadow the agent may have open."""

import resource

import pytest

from agent.descriptors import connections_within, raise_limit


@pytest.mark.parametrize(
    ("limit", "targets", "connections"),
    [
        (1 << 20, 1, 1024),
        (1280, 1, 1024),
        (1024, 1, 768),
        (1024, 3, 256),
        (100, 1, 8),
        (resource.RLIM_INFINITY, 5, 1024),
    ],
)
def test_the_connections_leave_room_for_the_rest(limit: int, targets: int, connections: int) -> None:
    assert connections_within(limit, 1024, targets) == connections


def test_the_limit_is_raised_as_far_as_it_may_be() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, before[1]), before[1]))
        assert raise_limit() == before[1]
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (before[1], before[1])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
