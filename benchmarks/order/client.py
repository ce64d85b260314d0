"""A client of HTTP/1.1 for many requests at once: each on a keep-alive connection that is idle, or on a new one."""

import asyncio
import re
from typing import cast

_STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)
_HEAD_BYTES = 65536


class NoAnswerError(Exception):
    """No answer, or a part of one, or one that can't be read."""


class Answer:
    """An answer: status, head (with the empty line) and body."""

    __slots__ = ("body", "head", "status")

    def __init__(self, status: int, head: bytes, body: bytes) -> None:
        self.status = status
        self.head = head
        self.body = body


class _Connection(asyncio.Protocol):
    def __init__(self) -> None:
        self._transport: asyncio.Transport
        self._data = bytearray()
        self._head = b""
        self._status = 0
        self._length = 0
        self._answer: asyncio.Future[Answer] | None = None
        self.usable = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are none of asyncio's classes.
        self._transport = cast(asyncio.Transport, transport)

    def send(self, request: bytes) -> asyncio.Future[Answer]:
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._answer

    def close(self) -> None:
        self.usable = False
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._data += data
        if not self._head and not self._read_head():
            return
        if len(self._data) < self._length or self._answer is None:
            return
        answer = Answer(self._status, self._head, bytes(self._data))
        waiting, self._answer = self._answer, None
        self._head = b""
        self._data.clear()
        if len(answer.body) > self._length:
            self._fail(waiting, "more bytes came than the answer has")
        elif not waiting.done():
            waiting.set_result(answer)

    def connection_lost(self, exc: Exception | None) -> None:
        self.usable = False
        if self._answer is not None:
            waiting, self._answer = self._answer, None
            self._fail(waiting, str(exc or "the connection was closed"))

    def _read_head(self) -> bool:
        end = self._data.find(b"\r\n\r\n")
        if end < 0 and len(self._data) < _HEAD_BYTES:
            return False
        head = bytes(self._data[: end + 4])
        status, length = _STATUS.match(head), _LENGTH.search(head)
        if status is None or length is None:
            if self._answer is not None:
                waiting, self._answer = self._answer, None
                self._fail(waiting, "an answer without a status or a Content-Length")
            return False
        del self._data[: end + 4]
        self._head, self._status, self._length = head, int(status[1]), int(length[1])
        return True

    def _fail(self, waiting: asyncio.Future[Answer], reason: str) -> None:
        self.close()
        if not waiting.done():
            waiting.set_exception(NoAnswerError(reason))


class Client:
    """Sends requests to a port of the loopback."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[_Connection] = []

    async def exchange(self, request: bytes) -> Answer:
        """Send a whole request; its answer, whole.

        Raises:
            NoAnswerError: there is none.
        """
        connection = self._idle.pop() if self._idle else await self._open()
        while not connection.usable:
            connection = self._idle.pop() if self._idle else await self._open()
        try:
            answer = await connection.send(request)
        except asyncio.CancelledError:
            connection.close()
            raise
        self._idle.append(connection)
        return answer

    def close(self) -> None:
        """Close what is idle."""
        for connection in self._idle:
            connection.close()

    async def _open(self) -> _Connection:
        loop = asyncio.get_running_loop()
        try:
            _, connection = await loop.create_connection(_Connection, "127.0.0.1", self._port)
        except OSError as error:
            raise NoAnswerError(str(error)) from error
        return connection
