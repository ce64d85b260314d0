"""A client of HTTP/1.1 as small as it can be: a request that lies ready in memory, one call to send it, an answer that is checked.

Nothing between the measurement and the socket, so that what is measured is what is behind the socket.
"""

import re
import socket
import struct
import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from capture.errors import UserError

_PIECE_BYTES = 1 << 20
_KEPT_BYTES = 512
_HEAD_BYTES = 65536
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3}) ")
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)


def request(method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> bytes:
    """A whole request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: bench", f"Content-Length: {len(body)}"]
    if body:
        lines.append(
            "Content-Type: application/x-ndjson"
            if path.endswith("_bulk")
            else "Content-Type: application/json"
        )
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


@dataclass(frozen=True)
class Answer:
    """An answer, and when it came. Times in ns of CLOCK_MONOTONIC, which all processes of the machine share."""

    status: int
    head: bytes
    body_start: bytes
    """The first 512 bytes of the body, or all."""
    body_bytes: int
    begun_ns: int
    """Just before the first byte of the request was sent."""
    first_ns: int
    """When the first bytes of the answer were here."""
    ended_ns: int

    @property
    def took_ms(self) -> float:
        """From the first byte sent to the last one received."""
        return (self.ended_ns - self.begun_ns) / 1e6

    def number(self, name: str) -> int:
        """The value of a header that is a number.

        Raises:
            UserError: there is none.
        """
        match = re.search(rb"\r\n" + re.escape(name.encode()) + rb": *(\d+)\r\n", self.head, re.IGNORECASE)
        if match is None:
            raise UserError(
                f"an answer without the header {name}",
                hint="is something else using that port?",
                detail=self.head.decode(errors="replace"),
            )
        return int(match[1])


class Connection:
    """A keep-alive connection. One request at a time."""

    def __init__(self, address: tuple[str, int], timeout_s: int = 120) -> None:
        self._socket = socket.create_connection(address, timeout_s)
        # The time-outs are the kernel's: Python's own make every send a poll and a smaller send.
        self._socket.settimeout(None)
        limit = struct.pack("@ll", timeout_s, 0)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = bytearray(_PIECE_BYTES)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._socket.close()

    def exchange(self, whole_request: bytes) -> Answer:
        """Send a request of `request`, and receive the answer. HEAD and answers without Content-Length are not understood.

        Raises:
            UserError: the connection ended, or nothing moved for the time-out, or what came is no such answer.
        """
        try:
            begun_ns = time.monotonic_ns()
            self._socket.sendall(whole_request)
            received = self._receive()
            first_ns = time.monotonic_ns()
            start = bytes(self._buffer[:received])
            while (end := start.find(b"\r\n\r\n")) < 0:
                if len(start) > _HEAD_BYTES:
                    raise _no_answer("an answer whose head has no end", start)
                start += self._piece()
            head, body = start[: end + 4], start[end + 4 :]
            status, length = _STATUS.match(head), _LENGTH.search(head)
            if status is None or length is None:
                raise _no_answer("an answer without a status or a Content-Length", head)
            body_bytes = int(length[1])
            while len(body) < min(_KEPT_BYTES, body_bytes):
                body += self._piece()
            count = len(body)
            while count < body_bytes:
                count += self._receive()
            ended_ns = time.monotonic_ns()
        except OSError as error:
            raise UserError(
                f"a request of {len(whole_request):,} bytes got no answer: {error}",
                hint="the log of what was asked says more",
            ) from error
        if count != body_bytes:
            raise _no_answer(f"{count} bytes of a body of {body_bytes}", head)
        return Answer(int(status[1]), head, body[:_KEPT_BYTES], body_bytes, begun_ns, first_ns, ended_ns)

    def _piece(self) -> bytes:
        return bytes(self._buffer[: self._receive()])

    def _receive(self) -> int:
        count = self._socket.recv_into(self._buffer)
        if count == 0:
            raise ConnectionResetError("the connection was closed")
        return count


def _no_answer(what: str, detail: bytes) -> UserError:
    return UserError(what, hint="its beginning is above", detail=detail[:2000].decode(errors="replace"))
