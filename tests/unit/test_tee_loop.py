"""The loop, and an exchange on it, one round at a time: what no test with processes can time."""

import contextlib
import logging
import socket
from collections.abc import Iterator

import pytest

from tee import direction as direction_module
from tee import exchange as exchange_module
from tee.captured import Copy
from tee.exchange import OpenExchange
from tee.loop import Loop
from tests.unit.tee_room import FakeRoom


@pytest.fixture
def sockets() -> Iterator[contextlib.ExitStack]:
    with contextlib.ExitStack() as stack:
        yield stack


class Rig:
    """An exchange between two socket pairs; ``client`` and ``server`` are the far ends."""

    def __init__(self, sockets: contextlib.ExitStack) -> None:
        self.client, outer = map(sockets.enter_context, socket.socketpair())
        inner, self.server = map(sockets.enter_context, socket.socketpair())
        outer.setblocking(False)
        inner.setblocking(False)
        self.loop = Loop()
        self.loop.add(outer.fileno(), lambda _events: None)
        self.ended = False
        self.copies = (Copy(FakeRoom(10)), Copy(FakeRoom(10)))
        self.exchange = OpenExchange(1, outer, inner, self.copies, self.loop, self._ended)
        # A round that has nothing to wait for returns.
        self.loop.later(0.0, self._again)

    def _ended(self, _exchange: OpenExchange) -> None:
        self.ended = True

    def _again(self) -> None:
        self.loop.later(0.0, self._again)

    def rounds(self, count: int = 20) -> None:
        """So many rounds."""
        for _ in range(count):
            self.loop.round()


def test_what_one_turn_can_not_pass_on_is_passed_on_in_the_next(
    sockets: contextlib.ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(direction_module, "_READS_AT_ONCE", 1)
    rig = Rig(sockets)
    for end in (rig.client, rig.server):
        end.sendall(b"x" * 150_000)
        end.shutdown(socket.SHUT_WR)
    rig.exchange.start()
    rig.rounds()
    assert rig.ended
    assert [copy.total_bytes for copy in rig.copies] == [150_000, 150_000]


def test_an_answer_is_copied_even_when_the_client_has_gone(sockets: contextlib.ExitStack) -> None:
    rig = Rig(sockets)
    rig.server.sendall(b"answer")
    rig.server.close()
    rig.client.close()
    rig.exchange.start()
    rig.rounds()
    assert rig.ended
    stream = rig.copies[1].stream()
    assert (stream.inline, stream.ending) == (b"answer", "receiver_closed")


def fill(end: socket.socket) -> int:
    """Send as much as is taken; how much that was."""
    sent = 0
    end.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while True:
            sent += end.send(b"x" * 65536)
    return sent


def drain(end: socket.socket) -> int:
    """Read what is there; how much that was."""
    read = 0
    end.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while chunk := end.recv(65536):
            read += len(chunk)
    return read


@pytest.mark.parametrize("node_reads", [False, True])
def test_a_node_that_takes_no_more_of_what_nobody_waits_for_ends_the_exchange(
    sockets: contextlib.ExitStack, monkeypatch: pytest.MonkeyPatch, node_reads: bool
) -> None:
    monkeypatch.setattr(exchange_module, "_LINGER_S", 0.0)
    rig = Rig(sockets)
    rig.exchange.start()
    sent = received = 0
    for _ in range(5):
        sent += fill(rig.client)
        rig.rounds(3)
    ended = [rig.ended]
    rig.client.close()
    for _ in range(20):
        received += drain(rig.server) if node_reads else 0
        rig.rounds(1)
    ended.append(rig.ended)
    assert ended == [False, True]
    assert rig.copies[0].stream().ending == ("end" if node_reads else "reset")
    if node_reads:
        # However slowly: it gets everything.
        assert received + drain(rig.server) == sent


def test_a_defect_ends_its_exchange_only(
    sockets: contextlib.ExitStack, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    rig = Rig(sockets)
    monkeypatch.setattr(Copy, "add", lambda _copy, _data: 1 // 0)
    rig.client.sendall(b"question")
    rig.exchange.start()
    with caplog.at_level(logging.ERROR):
        rig.rounds()
    assert rig.ended
    assert rig.server.recv(1) == b""
    assert "exchange 1 is broken off" in caplog.text


def test_events_of_a_closed_socket_do_not_reach_the_next_one_of_its_number(
    sockets: contextlib.ExitStack,
) -> None:
    loop = Loop()
    pairs = [socket.socketpair() for _ in range(2)]
    for near, far in pairs:
        sockets.enter_context(near)
        sockets.enter_context(far)
        far.sendall(b"x")
    told: list[str] = []
    opened: list[socket.socket] = []

    def close_both(_events: int) -> None:
        told.append("old")
        for near, _ in pairs:
            loop.close(near)
        opened.extend(map(sockets.enter_context, socket.socketpair()))
        for one in opened:
            loop.add(one.fileno(), lambda _events: told.append("new"))

    for near, _ in pairs:
        loop.add(near.fileno(), close_both)
    loop.later(0.0, lambda: None)
    loop.round()
    assert told == ["old"]
    # Nor are they closed by mistake.
    assert all(near.fileno() == -1 for near, _ in pairs)
    opened[0].sendall(b"x")
    loop.round()
    assert told == ["old", "new"]


def test_callbacks_come_in_the_order_of_their_times() -> None:
    loop, called = Loop(), list[str]()
    loop.later(0.02, lambda: called.append("second"))
    loop.later(0.0, lambda: called.append("first"))
    loop.soon(lambda _events: called.append("soon"))
    while len(called) < 3:
        loop.round()
    assert called == ["soon", "first", "second"]


def test_a_defect_in_a_handler_is_said_and_the_others_are_called(caplog: pytest.LogCaptureFixture) -> None:
    loop, called = Loop(), list[str]()
    loop.soon(lambda _events: called.append(str(1 // 0)))
    loop.soon(lambda _events: called.append("next"))
    with caplog.at_level(logging.ERROR):
        loop.round()
    assert called == ["next"]
    assert "could not be handled" in caplog.text
