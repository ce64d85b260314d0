"""A client that shows every byte: requests as they are written on the wire, answers as they came."""

import itertools
import secrets
import socket
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

_NUMBERS = itertools.count(1)
_SESSION = secrets.token_hex(3)


def new_case() -> str:
    """A name that no other request of this session has; a request bears it as ``x-case``."""
    return f"{_SESSION}-{next(_NUMBERS)}"


@dataclass(frozen=True)
class Request:
    """One request. ``framing``: ``none``, ``length`` or ``chunked``; by default ``length`` when there is a body."""

    method: str = "GET"
    target: bytes = b"/"
    lines: Sequence[bytes] = ()
    body: bytes = b""
    framing: str = ""
    answer: str = ""
    """What the node is asked for (`recording_server.Rule`)."""
    version: str = "1.1"
    host: bytes = b"node.test"
    """Empty: no host line."""
    chunk_sizes: Sequence[int] = ()
    """Sizes of the chunks; what is left makes the last one."""
    chunk_extension: bytes = b""
    """Of every chunk, the last one too: ``;name=value`` (RFC 9112 7.1.1)."""
    trailers: Sequence[bytes] = ()
    """Lines after the last chunk (RFC 9112 7.1.2)."""
    case: str = field(default_factory=new_case)

    @property
    def head_lines(self) -> list[bytes]:
        """Every header line, as it is sent."""
        lines = [b"Host: " + self.host] if self.host else []
        lines += [b"X-Case: " + self.case.encode(), *self.lines]
        if self.answer:
            lines.append(b"X-Answer: " + self.answer.encode())
        framing = self.framing or ("length" if self.body else "none")
        if framing == "length":
            lines.append(b"Content-Length: %d" % len(self.body))
        elif framing == "chunked":
            lines.append(b"Transfer-Encoding: chunked")
        return lines

    @property
    def head(self) -> bytes:
        """Request line and header lines, with the empty line."""
        line = self.method.encode() + b" " + self.target + b" HTTP/" + self.version.encode() + b"\r\n"
        return line + b"".join(text + b"\r\n" for text in self.head_lines) + b"\r\n"

    @property
    def wire_body(self) -> bytes:
        """The body with its transfer coding."""
        if self.framing != "chunked":
            return self.body
        parts, start = [], 0
        for size in [*self.chunk_sizes, len(self.body) - sum(self.chunk_sizes)]:
            if size:
                data = self.body[start : start + size]
                parts += [b"%x%b\r\n" % (size, self.chunk_extension), data, b"\r\n"]
                start += size
        parts += [b"0%b\r\n" % self.chunk_extension, *(line + b"\r\n" for line in self.trailers), b"\r\n"]
        return b"".join(parts)

    @property
    def wire(self) -> bytes:
        """All of it."""
        return self.head + self.wire_body


@dataclass(frozen=True)
class Answer:
    """One answer; equal to another when a client could not tell them apart (save by chunk sizes and times)."""

    interim: tuple[bytes, ...]
    """Heads of the interim answers before it (RFC 9110 15.2)."""
    head: bytes
    """Status line and header lines with the empty line; empty when the connection ended before."""
    body: bytes
    """Transfer coding undone; what came of it when it ended too early."""
    complete: bool
    """Whether it was whole as its own head says."""
    first_byte_s: float = field(compare=False)
    """``time.monotonic()`` of its first byte."""
    last_byte_s: float = field(compare=False)

    @property
    def status(self) -> int:
        """The status code; 0 when there was none."""
        return int(self.head.split(b" ", 2)[1]) if self.head else 0

    @property
    def fields(self) -> list[tuple[str, str]]:
        """Header names in lower case, with their values."""
        return header_fields(self.head.split(b"\r\n")[1:-2])

    def value(self, name: str) -> str | None:
        """Value of a header."""
        return next((value for key, value in self.fields if key == name), None)


def header_fields(lines: Sequence[bytes]) -> list[tuple[str, str]]:
    """Names in lower case and values, in their order."""
    pairs = (line.decode("latin-1").partition(":") for line in lines)
    return [(name.lower(), value.strip(" \t")) for name, _, value in pairs]


class RawClient:
    """One connection. Every wait ends after ``timeout_s`` with an error."""

    def __init__(self, address: tuple[str, int], timeout_s: float = 20, receive_bytes: int = 0) -> None:
        """``receive_bytes``: so much is received at most that nobody has read; 0: as the system likes."""
        self.opened_s = time.monotonic()
        """When it began to connect."""
        self._socket = socket.socket(socket.AF_INET)
        if receive_bytes:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self._socket.settimeout(timeout_s)
        try:
            self._socket.connect(address)
        except OSError:
            self._socket.close()
            raise
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = bytearray()
        self._was_reset = False
        self._ended = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def send(self, data: bytes) -> None:
        """Send all of it."""
        self._socket.sendall(data)

    def await_body(self, count: int) -> bool:
        """Wait for an answer's head and ``count`` bytes after it, which stay to be read; False: the connection ended before."""
        while b"\r\n\r\n" not in self._buffer:
            if not self._more():
                return False
        return self._more_than(self._buffer.index(b"\r\n\r\n") + 4 + count - 1)

    def half_close(self) -> None:
        """Say that nothing more will be sent."""
        self._socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """End the connection."""
        self._socket.close()

    def reset(self) -> None:
        """End the connection with a TCP reset."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    def interim(self) -> bytes:
        """Wait for an interim answer's head."""
        return self._head()

    def answer(self, method: str = "GET") -> Answer:
        """Read one answer to a request with ``method``, however it ends."""
        interim: list[bytes] = []
        first_byte_s = 0.0
        while True:
            self._more_than(0)
            first_byte_s = first_byte_s or time.monotonic()
            head = self._head()
            if not head.startswith((b"HTTP/1.1 1", b"HTTP/1.0 1")) or head[9:12] == b"101":
                break
            interim.append(head)
        body, complete = self._body(method, head) if head else (b"", False)
        return Answer(tuple(interim), head, body, complete, first_byte_s, time.monotonic())

    def answer_or_interim(self, method: str = "GET") -> Answer:
        """Read one answer, or stop after an interim one: then the rest of it is empty."""
        while b"\r\n\r\n" not in self._buffer and self._more():
            pass
        if self._buffer.startswith(b"HTTP/1.1 1"):
            return Answer((self._head(),), b"", b"", False, 0, 0)
        return self.answer(method)

    def exchange(self, request: Request) -> Answer:
        """Send a request and read its answer."""
        self.send(request.wire)
        return self.answer(request.method)

    def rest(self) -> bytes:
        """Everything until the other side ends the connection."""
        while self._more():
            pass
        return self._take(len(self._buffer))

    def end(self, within_s: float) -> str:
        """How the other side ends the connection: ``closed`` or ``reset``; ``open``: it sent nothing for so long."""
        timeout = self._socket.gettimeout()
        self._socket.settimeout(within_s)
        try:
            while self._more():
                pass
        except TimeoutError:
            return "open"
        finally:
            self._socket.settimeout(timeout)
        return "reset" if self._was_reset else "closed"

    def buffered(self) -> bytes:
        """What has come and was not read."""
        return self._take(len(self._buffer))

    def is_open_and_silent(self) -> bool:
        """Whether the connection is open, and nothing unasked for has come."""
        if self._buffer or self._ended:
            return False
        timeout = self._socket.gettimeout()
        self._socket.setblocking(False)
        try:
            self._socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        except OSError:
            return False
        else:
            return False
        finally:
            self._socket.settimeout(timeout)

    def _more(self) -> bool:
        try:
            data = b"" if self._ended else self._socket.recv(1 << 18)
        except ConnectionResetError:
            data = b""
            self._was_reset = True
        if not data:
            self._ended = True
            return False
        self._buffer += data
        return True

    def _more_than(self, count: int) -> bool:
        while len(self._buffer) <= count:
            if not self._more():
                return False
        return True

    def _head(self) -> bytes:
        while b"\r\n\r\n" not in self._buffer:
            if not self._more():
                return b""
        return self._take(self._buffer.index(b"\r\n\r\n") + 4)

    def _take(self, count: int) -> bytes:
        self._more_than(count - 1)
        taken = bytes(memoryview(self._buffer)[:count])
        del self._buffer[:count]
        return taken

    def _body(self, method: str, head: bytes) -> tuple[bytes, bool]:
        lines = dict(header_fields(head.split(b"\r\n")[1:-2]))
        if method == "HEAD" or head[9:12] in (b"204", b"304", b"101"):
            return b"", True
        if lines.get("transfer-encoding", "").lower() == "chunked":
            return self._chunks()
        if "content-length" in lines:
            length = int(lines["content-length"])
            body = self._take(length)
            return body, len(body) == length
        return self.rest(), True

    def _chunks(self) -> tuple[bytes, bool]:
        body = bytearray()
        while True:
            while b"\r\n" not in self._buffer:
                if not self._more():
                    return bytes(body), False
            line = self._take(self._buffer.index(b"\r\n") + 2)
            size = int(line, 16)
            chunk = self._take(size + 2)
            body += memoryview(chunk)[:size]
            if len(chunk) < size + 2:
                return bytes(body), False
            assert chunk[size:] == b"\r\n", f"a chunk ends with {chunk[size:]!r}"
            if size == 0:
                return bytes(body), True
