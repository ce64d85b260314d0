"""``python -m benchmarks.bodies.sink_server PORT COUNTS``: a node that reads every body to its end before it answers.

nginx's ``return`` answers first and reads later, and its proxying copies once more; this one receives into one buffer, as fast as the
kernel gives. It says in the answer how many bytes came, and when (ns of CLOCK_MONOTONIC).
"""

import asyncio
import mmap
import re
import sys
import time
from pathlib import Path
from typing import ClassVar, cast

import uvloop

from benchmarks.bodies.sink import COUNTS_BYTES

# Stays in the processor's cache, unlike a larger one.
_PIECE_BYTES = 256 * 1024
_HEAD_BYTES = 65536

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)
_WANTED = re.compile(rb"\r\nx-answer-bytes: *(\d+)\r\n", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:", re.IGNORECASE)
_HEAD = (
    b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"
    b"X-Body-Bytes: %d\r\nX-First-Byte: %d\r\nX-Answered: %d\r\n\r\n"
)
_SHORT = (
    b'{"took":3,"errors":false,"items":[{"index":{"_index":"bench","_type":"_doc","_id":"1","status":201}}]}'
)


class _Counts:
    """Requests answered and bytes of bodies received, where other processes see them at once (`benchmarks.bodies.sink`)."""

    def __init__(self, path: Path) -> None:
        with path.open("r+b") as file:
            self._numbers = memoryview(mmap.mmap(file.fileno(), COUNTS_BYTES)).cast("Q")

    def received(self, count: int) -> None:
        self._numbers[1] += count

    def answered(self) -> None:
        self._numbers[0] += 1


class _Connection(asyncio.BufferedProtocol):
    # One for all: what is in it is dealt with before anything else is received.
    _piece: ClassVar[memoryview] = memoryview(bytearray(_PIECE_BYTES))

    def __init__(self, counts: _Counts) -> None:
        self._counts = counts
        self._transport: asyncio.Transport
        self._head = b""
        self._first_ns = 0
        self._length = 0
        self._left = 0
        self._wanted = 0
        self._counted = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are none of asyncio's classes.
        self._transport = cast(asyncio.Transport, transport)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - the interface's
        return self._piece

    def buffer_updated(self, nbytes: int) -> None:
        if self._left > 0:
            self._body(nbytes)
            return
        if not self._head:
            self._first_ns = time.monotonic_ns()
        self._head += self._piece[:nbytes]
        while self._left == 0 and (end := self._head.find(b"\r\n\r\n")) >= 0:
            head, rest = self._head[: end + 4], self._head[end + 4 :]
            if not self._begin(head):
                return
            # What follows a whole request is the next one's head.
            self._head = rest[self._left :]
            self._body(min(len(rest), self._left))
        if len(self._head) > _HEAD_BYTES:
            self._refuse(b"431 Request Header Fields Too Large")

    def _begin(self, head: bytes) -> bool:
        if _CHUNKED.search(head):
            self._refuse(b"411 Length Required")
            return False
        length, wanted = _LENGTH.search(head), _WANTED.search(head)
        self._length = self._left = int(length[1]) if length else 0
        self._wanted = int(wanted[1]) if wanted else len(_SHORT)
        # Health checks are no traffic.
        self._counted = not head.startswith((b"GET / ", b"HEAD / ", b"OPTIONS / "))
        return True

    def _body(self, count: int) -> None:
        self._left -= count
        self._counts.received(count)
        if self._left < 0:
            # Nobody here sends the next request before the answer to this one.
            self._refuse(b"400 Bad Request")
        elif self._left == 0:
            self._answer(b"200 OK")

    def _answer(self, status: bytes) -> None:
        body = _SHORT if self._wanted == len(_SHORT) else _filling(self._wanted)
        if self._counted:
            self._counts.answered()
        head = _HEAD % (status, len(body), self._length, self._first_ns, time.monotonic_ns())
        self._transport.write(head)
        self._transport.write(body)

    def _refuse(self, status: bytes) -> None:
        self._wanted = len(_SHORT)
        self._counted = False
        self._answer(status)
        self._transport.close()


_fillings: dict[int, bytes] = {}


def _filling(count: int) -> bytes:
    """A body of JSON text of so many bytes, made once."""
    if count not in _fillings:
        text = b'{"took":3,"hits":{"hits":["' + b'","'.join([b"GET /index.html 200 in 12 ms"] * (count // 31))
        _fillings[count] = text[: max(0, count - 4)].ljust(max(0, count - 4), b" ") + b'"]}}'[:count]
    return _fillings[count]


async def _serve(port: int, counts: _Counts) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(counts), "127.0.0.1", port, backlog=4096)
    async with server:
        await server.serve_forever()


def main() -> None:
    """Serve until a signal ends it."""
    port, counts = int(sys.argv[1]), _Counts(Path(sys.argv[2]))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(port, counts))


if __name__ == "__main__":
    main()
