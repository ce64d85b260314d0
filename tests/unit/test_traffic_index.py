"""The index of generated traffic: how long its preparation waits."""

import asyncio
from typing import cast

import pytest

from capture.console import SILENT
from traffic.client import Answer, Client
from traffic.index import Index
from traffic.operations import Request
from traffic.settings import TrafficSettings


class Cluster:
    """Has the index, and notes how long each answer might have taken (None: ``--timeout``)."""

    def __init__(self) -> None:
        self.timeouts_s: dict[str, float | None] = {}

    async def send(self, request: Request, *, timeout_s: float | None = None) -> Answer:
        self.timeouts_s[request.path.partition("?")[0]] = timeout_s
        bodies = {
            "/": b'{"version": {"number": "7.10.2"}}',
            "/i/_count": b'{"count": 100}',
        }
        return Answer(200, bodies.get(request.path, b"{}"))


@pytest.mark.parametrize(("timeout_s", "health_s"), [(5, 70), (300, 300)])
def test_the_client_waits_for_longer_than_the_cluster_does_until_the_index_is_ready(
    timeout_s: float, health_s: float
) -> None:
    cluster = Cluster()
    settings = TrafficSettings(index="i", documents=100, timeout_s=timeout_s)
    asyncio.run(Index(cast(Client, cluster), settings, SILENT).prepare())
    assert cluster.timeouts_s.pop("/_cluster/health/i") == health_s
    assert set(cluster.timeouts_s.values()) == {None}
