"""The index of generated traffic: how long its preparation waits."""

import asyncio
from typing import cast

import pytest

from capture.console import SILENT
from capture.errors import ExitCode, UserError
from traffic.client import Answer, Client
from traffic.documents import MADE_BY
from traffic.index import Index
from traffic.operations import Request
from traffic.settings import TrafficSettings


class Cluster:
    """Has the index, and notes how long each answer might have taken (None: ``--timeout``)."""

    def __init__(self, **bodies: bytes) -> None:
        self.timeouts_s: dict[str, float | None] = {}
        self.bodies = {
            "/": b'{"version": {"number": "7.10.2"}}',
            "/i": b'{"i": {"mappings": {"_meta": {"made_by": "%b"}}}}' % MADE_BY.encode(),
            "/i/_count": b'{"count": 100}',
        }
        self.bodies |= {"/" + path.replace("___", "/_"): body for path, body in bodies.items()}

    async def send(self, request: Request, *, timeout_s: float | None = None) -> Answer:
        self.timeouts_s[request.path.partition("?")[0]] = timeout_s
        return Answer(200, self.bodies.get(request.path, b"{}"))


@pytest.mark.parametrize(("timeout_s", "health_s"), [(5, 70), (300, 300)])
def test_the_client_waits_for_longer_than_the_cluster_does_until_the_index_is_ready(
    timeout_s: float, health_s: float
) -> None:
    cluster = Cluster()
    settings = TrafficSettings(index="i", documents=100, timeout_s=timeout_s)
    asyncio.run(Index(cast(Client, cluster), settings, SILENT).prepare())
    assert cluster.timeouts_s.pop("/_cluster/health/i") == health_s
    assert set(cluster.timeouts_s.values()) == {None}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b"7",
        b"<html>",
        b'{"i": 7}',
        b'{"i": null}',
        b'{"i": {"mappings": []}}',
        b'{"i": {"mappings": {"_meta": "x"}}}',
        b'{"i": {"mappings": {"_meta": {"made_by": ["x"]}}}}',
        b'{"i": {}, "j": 1}',
    ],
)
def test_an_index_that_does_not_say_whose_it_is_is_not_written_to(body: bytes) -> None:
    with pytest.raises(UserError, match="not one of this command's") as refused:
        asyncio.run(Index(cast(Client, Cluster(i=body)), TrafficSettings(index="i"), SILENT).prepare())
    assert refused.value.exit_code == ExitCode.BAD_INPUT


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"count": "many"}', b'{"count": null}'])
def test_a_count_that_is_no_number_is_refused(body: bytes) -> None:
    with pytest.raises(UserError, match="can't count its documents"):
        asyncio.run(
            Index(cast(Client, Cluster(i___count=body)), TrafficSettings(index="i"), SILENT).prepare()
        )
