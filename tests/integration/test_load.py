"""50,000 requests from 32 connections: none lost, none doubled, none too early on the shadow; 10,000 in the strict order."""

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from capture.engine import Engine
from tests.integration.load_client import BODY_EVERY, Load, run_load
from tests.integration.proxies import Images, Proxy
from tests.integration.recording_server import Recorded
from tests.integration.rig import PATIENT, Rig, Setting, open_rig, poll, status_of

REQUESTS = {"write-sets": 50_000, "strict": 10_000}
CONNECTIONS = 32


@dataclass(frozen=True)
class Finished:
    """A load, and what was found of it on both sides."""

    order: str
    count: int
    load: Load
    at_primary: list[Recorded]
    at_shadow: list[Recorded]
    primary_ids: dict[str, str]
    """Path -> ``_id``, of the capture log."""
    shadow_ids: dict[str, str]
    primary_lines: int
    shadow_lines: int
    status: dict[str, Any]


@pytest.fixture(scope="module", params=REQUESTS)
def finished(
    request: pytest.FixtureRequest, docker_engine: Engine, images: Images, network: str, session_id: str
) -> Iterator[Finished]:
    setting = Setting(docker_engine, images, network, session_id)
    with open_rig(setting, env=PATIENT | {"CAPTURE_ORDER": request.param}) as rig:
        yield finished_load(rig, request.param)


def finished_load(rig: Rig, order: str) -> Finished:
    count = REQUESTS[order]
    load = rig.loop_thread.run(run_load(rig.primary.address, count, CONNECTIONS), 200)
    poll(
        "all requests to be mirrored and captured",
        lambda: (
            status_of(rig.primary)["waiting_for_shadow"] == 0 and status_of(rig.shadow)["captured"] >= count
        ),
        60,
        0.2,
    )
    primary, shadow = logged(rig.primary), logged(rig.shadow)
    return Finished(
        order,
        count,
        load,
        [request for request in rig.primary_node.requests if b"/load/" in request.line],
        [request for request in rig.shadow_node.requests if b"/load/" in request.line],
        dict(primary),
        dict(shadow),
        len(primary),
        len(shadow),
        status_of(rig.primary),
    )


def logged(proxy: Proxy) -> list[tuple[str, str]]:
    """Path and ``_id`` of every line."""
    entries = [json.loads(line) for line in proxy.log_lines()]
    return [(entry["request"]["url"].removeprefix("http://load.test"), entry["_id"]) for entry in entries]


def test_no_client_sees_an_error(finished: Finished) -> None:
    assert finished.load.errors == []
    assert len(finished.load.exchanges) == finished.count


def test_every_request_is_once_in_both_logs_and_pairs_up(finished: Finished) -> None:
    assert (finished.primary_lines, finished.shadow_lines) == (finished.count, finished.count)
    assert finished.primary_ids.keys() == finished.load.exchanges.keys()
    assert len(set(finished.primary_ids.values())) == finished.count
    assert finished.shadow_ids == finished.primary_ids


def test_every_request_arrives_once_at_both_nodes(finished: Finished) -> None:
    for requests in (finished.at_primary, finished.at_shadow):
        assert len(requests) == finished.count
        assert {request.target.decode() for request in requests} == finished.load.exchanges.keys()


def test_counters_tell_the_same(finished: Finished) -> None:
    status = finished.status
    assert {name: status[name] for name in ("transactions", "captured", "mirrored")} == dict.fromkeys(
        ("transactions", "captured", "mirrored"), finished.count
    )
    troubles = {
        name: count
        for name, count in status.items()
        if name.startswith(
            ("mirror_", "not_", "passed_", "lost", "orphan", "protocol", "ring_dropped", "order_")
        )
    }
    # No trouble: a shadow on the same two cores may be slower than the flood, and gets no more at once than helps it.
    del troubles["mirror_held_back"]
    assert not any(troubles.values()), troubles


def test_shadow_starts_nothing_before_what_it_depends_on(finished: Finished) -> None:
    """Across clients: of what any client had the answer to when a request was sent, the shadow has finished what this depends on.

    The paths are a document's: index, type and identifier. Every fifth request writes it, the others read it. In the strict order each request
    depends on all others.
    """
    on_shadow = {request.target.decode(): request for request in finished.at_shadow}
    moments = sorted(
        [(exchange.sent, "sent", path) for path, exchange in finished.load.exchanges.items()]
        + [(exchange.answered, "answered", path) for path, exchange in finished.load.exchanges.items()]
    )
    last_finished: dict[str, int] = {}
    depending = 0
    for _, what, path in moments:
        number = path.rpartition("/")[2]
        document = "" if finished.order == "strict" else number
        writes = finished.order == "strict" or int(number) % BODY_EVERY == 0
        if what == "sent":
            before = last_finished.get(document, 0)
            depending += before > 0
            assert before < on_shadow[path].started, f"{path} was started on the shadow too early"
        elif writes:
            last_finished[document] = max(last_finished.get(document, 0), on_shadow[path].finished)
    # Otherwise this would have tested nothing.
    assert depending > finished.count / 20


def test_what_overlapped_on_the_primary_overlaps_on_the_shadow(finished: Finished) -> None:
    # The nodes answer at once; that several connections are used shows that requests overlap on their way.
    assert len({request.connection for request in finished.at_shadow}) > 1


def test_in_the_strict_order_the_shadow_gets_each_clients_requests_one_at_a_time(finished: Finished) -> None:
    by_client: dict[bytes, list[Recorded]] = {}
    for request in sorted(finished.at_shadow, key=lambda request: request.started):
        by_client.setdefault(request.target.split(b"/")[2], []).append(request)
    assert len(by_client) == CONNECTIONS
    for requests in by_client.values():
        numbers = [int(request.target.rpartition(b"/")[2]) for request in requests]
        assert sorted(numbers) == list(range(len(requests)))
        for earlier, later in itertools.pairwise(requests):
            assert finished.order != "strict" or earlier.finished < later.started, (earlier, later)
