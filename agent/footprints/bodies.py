"""The bodies of one transaction, as far as a footprint needs them. No I/O besides a long body's own."""

from collections.abc import Iterator
from typing import Final

from agent.footprints.content import (
    ANSWER_START_BYTES,
    MOST_BODY_BYTES,
    long_start,
    plain,
    plain_chunks,
    plain_start,
)
from record.content_coding import CodingError
from record.transaction import Transaction


class Bodies:
    """Gives a request's body and an answer's start: those in memory, or what was read of the long ones."""

    def __init__(self, unread: bool = False) -> None:
        """Args: unread: say of neither that it can be read."""
        self._unread = unread
        self._request: bytes | None = None
        self._answer: bytes = b""

    def request(self, source: bytes, t: Transaction) -> bytes | None:
        """The request's body, decoded; ``source`` if there is none; None if it can't be read."""
        if self._unread:
            return None
        if t.request_long is not None:
            return self._request
        body = t.request_body
        if not t.request_whole and (body or t.request_body_bytes):
            return None
        if not body:
            return source
        return plain(body, t.request_headers, MOST_BODY_BYTES)

    def answer(self, t: Transaction) -> bytes:
        """The answer's start, decoded; empty if it can't be read."""
        if self._unread:
            return b""
        if t.response_long is not None:
            return self._answer
        return plain_start(t.response_body, t.response_headers, ANSWER_START_BYTES)

    def read_answer(self, t: Transaction) -> None:
        """Read the start of a long answer.

        Raises:
            OSError: it can't be read.
        """
        if t.response_long is not None:
            self._answer = long_start(t.response_long, t.response_headers)

    def set_request(self, body: bytes) -> None:
        """The long request's body is this."""
        self._request = body


READ: Final = Bodies()
"""Of a transaction whose bodies are in memory."""
UNREAD: Final = Bodies(unread=True)
"""Of one whose bodies are not read."""


def read_in_slices(bodies: Bodies, t: Transaction) -> Iterator[None]:
    """Read a long request, in slices; one that is too long, or can't be decoded, stays unread.

    Raises:
        OSError: it can't be read.
    """
    if t.request_long is None:
        return
    parts: list[bytes] = []
    size = 0
    try:
        for part in plain_chunks(t.request_long.chunks(), t.request_headers, 2 * MOST_BODY_BYTES):
            parts.append(part)
            size += len(part)
            if size > MOST_BODY_BYTES:
                return
            yield None
    except CodingError:
        return
    bodies.set_request(b"".join(parts))
