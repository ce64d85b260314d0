"""Both ends of a connection through the tee see what they would see without it."""

import random
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tee.greeting import GRANTED
from tests.unit.tee_process import (
    GREETING,
    MIB,
    TeeProcess,
    read_all,
    read_exactly,
    running_tee,
    until,
    write_until_blocked,
)


@pytest.fixture(scope="module")
def tee(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TeeProcess]:
    with running_tee(tmp_path_factory.mktemp("tee")) as running:
        yield running
        assert "Traceback" not in running.log.read_text()


def write_in_pieces(end: socket.socket, data: bytes, dice: random.Random) -> None:
    rest = memoryview(data)
    while rest:
        size = dice.choice((1, 10, 1000, 16384, 65536, 300_000))
        end.sendall(rest[:size])
        rest = rest[size:]
    end.shutdown(socket.SHUT_WR)


def read_in_pieces(end: socket.socket, dice: random.Random) -> bytes:
    data = bytearray()
    while chunk := end.recv(dice.choice((1, 10, 1000, 16384, 65536, 300_000))):
        data += chunk
    return bytes(data)


@pytest.mark.parametrize("seed", range(12))
def test_every_byte_arrives_in_both_directions_at_once(tee: TeeProcess, seed: int) -> None:
    dice = random.Random(seed)
    sizes = (0, 1, 16_384, 16_385, 65_536, 131_072, 131_073, 3 * MIB)
    there, back = (dice.randbytes(max(0, dice.choice(sizes) + dice.randint(-2, 2))) for _ in range(2))
    outer, inner = tee.connect()
    arrived: dict[str, bytes] = {}

    def read(name: str, end: socket.socket) -> None:
        arrived[name] = read_in_pieces(end, random.Random(seed + 1))

    threads = [
        threading.Thread(target=write_in_pieces, args=(outer, there, random.Random(seed + 2))),
        threading.Thread(target=write_in_pieces, args=(inner, back, random.Random(seed + 3))),
        threading.Thread(target=read, args=("there", inner)),
        threading.Thread(target=read, args=("back", outer)),
    ]
    with outer, inner:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert arrived["there"] == there
    assert arrived["back"] == back
    until(lambda: tee.status()["open"] == 0, "the exchange's end")


@pytest.mark.parametrize("size", [1, 40_000, MIB])
def test_first_bytes_are_passed_on_before_the_last_ones_come(tee: TeeProcess, size: int) -> None:
    outer, inner = tee.connect()
    with outer, inner:
        for source, target in ((outer, inner), (inner, outer)):
            sender = threading.Thread(target=source.sendall, args=(b"x" * size,))
            sender.start()
            assert read_exactly(target, size) == b"x" * size
            sender.join()


def test_a_receiver_that_does_not_read_stops_the_sender(tee: TeeProcess) -> None:
    outer, inner = tee.connect()
    with outer, inner:
        before = tee.status()["memory_bytes"]
        for source, target in ((outer, inner), (inner, outer)):
            written = write_until_blocked(source)
            # Four socket buffers at most, and what the tee has in hand.
            assert written < 2 * MIB
            assert tee.status()["memory_bytes"] - before < 5 * MIB
            assert read_exactly(target, written) == b"w" * written


def test_the_other_exchanges_go_on_meanwhile(tee: TeeProcess) -> None:
    outer, inner = tee.connect()
    with outer, inner:
        write_until_blocked(outer)
        tee.exchange(b"question", b"answer" * 10_000)


def test_one_direction_may_end_before_the_other(tee: TeeProcess) -> None:
    outer, inner = tee.connect()
    with outer, inner:
        outer.sendall(b"question")
        outer.shutdown(socket.SHUT_WR)
        assert read_all(inner) == b"question"
        inner.sendall(b"ans")
        assert read_exactly(outer, 3) == b"ans"
        inner.sendall(b"wer")
        inner.shutdown(socket.SHUT_WR)
        assert read_all(outer) == b"wer"


@pytest.mark.parametrize("size", [10, 400_000])
def test_what_was_sent_before_closing_arrives(tee: TeeProcess, size: int) -> None:
    outer, inner = tee.connect()

    def send_and_close() -> None:
        with inner:
            inner.sendall(b"y" * size)

    with outer:
        sender = threading.Thread(target=send_and_close)
        sender.start()
        assert read_all(outer) == b"y" * size
        sender.join()
        with pytest.raises(BrokenPipeError):
            write_until_blocked(outer)


@pytest.mark.parametrize("first", ["outer", "inner"])
def test_a_closed_end_closes_the_silent_other_one(tee: TeeProcess, first: str) -> None:
    outer, inner = tee.connect()
    goes, stays = (outer, inner) if first == "outer" else (inner, outer)
    goes.close()
    with stays:
        assert stays.recv(1) == b""
        until(lambda: tee.status()["open"] == 0, "the exchange's end")
        with pytest.raises(BrokenPipeError):
            stays.send(b"x")


def test_a_receiver_that_wants_no_more_may_still_send(tee: TeeProcess) -> None:
    outer, inner = tee.connect()
    with outer, inner:
        inner.shutdown(socket.SHUT_RD)
        with pytest.raises(BrokenPipeError):
            until(lambda: not outer.send(b"x"), "a write to fail")
        inner.sendall(b"too large")
        inner.close()
        assert read_all(outer) == b"too large"


@pytest.mark.parametrize("first", ["outer", "inner"])
def test_a_blocked_writer_learns_that_its_reader_has_gone(tee: TeeProcess, first: str) -> None:
    outer, inner = tee.connect()
    goes, stays = (outer, inner) if first == "outer" else (inner, outer)
    write_until_blocked(stays)
    # Closed with unread bytes: the peer sees a reset.
    goes.close()
    with stays:
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            write_until_blocked(stays)
        until(lambda: tee.status()["open"] == 0, "the exchange's end")


def test_a_reset_does_not_take_back_what_was_sent_before(tee: TeeProcess) -> None:
    outer, inner = tee.connect()
    with inner:
        inner.sendall(b"never read")
        assert outer.recv(1, socket.MSG_PEEK)
        outer.sendall(b"question" * 10_000)
        outer.close()
        assert read_exactly(inner, 80_000) == b"question" * 10_000
        assert inner.recv(1) == b""
        until(lambda: tee.status()["open"] == 0, "the exchange's end")


def test_a_connection_without_a_byte_is_nothing_to_keep(tee: TeeProcess) -> None:
    outer, inner = tee.connect()
    with outer, inner:
        outer.close()
        assert inner.recv(1) == b""
    until(lambda: tee.status()["open"] == 0, "the exchange's end")
    before = tee.status()["waiting_for_agent"]
    outer, inner = tee.connect()
    outer.close()
    inner.close()
    until(lambda: tee.status()["open"] == 0, "the exchange's end")
    assert tee.status()["waiting_for_agent"] == before


def test_without_the_inner_frontend_connections_are_closed_at_once(tmp_path: Path) -> None:
    with running_tee(tmp_path) as tee:
        tee.close_inner()
        with tee.dial() as outer:
            # Before an answer: HAProxy has not sent its request yet.
            outer.sendall(GREETING)
            assert outer.recv(1) == b""
        assert tee.status()["refused"] == 1
        assert tee.status()["open"] == 0


def test_without_descriptors_connections_wait(tmp_path: Path) -> None:
    count = 20
    few = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))"
    with running_tee(tmp_path, few) as tee:
        outers = [tee.dial() for _ in range(count)]
        for number, outer in enumerate(outers):
            outer.sendall(GREETING + b"%d" % number)
        until(lambda: "can't be accepted now" in tee.log.read_text(), "the descriptors to run out")
        for number, outer in enumerate(outers):
            with outer, tee.accept_inner() as inner:
                assert inner.recv(10) == b"%d" % number
                inner.sendall(b"answer %d" % number)
                inner.close()
                assert read_all(outer) == GRANTED + b"answer %d" % number
        until(lambda: tee.status()["open"] == 0, "the exchanges' end")
        assert tee.status()["refused"] == 0


def test_many_connections_at_once(tee: TeeProcess) -> None:
    count, size = 100, 150_000
    before = tee.status()["exchanges"]
    failures: list[int] = []

    def answer() -> None:
        for inner in [tee.accept_inner() for _ in range(count)]:
            with inner:
                number = read_exactly(inner, size)[:4]
                inner.sendall(number * (size // 4))

    def ask(number: int) -> None:
        with tee.connect_outer() as outer:
            outer.sendall(number.to_bytes(4) * (size // 4))
            outer.shutdown(socket.SHUT_WR)
            if read_all(outer) != number.to_bytes(4) * (size // 4):
                failures.append(number)

    threads = [
        threading.Thread(target=answer),
        *(threading.Thread(target=ask, args=(n,)) for n in range(count)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert tee.status()["exchanges"] - before == count
    until(lambda: tee.status()["open"] == 0, "the exchanges' end")
