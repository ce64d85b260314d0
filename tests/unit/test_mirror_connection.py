"""What the shadow may send before its answer: a bounded number of bytes and of interim answers."""

import asyncio
from itertools import repeat
from typing import cast

import pytest

from agent.footprints.footprint import EVERYTHING
from agent.mirror_connection import Job, MirrorConnection


class Transport:
    """Of a peer that takes everything."""

    def __init__(self) -> None:
        self.aborted = False

    def write(self, data: bytes) -> None:
        pass

    def abort(self) -> None:
        self.aborted = True

    def close(self) -> None:
        pass


class Owner:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.answers = 0

    def opened(self, connection: MirrorConnection) -> None:
        pass

    def key_refused(self) -> None:
        pass

    def answered(self, connection: MirrorConnection, job: Job, *, reusable: bool) -> None:
        self.answers += 1

    def closed(self, connection: MirrorConnection, job: Job | None, *, untouched: bool) -> None:
        pass


class Asked:
    """A connection that waits for an answer."""

    def __init__(self) -> None:
        self.owner, self.transport = Owner(), Transport()
        self.connection = MirrorConnection(self.owner)
        self.connection.connection_made(cast("asyncio.BaseTransport", self.transport))
        self.ask()

    def ask(self) -> None:
        self.connection.send(Job(b"GET / HTTP/1.1\r\n\r\n", False, 0, 0, EVERYTHING))

    def taken(self, first: bytes, then: bytes, most: int) -> int:
        """How many bytes are taken until it is broken off, or the answer is whole."""
        taken = 0
        for data in (first, *repeat(then, most // len(then))):
            if self.transport.aborted or self.owner.answers:
                return taken
            self.connection.data_received(data)
            taken += len(data)
        return taken


BOUND = 16 * 1024 * 1024


@pytest.mark.parametrize(
    ("first", "then", "bound"),
    [
        (b"HTTP/1.1 200 OK\r\nx: ", b"a" * 65536, BOUND + 65536),
        (b"HTTP/1.1 200 OK\r\n", b"a: b\r\n" * 10_000, BOUND + 65536),
        (b"HTTP/1.1 103 Early Hints\r\nx: ", b"a" * 65536, BOUND + 65536),
        (b"HTTP/1.1 102 Processing\r\n\r\n", b"HTTP/1.1 102 Processing\r\n\r\n", 27 * 1001),
        (
            b"HTTP/1.1 103 Early Hints\r\n\r\n",
            b"HTTP/1.1 103 Early Hints\r\nx: %b\r\n\r\n" % (b"a" * 65536),
            BOUND + 66_000,
        ),
    ],
)
def test_what_has_no_end_before_the_answer_is_broken_off(first: bytes, then: bytes, bound: int) -> None:
    asked = Asked()
    assert asked.taken(first, then, 4 * bound) <= bound
    assert asked.transport.aborted


def test_a_thousand_interim_answers_before_each_answer_are_taken() -> None:
    asked = Asked()
    for _ in range(2):
        asked.owner.answers = 0
        for _ in range(1000):
            asked.connection.data_received(b"HTTP/1.1 102 Processing\r\n\r\n")
        asked.connection.data_received(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        assert (asked.owner.answers, asked.transport.aborted) == (1, False)
        asked.ask()


def test_the_answers_body_may_have_any_length() -> None:
    asked = Asked()
    taken = asked.taken(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n", b"a" * (1 << 20), 3 * BOUND)
    assert taken > 2 * BOUND
    assert not asked.transport.aborted
