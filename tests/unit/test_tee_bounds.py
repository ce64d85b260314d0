"""What happens at the bounds: copies end there, what passes does not."""

import random
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.unit.tee_process import MIB, PATIENCE_S, TeeProcess, read_all, read_exactly, running_tee, until

FULL_DISK = "import os, tee.spool; tee.spool._unlinked = lambda directory: os.open('/dev/full', os.O_RDWR)"
SLOW_DISK = (
    "import time, tee.spool as s; real = s._write_all; s._write_all = lambda *a: (time.sleep(0.01), real(*a))"
)
GATED_DISK = """
import os, time, tee.spool
real = tee.spool._write_all
def gated(*arguments):
    while not os.path.exists({gate!r}):
        time.sleep(0.01)
    real(*arguments)
tee.spool._write_all = gated
"""
HANGING_DISK = "import time, tee.spool; tee.spool._write_all = lambda *_: time.sleep(3600)"


def pass_through(tee: TeeProcess, data: bytes) -> None:
    """One exchange with a request of any size."""
    pass_between(*tee.connect(), data)


def pass_through_and_back(tee: TeeProcess, request: bytes, answer: bytes) -> None:
    """One exchange with a request and an answer that fit the sockets."""
    outer, inner = tee.connect()
    with outer, inner:
        sender = threading.Thread(target=outer.sendall, args=(request,))
        sender.start()
        assert read_exactly(inner, len(request)) == request
        sender.join()
        inner.sendall(answer)
        inner.close()
        assert read_all(outer) == answer


def pass_between(outer: socket.socket, inner: socket.socket, data: bytes) -> None:
    """The same, of a connection that is there."""
    with outer, inner:
        sender = threading.Thread(target=outer.sendall, args=(data,))
        sender.start()
        assert read_exactly(inner, len(data)) == data
        sender.join()
        inner.close()
        assert read_all(outer) == b""


def test_beyond_the_memory_copies_go_to_the_spool(tmp_path: Path) -> None:
    with running_tee(tmp_path, memory_bytes=8 * MIB, spool_bytes=64 * MIB) as tee:
        sent = [random.Random(seed).randbytes(3 * MIB + seed) for seed in range(6)]
        for number, data in enumerate(sent, start=1):
            pass_through(tee, data)
            # The disk is given the time: how fast it must be is not the subject.
            until(lambda: tee.status()["memory_bytes"] <= 4 * MIB, "the spool to take its part")
            assert tee.status()["waiting_for_agent"] == number
        assert tee.status()["spool_bytes"] > 12 * MIB
        assert tee.status()["copies_given_up"] == 0
        agent = tee.agent()
        places = set()
        for data in sent:
            exchange = agent.next()
            assert exchange.request.incomplete == ""
            assert agent.bytes(exchange.request) == data
            places |= {piece.place for piece in exchange.request.pieces}
            agent.acknowledge(exchange.id)
        assert places == {"memory", "spool"}
        until(lambda: tee.status()["spool_bytes"] == tee.status()["memory_bytes"] == 0, "the space")
    assert [path for path in tmp_path.iterdir() if "spool" in path.name] == []


def test_where_a_copy_may_wait_the_sender_goes_at_the_pace_of_the_spool(tmp_path: Path) -> None:
    with running_tee(
        tmp_path, SLOW_DISK, memory_bytes=2 * MIB, spool_bytes=64 * MIB, room_wait_s=PATIENCE_S
    ) as tee:
        sent = [random.Random(seed).randbytes(6 * MIB) for seed in range(3)]
        # At once: one copy's room is the other one's want.
        connections = [tee.connect() for _ in sent]
        with ThreadPoolExecutor() as pool:
            for done in [
                pool.submit(pass_between, outer, inner, data)
                for (outer, inner), data in zip(connections, sent, strict=True)
            ]:
                done.result()
        status = tee.status()
        assert status["copies_given_up"] == 0
        assert 0 < status["copies_waited"] <= 6
        agent = tee.agent()
        copied = []
        for _ in sent:
            exchange = agent.next()
            copied.append(agent.bytes(exchange.request))
            agent.acknowledge(exchange.id)
        assert sorted(copied) == sorted(sent)


@pytest.mark.parametrize(
    ("spool_bytes", "statements", "reason"),
    [(0, "", "memory_full"), (MIB, "", "spool_full"), (64 * MIB, FULL_DISK, "spool_failed")],
)
def test_without_room_the_copy_ends_and_the_client_feels_nothing(
    tmp_path: Path, spool_bytes: int, statements: str, reason: str
) -> None:
    with running_tee(tmp_path, statements, memory_bytes=2 * MIB, spool_bytes=spool_bytes) as tee:
        sent = [random.Random(seed).randbytes(MIB) for seed in range(8)]
        for data in sent:
            pass_through(tee, data)
        status = tee.status()
        assert status["memory_bytes"] <= 2 * MIB
        assert status["spool_bytes"] <= spool_bytes
        assert 0 < status["copies_given_up"] < 8
        agent = tee.agent()
        incomplete = []
        for number, data in enumerate(sent, start=1):
            exchange = agent.next()
            assert exchange.id == number
            assert exchange.request.total_bytes == len(data)
            copied = agent.bytes(exchange.request)
            assert copied == data[: len(copied)]
            assert (len(copied) == len(data)) == (exchange.request.incomplete == "")
            if exchange.request.incomplete:
                incomplete.append(exchange.request.incomplete)
            agent.acknowledge(number)
        assert reason in incomplete
        # The oldest ones are kept.
        assert exchange.request.incomplete
        assert len(incomplete) == status["copies_given_up"]
        until(lambda: tee.status()["memory_bytes"] == 0, "the space to be given back")
        pass_through(tee, sent[0])
        exchange = agent.next()
        assert agent.bytes(exchange.request) == sent[0]
        log = tee.log.read_text()
        assert log.count("traffic goes on uncaptured") == 1
        assert log.count("can't be written") == (1 if statements else 0)


def test_only_bytes_that_need_room_wait_for_it(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    with running_tee(
        tmp_path, GATED_DISK.format(gate=str(gate)), memory_bytes=2 * MIB, room_wait_s=PATIENCE_S
    ) as tee:
        outer, inner = tee.connect()
        with outer, ThreadPoolExecutor() as pool:
            with inner:
                outer.sendall(b"a request")
                assert read_exactly(inner, 9) == b"a request"
                sent = random.Random(1).randbytes(5 * MIB)
                large = pool.submit(pass_through, tee, sent)
                until(lambda: tee.status()["copies_waited"] == 1, "the large one to wait")
            # An end needs no room.
            assert read_all(outer) == b""
            until(lambda: tee.status()["open"] == 1, "the first exchange's end")
            assert not large.done()
            gate.touch()
            large.result()
        assert tee.status()["copies_given_up"] == 0
        agent = tee.agent()
        copied = {
            len(data): data for data in (agent.bytes(one.request) for one in (agent.next(), agent.next()))
        }
        assert copied == {9: b"a request", len(sent): sent}


def test_a_tee_that_stops_waits_for_no_room(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    with running_tee(
        tmp_path, GATED_DISK.format(gate=str(gate)), memory_bytes=2 * MIB, room_wait_s=3600.0
    ) as tee:
        with ThreadPoolExecutor() as pool:
            large = pool.submit(pass_through, tee, bytes(5 * MIB))
            until(lambda: tee.status()["copies_waited"] == 1, "the large one to wait")
            tee.signal()
            large.result()
        assert tee.wait() == 0


def test_a_hanging_disk_delays_nobody_for_long(tmp_path: Path) -> None:
    with running_tee(tmp_path, HANGING_DISK, memory_bytes=2 * MIB, room_wait_s=0.2) as tee:
        sent = [random.Random(seed).randbytes(MIB) for seed in range(6)]
        for data in sent:
            pass_through(tee, data)
        agent = tee.agent()
        exchanges = []
        for _ in sent:
            exchanges.append(agent.next())
            copied = agent.bytes(exchanges[-1].request)
            assert copied == sent[len(exchanges) - 1][: len(copied)]
            agent.acknowledge(exchanges[-1].id)
        assert exchanges[0].request.incomplete == ""
        assert exchanges[-1].request.incomplete == "memory_full"
        tee.signal()
        assert tee.wait() == 0


def test_an_exchange_counts_as_memory_too(tmp_path: Path) -> None:
    with running_tee(tmp_path, memory_bytes=MIB // 8, spool_bytes=0) as tee:
        # 64 times 2 KiB are all there is.
        for number in range(100):
            tee.exchange(b"%d" % number, b"answer")
        until(lambda: tee.status()["open"] == 0, "the exchanges' end")
        kept = tee.status()["waiting_for_agent"]
        assert 60 <= kept < 64
        assert tee.status()["copies_given_up"] >= 2 * (100 - 64)
        agent = tee.agent()
        agent.acknowledge(*agent.offered())
        until(lambda: tee.status()["memory_bytes"] == 0, "the room")
        tee.exchange(b"next", b"")
        assert agent.next().id == 101


def test_an_agent_that_reads_slowly_pins_a_part_of_the_memory_only(tmp_path: Path) -> None:
    with running_tee(tmp_path, memory_bytes=8 * MIB) as tee:
        agent = tee.agent()
        for _ in range(12):
            pass_through(tee, b"x" * MIB)
            until(lambda: tee.status()["memory_bytes"] < 4.5 * MIB, "the spool to take its part")
        # All of them, though none is acknowledged: what does not fit the part is offered from the spool.
        exchanges = [agent.next() for _ in range(12)]
        pieces = [piece for exchange in exchanges for piece in exchange.request.pieces]
        assert 0 < sum(piece.length for piece in pieces if piece.place == "memory") <= 4 * MIB
        assert tee.status()["copies_given_up"] == 0


def test_large_requests_are_offered_though_none_is_acknowledged(tmp_path: Path) -> None:
    # Their answers are short: they wait in memory, which was too much for the old bound.
    with running_tee(tmp_path, memory_bytes=4 * MIB, room_wait_s=PATIENCE_S) as tee:
        agent, request, answer = tee.agent(), random.Random(1).randbytes(100_000), b"a" * 10_000
        for _ in range(200):
            pass_through_and_back(tee, request, answer)
        exchanges = [agent.next() for _ in range(200)]
        status = tee.status()
        assert status["copies_given_up"] == 0
        assert status["spool_bytes"] > 20 * MIB
        for exchange in exchanges:
            assert agent.bytes(exchange.request) == request
            assert agent.bytes(exchange.response) == answer
        # Another agent gets the same, though its answers are in the spool by now.
        agent.close()
        successor = tee.agent()
        exchanges = [successor.next() for _ in range(200)]
        assert any(piece.place == "spool" for exchange in exchanges for piece in exchange.response.pieces)
        for exchange in exchanges:
            assert successor.bytes(exchange.request) == request
            assert successor.bytes(exchange.response) == answer
            successor.acknowledge(exchange.id)
        until(lambda: tee.status()["memory_bytes"] == tee.status()["spool_bytes"] == 0, "the space")


@pytest.mark.parametrize("statements", [FULL_DISK, HANGING_DISK])
def test_a_disk_that_takes_nothing_keeps_no_copy_from_the_agent(tmp_path: Path, statements: str) -> None:
    with running_tee(tmp_path, statements, memory_bytes=8 * MIB, room_wait_s=0.1) as tee:
        agent = tee.agent()
        for _ in range(7):
            pass_through(tee, b"x" * (MIB - 1))
        # More than half of the memory, and nothing is acknowledged.
        assert [agent.next().id for _ in range(7)] == list(range(1, 8))
        assert tee.status()["copies_given_up"] == 0


def test_without_a_spool_directory_the_memory_has_to_do(tmp_path: Path) -> None:
    with running_tee(tmp_path, spool_dir="/nowhere/at/all") as tee:
        agent = tee.agent()
        pass_through(tee, b"x" * MIB)
        assert agent.bytes(agent.next().request) == b"x" * MIB
        assert "there is no spool" in tee.log.read_text()
