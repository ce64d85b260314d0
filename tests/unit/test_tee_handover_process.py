"""What the agent gets of the exchanges, and what it may do meanwhile: be away, be frozen, come back."""

import random
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tee.handover import BEGINNING_BYTES, Answer
from tests.unit.tee_process import (
    MIB,
    AgentStub,
    TeeProcess,
    read_all,
    read_exactly,
    running_tee,
    until,
    write_until_blocked,
)


@pytest.fixture
def tee(tmp_path: Path) -> Iterator[TeeProcess]:
    with running_tee(tmp_path) as running:
        yield running
        assert "Traceback" not in running.log.read_text()


@pytest.mark.parametrize("size", [0, 1, 16_384, 16_385, 131_072, 140_000])
def test_the_copies_are_what_passed(tee: TeeProcess, size: int) -> None:
    request, response = random.Random(1).randbytes(size), random.Random(2).randbytes(100_000)
    agent = tee.agent()
    before_us = time.time_ns() // 1000
    tee.exchange(request, response)
    exchange = agent.next()
    after_us = time.time_ns() // 1000
    assert agent.bytes(exchange.request) == request
    assert agent.bytes(exchange.response) == response
    for stream, sent in ((exchange.request, request), (exchange.response, response)):
        assert stream.total_bytes == len(sent)
        assert stream.incomplete == ""
        if sent:
            assert before_us <= stream.first_us <= stream.last_us <= after_us
    assert exchange.response.ending == "end"
    agent.acknowledge(exchange.id)
    until(lambda: tee.status()["memory_bytes"] == 0, "the space to be given back")
    assert tee.status()["handed_over"] == 1


def test_large_copies_in_both_directions(tee: TeeProcess) -> None:
    agent = tee.agent()
    request, response = random.Random(1).randbytes(7 * MIB), random.Random(2).randbytes(9 * MIB)
    for _ in range(3):
        outer, inner = tee.connect()
        with outer:
            for source, target, data in ((outer, inner, request), (inner, outer, response)):
                for start in range(0, len(data), 100_000):
                    source.sendall(data[start : start + 100_000])
                    assert read_exactly(target, len(data[start : start + 100_000]))
            inner.close()
            assert read_all(outer) == b""
        exchange = agent.next()
        assert agent.bytes(exchange.request) == request
        assert agent.bytes(exchange.response) == response
        agent.acknowledge(exchange.id)


def test_how_a_direction_ended(tee: TeeProcess) -> None:
    agent = tee.agent()
    # Both senders say that there will be no more.
    outer, inner = tee.connect()
    with outer, inner:
        outer.sendall(b"q")
        outer.shutdown(socket.SHUT_WR)
        assert read_all(inner) == b"q"
        inner.shutdown(socket.SHUT_WR)
        exchange = agent.next()
    assert (exchange.request.ending, exchange.response.ending) == ("end", "end")
    # The receiver closes first.
    outer, inner = tee.connect()
    with inner:
        inner.sendall(b"answer")
        assert read_exactly(outer, 6) == b"answer"
        outer.close()
        exchange = agent.next()
    assert (exchange.request.ending, exchange.response.ending) == ("end", "receiver_closed")
    assert agent.bytes(exchange.response) == b"answer"
    # The receiver closes without having read.
    outer, inner = tee.connect()
    with inner:
        inner.sendall(b"answer")
        assert outer.recv(1, socket.MSG_PEEK)
        outer.close()
        exchange = agent.next()
    assert (exchange.request.ending, exchange.response.ending) == ("reset", "receiver_closed")


def test_what_ended_while_the_agent_was_away_is_offered_in_order(tee: TeeProcess) -> None:
    for number in range(1, 6):
        tee.exchange(b"%d" % number, b"")
    until(lambda: tee.status()["waiting_for_agent"] == 5, "the exchanges to be kept")
    agent = tee.agent()
    for number in range(1, 6):
        exchange = agent.next()
        assert exchange.id == number
        assert agent.bytes(exchange.request) == b"%d" % number


def test_what_was_not_acknowledged_is_offered_to_the_next_agent(tee: TeeProcess) -> None:
    agent = tee.agent()
    data = random.Random(3).randbytes(100_000)
    for _ in range(4):
        tee.exchange(data, b"")
    assert [agent.next().id for _ in range(4)] == [1, 2, 3, 4]
    agent.acknowledge(2, 77)
    until(lambda: tee.status()["handed_over"] == 1, "the acknowledgement")
    agent.close()
    tee.exchange(b"x", b"")
    successor = tee.agent()
    assert successor.hello == agent.hello
    for number in (1, 3, 4, 5):
        exchange = successor.next()
        assert exchange.id == number
        assert successor.bytes(exchange.request) == (data if number < 5 else b"x")


def test_the_newest_agent_replaces_the_older(tee: TeeProcess) -> None:
    old = tee.agent()
    tee.exchange(b"1", b"")
    assert old.next().id == 1
    new = tee.agent()
    assert new.next().id == 1
    assert old.socket.recv(1) == b""
    # What the old one says counts no more.
    new.acknowledge(1)
    tee.exchange(b"2", b"")
    assert new.next().id == 2


@pytest.mark.parametrize("nonsense", [b"what?\n", b"1" * 100, b"\n"])
def test_an_agent_that_talks_nonsense_is_left(tee: TeeProcess, nonsense: bytes) -> None:
    agent = tee.agent()
    agent.socket.sendall(nonsense)
    assert agent.socket.recv(1) == b""
    agent.close()
    tee.exchange(b"1", b"")
    successor = tee.agent()
    assert successor.next().id == 1


def test_a_frozen_agent_delays_nobody_and_misses_nothing(tee: TeeProcess) -> None:
    agent = tee.agent()
    data = random.Random(4).randbytes(10_000)
    for _ in range(200):
        tee.exchange(data, data)
    assert tee.status()["waiting_for_agent"] == 200
    for number in range(1, 201):
        exchange = agent.next()
        assert exchange.id == number
        assert agent.bytes(exchange.response) == data
        agent.acknowledge(number)
    until(lambda: tee.status()["waiting_for_agent"] == 0, "the acknowledgements")
    assert tee.status()["memory_bytes"] == 0


def test_short_ones_are_offered_however_many_are_not_acknowledged(tee: TeeProcess) -> None:
    agent = tee.agent()
    for _ in range(4200):
        tee.exchange(b"x", b"")
    assert agent.offered() == list(range(1, 4201))


def test_what_there_is_besides_is_under_way(tee: TeeProcess) -> None:
    agent = tee.agent()
    tee.exchange(b"ended", b"")
    outer, inner = tee.connect()
    silent, silent_inner = tee.connect()
    with outer, inner, silent, silent_inner:
        outer.sendall(b"under way " + b"x" * 1000)
        assert read_exactly(inner, 1010)
        # Its request has ended, its answer has not.
        outer.shutdown(socket.SHUT_WR)
        assert read_all(inner) == b""
        answer = agent.ask(4)
        assert agent.taken == [1]
        beginnings = sorted(answer.under_way)
        assert beginnings == [b"", b"under way " + b"x" * (BEGINNING_BYTES - 10)]
    assert {agent.next().id} == {2}
    assert agent.ask(5) == Answer(5, ())


def test_the_agent_is_still_told_when_a_client_hangs(tee: TeeProcess) -> None:
    agent: AgentStub = tee.agent()
    outer, inner = tee.connect()
    with outer, inner:
        write_until_blocked(outer)
        tee.exchange(b"next", b"")
        assert agent.next().id == 2
    assert agent.next().id == 1
