"""What HAProxy's connections begin with: which bytes they are, and what becomes of those that begin otherwise."""

import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tee.greeting import GRANTED, GREETING_BYTES, GreetingError, greeting_length
from tests.unit.tee_process import GREETING, TeeProcess, read_all, read_exactly, running_tee, until

CONNECT = GREETING[:8]

ENDLESS_PATIENCE = "import tee.newcomers; tee.newcomers._PATIENCE_S = 3600.0"

# The PROXY protocol's version 2 begins so.
PROXY = b"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c"


@pytest.mark.parametrize(
    ("data", "length"),
    [
        (b"", None),
        (b"\x04", None),
        (CONNECT, None),
        (CONNECT + b"HAProxy", None),
        (GREETING, len(GREETING)),
        (GREETING + PROXY, len(GREETING)),
        (CONNECT + b"\x00", 9),
        (CONNECT + b"\x00\x00", 9),
        # Port and address may be anything, NUL and others.
        (b"\x04\x01" + bytes(6) + b"\xff\x00", 10),
        (CONNECT + b"u" * 255, None),
        (CONNECT + b"u" * 255 + b"\x00", GREETING_BYTES),
    ],
)
def test_where_it_ends(data: bytes, length: int | None) -> None:
    assert greeting_length(data) == length


@pytest.mark.parametrize(
    "data",
    [
        b"\x05",
        b"\x04\x02",
        b"GET / HTTP/1.1\r\n",
        PROXY,
        CONNECT + b"u" * 256,
        CONNECT + b"u" * 256 + b"\x00",
    ],
)
def test_what_it_is_not(data: bytes) -> None:
    with pytest.raises(GreetingError):
        greeting_length(data)


@given(st.binary(max_size=GREETING_BYTES + 10))
def test_a_decision_comes_in_time_and_stays(rest: bytes) -> None:
    data = CONNECT[:2] + rest
    lengths = []
    for count in range(len(data) + 1):
        try:
            lengths.append(greeting_length(data[:count]))
        except GreetingError:
            lengths.append(-1)
    assert len(data) < GREETING_BYTES or lengths[-1] is not None
    decided = [length for length in lengths if length is not None]
    assert len(set(decided)) <= 1
    assert lengths == [None] * (len(lengths) - len(decided)) + decided


@pytest.fixture(scope="module")
def tee(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TeeProcess]:
    with running_tee(tmp_path_factory.mktemp("tee"), ENDLESS_PATIENCE) as running:
        yield running
        assert "Traceback" not in running.log.read_text()


def connect_in_pieces(tee: TeeProcess, pieces: list[bytes]) -> socket.socket:
    """Each piece has arrived before the next one is sent, as far as the tee's answering of others shows it."""
    outer = tee.dial()
    for piece in pieces:
        outer.sendall(piece)
        tee.status()
    return outer


def exchange(tee: TeeProcess, outer: socket.socket, request: bytes) -> None:
    """The rest of an exchange that has greeted; ``request`` is what must arrive inside."""
    assert read_exactly(outer, len(GRANTED)) == GRANTED
    with outer, tee.accept_inner() as inner:
        assert read_exactly(inner, len(request)) == request
        inner.sendall(b"answer")
        inner.close()
        assert read_all(outer) == b"answer"


def test_it_is_neither_passed_on_nor_copied_and_what_follows_is(tee: TeeProcess) -> None:
    agent = tee.agent()
    outer = tee.connect_outer()
    outer.sendall(PROXY)
    with outer, tee.accept_inner() as inner:
        assert read_exactly(inner, len(PROXY)) == PROXY
        inner.close()
        assert read_all(outer) == b""
    offered = agent.next()
    agent.acknowledge(offered.id)
    assert agent.bytes(offered.request) == PROXY
    assert agent.bytes(offered.response) == b""


def test_it_may_come_in_pieces(tee: TeeProcess) -> None:
    outer = connect_in_pieces(tee, [bytes((byte,)) for byte in GREETING])
    outer.sendall(PROXY)
    exchange(tee, outer, PROXY)


@pytest.mark.parametrize("size", [1, 300, 100_000])
def test_what_comes_with_it_belongs_to_the_exchange(tee: TeeProcess, size: int) -> None:
    outer = connect_in_pieces(tee, [GREETING[:5], GREETING[5:] + b"x" * size])
    exchange(tee, outer, b"x" * size)


@pytest.mark.parametrize(
    "pieces",
    [
        [b"GET / HTTP/1.1\r\n\r\n"],
        [b"\x04", b"\x02"],
        [CONNECT, b"u" * 200, b"u" * 56],
    ],
)
def test_who_begins_otherwise_is_closed_and_counted(tee: TeeProcess, pieces: list[bytes]) -> None:
    before = tee.status()
    # A socket that is closed with unread bytes in it resets.
    with connect_in_pieces(tee, pieces) as outer, pytest.raises(ConnectionResetError):
        outer.recv(1)
    after = tee.status()
    assert after["not_greeted"] == before["not_greeted"] + 1
    assert after["exchanges"] == before["exchanges"]


@pytest.mark.parametrize("pieces", [[], [b"\x04"], [GREETING[:-1]]])
def test_who_goes_before_it_is_counted(tee: TeeProcess, pieces: list[bytes]) -> None:
    before = tee.status()
    connect_in_pieces(tee, pieces).close()
    until(lambda: tee.status()["not_greeted"] == before["not_greeted"] + 1, "the connection's end")
    assert tee.status()["exchanges"] == before["exchanges"]


def test_who_ends_with_half_of_it_is_closed(tee: TeeProcess) -> None:
    with connect_in_pieces(tee, [GREETING[:-1]]) as outer:
        outer.shutdown(socket.SHUT_WR)
        with pytest.raises(ConnectionResetError):
            outer.recv(1)


def test_who_says_nothing_holds_nothing_and_is_closed_after_a_while(tmp_path: Path) -> None:
    with running_tee(tmp_path, "import tee.newcomers; tee.newcomers._PATIENCE_S = 0.2") as tee:
        silent = [tee.dial() for _ in range(10)]
        assert {name: tee.status()[name] for name in ("exchanges", "open", "memory_bytes")} == {
            "exchanges": 0,
            "open": 0,
            "memory_bytes": 0,
        }
        for outer in silent:
            with outer:
                assert outer.recv(1) == b""
        until(lambda: tee.status()["not_greeted"] == 10, "the connections' end")
        # And the watch goes on.
        with tee.dial() as outer:
            assert outer.recv(1) == b""
        tee.exchange(b"question", b"answer")


def test_who_has_greeted_is_waited_for_longer(tmp_path: Path) -> None:
    with running_tee(tmp_path, "import tee.newcomers; tee.newcomers._PATIENCE_S = 0.1") as tee:
        patient = tee.connect_outer()
        with tee.dial() as silent:
            assert silent.recv(1) == b""
        patient.sendall(PROXY)
        with patient, tee.accept_inner() as inner:
            assert read_exactly(inner, len(PROXY)) == PROXY


def test_a_frozen_tee_answers_nobody_and_later_forgets_those_who_went(tmp_path: Path) -> None:
    with running_tee(tmp_path) as tee:
        tee.signal(signal.SIGSTOP)
        with tee.dial() as outer:
            outer.sendall(GREETING)
            outer.settimeout(0.15)
            with pytest.raises(TimeoutError):
                outer.recv(1)
        tee.signal(signal.SIGCONT)
        until(lambda: tee.status()["not_greeted"] == 1, "the connection's end")
        assert tee.status()["exchanges"] == 0
        tee.exchange(b"question", b"answer")


def test_a_stopping_tee_closes_those_who_have_not_greeted(tmp_path: Path) -> None:
    with running_tee(tmp_path, ENDLESS_PATIENCE, drain_s=3600.0) as tee:
        outer, inner = tee.connect()
        with tee.dial() as silent:
            tee.status()
            tee.signal()
            assert silent.recv(1) == b""
        with outer, inner:
            outer.sendall(b"question")
            assert read_exactly(inner, 8) == b"question"
        assert tee.wait() == 0
