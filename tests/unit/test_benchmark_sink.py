import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, wait
from pathlib import Path

import pytest

from benchmarks.bodies.clients import Bulk, PacedBulks, at_once, late_by, one_by_one
from benchmarks.bodies.sink import Sink, sink
from benchmarks.documents import bulk_of
from benchmarks.host_process import free_ports
from benchmarks.raw_client import Connection, request
from capture.errors import UserError


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sink]:
    (port,) = free_ports(1)
    with sink(Path(tmp_path_factory.mktemp("sink")) / "node", port) as running:
        yield running


def _bulk(body_bytes: int) -> Bulk:
    return Bulk(request("POST", "/bench/_bulk", bulk_of(body_bytes)), body_bytes)


def _await_answers(node: Sink, count: int) -> None:
    deadline = time.monotonic() + 20
    while node.answered < count:
        assert time.monotonic() < deadline, f"{node.answered} of {count} answers"
        time.sleep(0.005)


def _address(node: Sink) -> tuple[str, int]:
    return "127.0.0.1", node.port


@pytest.mark.parametrize("size", [1_000, 70_000, 3_000_001])
def test_a_body_is_read_to_its_end_and_counted(node: Sink, size: int) -> None:
    answered, received = node.answered, node.received_bytes
    answers = one_by_one(_address(node), _bulk(size), 3)
    assert [answer.number("X-Body-Bytes") for answer in answers] == [size] * 3
    assert (node.answered - answered, node.received_bytes - received) == (3, 3 * size)
    for answer in answers:
        assert (
            answer.begun_ns <= answer.number("X-First-Byte") <= answer.number("X-Answered") <= answer.first_ns
        )
        assert answer.first_ns <= answer.ended_ns


def test_answers_are_as_large_as_asked_for(node: Sink) -> None:
    with Connection(_address(node)) as connection:
        for size in (1, 4, 5, 1_234_567):
            answer = connection.exchange(
                request("GET", "/bench/_search", headers={"X-Answer-Bytes": str(size)})
            )
            assert answer.body_bytes == size


def test_health_checks_are_not_counted(node: Sink) -> None:
    answered = node.answered
    with Connection(_address(node)) as connection:
        assert connection.exchange(request("GET", "/")).status == 200
        assert node.answered == answered
        assert connection.exchange(request("GET", "/_cat/nodes")).status == 200
    assert node.answered == answered + 1


def test_a_chunked_body_is_refused_and_not_counted(node: Sink) -> None:
    answered = node.answered
    chunked = request("POST", "/bench/_bulk", headers={"Transfer-Encoding": "chunked"})
    with Connection(_address(node)) as connection:
        # The answer says 200 only to what was counted.
        assert connection.exchange(chunked).status == 411
    assert node.answered == answered


def test_an_answer_that_tells_of_another_body_is_an_error(node: Sink) -> None:
    shortened = Bulk(_bulk(2_000).whole, 1_999)
    with pytest.raises(UserError, match="was not answered as it should"):
        one_by_one(_address(node), shortened, 1)


def test_a_connection_that_ends_early_is_an_error(node: Sink) -> None:
    with Connection(_address(node)) as connection:
        connection.exchange(request("POST", "/", headers={"Transfer-Encoding": "chunked"}))
        with pytest.raises(UserError, match="got no answer"):
            connection.exchange(request("GET", "/bench/_search"))


def test_every_client_sends_what_it_has_to(node: Sink) -> None:
    answered = node.answered
    requests, seconds = at_once(_address(node), _bulk(50_000), 4, each=3)
    assert (requests, node.answered - answered) == (12, 12)
    assert seconds > 0


def test_paced_bulks_are_sent_until_the_end_and_all_are_answered(node: Sink) -> None:
    answered = node.answered
    with PacedBulks(_address(node), _bulk(50_000), rate=200) as paced:
        _await_answers(node, answered + 20)
    assert len(paced.answers) == node.answered - answered >= 20
    begun = [answer.begun_ns for answer in paced.answers]
    # Never ahead of the schedule: 19 intervals of 5 ms lie between the first and the twentieth.
    assert max(begun) - min(begun) >= 19 * 5e6 - paced.late_s * 1e9


def test_a_paced_bulk_that_fails_is_an_error(node: Sink) -> None:
    wrong = Bulk(_bulk(2_000).whole, 1_999)
    with pytest.raises(UserError), PacedBulks(_address(node), wrong, rate=1000) as paced:
        # Not by the node's count: an answer of the test before may be counted late.
        wait(paced._clients, 20, FIRST_COMPLETED)


def test_lateness_is_that_of_the_latest() -> None:
    assert late_by([1.0, 2.0, 3.0], [1.0, 2.5, 2.9]) == 0.5
    assert late_by([1.0], [0.9]) == 0
    assert late_by([], []) == 0
