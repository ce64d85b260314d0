"""An HTTP node for tests: keeps every byte of every request, and answers as the request itself asks it to.

A request says what it wants in a header line ``x-answer: key=value key=value`` (see `Rule`), so that its path and everything else stay
free for the test; it travels to the shadow with the request, whose node then answers alike.
"""

import asyncio
import functools
import gzip
import itertools
import os
import socket
import struct
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from dataclasses import dataclass, field, fields
from types import TracebackType
from typing import Any, Self, TypeVar

import uvloop

from tests.integration.body_reader import BodyReader
from tests.integration.content import Content

T = TypeVar("T")

_HEALTH_CHECK = b"user-agent: haproxy-health-check"


class LoopThread:
    """An event loop in a thread of its own: the nodes live there beside a test that waits, and so do load generators."""

    def __init__(self) -> None:
        self.loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="test-loop", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def run(self, coroutine: Coroutine[Any, Any, T], timeout_s: float = 30) -> T:
        """The result of a coroutine that runs there."""
        return self.start(coroutine).result(timeout_s)

    def start(self, coroutine: Coroutine[Any, Any, T]) -> "Future[T]":
        """Let a coroutine run there."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.run(_cancel_all())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()


async def _cancel_all() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@dataclass(frozen=True)
class Rule:
    """What a request can ask for. ``size`` is the body's, before gzip."""

    status: int = 200
    size: int = 12
    framing: str = "length"
    """``length``, ``chunked``, ``close`` (until the connection ends), or ``none``: no body and no word of one."""
    type: str = "text/plain"
    gzip: bool = False
    binary: bool = False
    varied: bool = False
    """Numbers that grow, so that it compresses to a sixth or so and not to nothing."""
    delay: float = 0.0
    """Seconds until the answer begins."""
    trickle: float = 0.0
    """Seconds between the body's bytes."""
    pieces: int = 1
    """In how many writes (and chunks) the body is sent."""
    cut: int = -1
    """The connection is closed after so many of the body's bytes; 0 after the head; -1 never."""
    stall: int = -1
    """Nothing more comes after so many of the body's bytes, and the connection stays (`RecordingServer.sever`); -1 never."""
    vanish: bool = False
    """The connection is closed without an answer."""
    early: bool = False
    """The answer does not wait for the request's body."""
    interim: int = 0
    """Status of an interim answer that comes first."""
    interims: int = 1
    """How often it comes."""
    version: str = "1.1"
    close: bool = False
    """The node announces the connection's end, and ends it."""
    lines: str = ""
    """More header lines, ``name:value|name:value``."""

    def body(self) -> bytes:
        """The body, before gzip."""
        if self.varied:
            return b"".join(b"%d\n" % (number * 7919) for number in range(self.size // 6 + 1))[: self.size]
        unit = bytes(range(256)) if self.binary else b"0123456789abcdefghijklmnopqrstuvwxyz\n"
        return (unit * (self.size // len(unit) + 1))[: self.size]


_KINDS: dict[str, Callable[[str], Any]] = {
    "bool": lambda text: text == "1",
    "int": int,
    "float": float,
    "str": str,
}
_CONVERT = {f.name: _KINDS[f.type if isinstance(f.type, str) else f.type.__name__] for f in fields(Rule)}
_DEFAULT = Rule()


def parse_rule(text: str) -> Rule:
    """The rule in the value of ``x-answer``."""
    pairs = (word.partition("=") for word in text.split())
    return Rule(**{key: _CONVERT[key](value) for key, _, value in pairs})


@dataclass
class Recorded:
    """One request as it came."""

    connection: int
    """Number of the connection at this node."""
    line: bytes
    """The request line."""
    lines: list[bytes]
    """The header lines, as they came."""
    reader: BodyReader = field(default_factory=lambda: BodyReader("none"), repr=False)
    framing: str = "none"
    """``length``, ``chunked`` or ``none``."""
    started: int = 0
    """When its head was there; numbers of `RecordingServer.events`."""
    finished: int = 0
    """When its answer had been written whole; 0 before."""
    received_s: float = 0.0
    """When its last byte was there (``time.monotonic()``)."""

    def values(self, name: str) -> list[bytes]:
        """Values of a header, its name in lower case."""
        prefix = name.encode() + b":"
        return [line[len(prefix) :].strip() for line in self.lines if line[: len(prefix)].lower() == prefix]

    @property
    def content(self) -> Content:
        """The body, transfer coding undone, as far as it came."""
        return self.reader.content

    @property
    def body(self) -> bytes:
        """The same where it is short enough to be kept."""
        return self.content.data

    @property
    def case(self) -> str:
        """What `raw_client.Request` calls itself by."""
        return (self.values("x-case") or [b""])[0].decode()

    @property
    def target(self) -> bytes:
        """The request target."""
        return self.line.split(b" ")[1]


@dataclass(frozen=True)
class Fault:
    """The node ends the connection in the middle of a request."""

    after_bytes: int
    """When so many bytes of its body are there."""
    reset: bool = False
    """By a TCP reset."""


@dataclass
class RecordingServer:
    """A node that listens on every address of this machine, since containers are to reach it."""

    loop_thread: LoopThread
    requests: list[Recorded] = field(default_factory=list)
    """Requests in the order in which they were whole."""
    unfinished: list[Recorded] = field(default_factory=list)
    """Requests that were not whole when their connection ended."""
    faults: dict[str, Fault] = field(default_factory=dict)
    """By the requests' cases."""
    connections: int = 0
    events: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))
    """Numbers what happens at this node (or, shared, at several)."""
    port: int = 0
    _server: asyncio.Server | None = None
    open_connections: "set[_Connection]" = field(default_factory=set)

    def __enter__(self) -> Self:
        self.listen()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.refuse()

    @property
    def node(self) -> str:
        """HOST:PORT for containers."""
        return f"host.docker.internal:{self.port}"

    def listen(self) -> None:
        """Accept connections; after `refuse` at the same port."""
        self.loop_thread.run(self._listen())

    def refuse(self) -> None:
        """Refuse connections, and end those that are open."""
        self.loop_thread.run(self._refuse())

    async def _listen(self) -> None:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("0.0.0.0", self.port))
        self.port = listener.getsockname()[1]
        self._server = await asyncio.get_running_loop().create_server(
            lambda: _Connection(self), sock=listener, backlog=1024
        )

    async def _refuse(self) -> None:
        if self._server is not None:
            self._server.close()
        for connection in list(self.open_connections):
            connection.abort()

    def by_case(self, case: str) -> list[Recorded]:
        """The requests that call themselves so."""
        return [request for request in list(self.requests) if request.case == case]

    def unfinished_of(self, case: str) -> list[Recorded]:
        """What came of those that never were whole."""
        return [request for request in list(self.unfinished) if request.case == case]

    def received_of(self, case: str) -> int:
        """Bytes of the body that have come of a request that is under way; -1: there is none."""

        async def look() -> int:
            return max((c.received for c in self.open_connections if c.case == case), default=-1)

        return self.loop_thread.run(look())

    def sever(self, case: str, *, reset: bool = False) -> None:
        """End the connection on which a request is under way, or its answer; what was written is sent before, unless by a reset."""

        async def end() -> None:
            found = [connection for connection in self.open_connections if connection.case == case]
            assert found, f"no connection has {case}"
            for connection in found:
                connection.sever(reset=reset)

        self.loop_thread.run(end())


class _Connection(asyncio.Protocol):
    def __init__(self, server: RecordingServer) -> None:
        self._server = server
        self._buffer = b""
        self._request: Recorded | None = None
        self._rule = _DEFAULT
        self._start = 0
        self._answering = False
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport) or hasattr(transport, "write")
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]
        self._server.connections += 1
        self._number = self._server.connections
        self._server.open_connections.add(self)

    @property
    def case(self) -> str:
        return self._request.case if self._request is not None else ""

    @property
    def received(self) -> int:
        return self._request.reader.received if self._request is not None else -1

    def abort(self) -> None:
        self._transport.abort()

    def sever(self, *, reset: bool) -> None:
        if not reset:
            self._transport.close()
            return
        descriptor = os.dup(self._transport.get_extra_info("socket").fileno())
        with socket.socket(fileno=descriptor) as same:
            same.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.open_connections.discard(self)
        if self._task is not None:
            self._task.cancel()
        if self._request is not None and not self._answering:
            self._server.unfinished.append(self._request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._advance()

    def _advance(self) -> None:
        while not self._answering:
            if self._request is None and not self._read_head():
                return
            if not self._read_body():
                return
            self._answer()

    def _read_head(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return False
        raw, self._buffer = self._buffer[: end + 4], self._buffer[end + 4 :]
        line, *lines = raw[:-4].split(b"\r\n")
        request = Recorded(self._number, line, lines, started=next(self._server.events))
        rule = request.values("x-answer")
        self._rule = parse_rule(rule[0].decode()) if rule else _DEFAULT
        length = 0
        if request.values("transfer-encoding"):
            request.framing = "chunked"
        elif request.values("content-length"):
            request.framing = "length"
            length = int(request.values("content-length")[0])
        request.reader = BodyReader(request.framing, length)
        self._request = request
        if request.values("expect") and not self._rule.early:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        return True

    def _read_body(self) -> bool:
        request = self._request
        assert request is not None
        if self._rule.early:
            # What comes of the body is not waited for, so the connection can't go on.
            self._buffer = b""
            return True
        self._buffer = request.reader.feed(self._buffer)
        fault = self._server.faults.get(request.case)
        if fault is not None and request.reader.received >= fault.after_bytes:
            self.sever(reset=fault.reset)
            return False
        return request.reader.done

    def _answer(self) -> None:
        request = self._request
        assert request is not None
        self._answering = True
        if _HEALTH_CHECK in request.lines:
            self._transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
            self._next()
            return
        request.received_s = time.monotonic()
        self._server.requests.append(request)
        rule = self._rule
        if rule.delay or rule.trickle or rule.pieces > 1 or rule.interim:
            self._task = asyncio.get_running_loop().create_task(self._slow_answer(request, rule))
            return
        if rule.vanish:
            self._transport.close()
            return
        head, body, end = render_answer(request.line.split(b" ")[0], rule)
        wire = (_chunk(body) if rule.framing == "chunked" else body) + end
        if rule.stall >= 0:
            self._transport.write(head + wire[: rule.stall])
            return
        self._transport.write(head + (wire[: rule.cut] if rule.cut >= 0 else wire))
        self._end_answer(request, rule)

    async def _slow_answer(self, request: Recorded, rule: Rule) -> None:
        if rule.interim:
            self._transport.write(b"HTTP/1.1 %d Early\r\nlink: </x>\r\n\r\n" % rule.interim * rule.interims)
        await asyncio.sleep(rule.delay)
        if rule.vanish:
            self._transport.close()
            return
        head, body, end = render_answer(request.line.split(b" ")[0], rule)
        self._transport.write(head)
        size = 1 if rule.trickle else max(1, -(-len(body) // rule.pieces))
        sent = 0
        for start in range(0, len(body), size):
            await asyncio.sleep(rule.trickle or 0.01)
            piece = body[start : start + size]
            if rule.cut >= 0:
                piece = piece[: rule.cut - sent]
            self._transport.write(_chunk(piece) if rule.framing == "chunked" else piece)
            sent += len(piece)
            if 0 <= rule.cut <= sent:
                break
        if rule.cut < 0:
            self._transport.write(end)
        self._end_answer(request, rule)
        self._advance()

    def _end_answer(self, request: Recorded, rule: Rule) -> None:
        request.finished = next(self._server.events)
        if rule.framing == "close" or rule.close or rule.early or rule.cut >= 0:
            self._transport.close()
            return
        self._next()

    def _next(self) -> None:
        self._request = None
        self._answering = False


@functools.lru_cache(maxsize=256)
def render_answer(method: bytes, rule: Rule) -> tuple[bytes, bytes, bytes]:
    """The head, the body before chunking (empty where the answer to ``method`` has none), and what ends it."""
    body = rule.body()
    lines = [f"HTTP/{rule.version} {rule.status} Status", "X-Node: recording", f"Content-Type: {rule.type}"]
    if rule.gzip:
        body = gzip.compress(body, compresslevel=1, mtime=0)
        lines.append("Content-Encoding: gzip")
    lines += [line for line in rule.lines.split("|") if line]
    if rule.close or rule.framing == "close":
        lines.append("Connection: close")
    bodiless = rule.framing == "none" or rule.status in (204, 304) or method == b"HEAD"
    if rule.framing == "length" and rule.status != 204:
        lines.append(f"Content-Length: {len(body)}")
    elif rule.framing == "chunked":
        lines.append("Transfer-Encoding: chunked")
    head = "".join(f"{line}\r\n" for line in lines).encode("latin-1") + b"\r\n"
    return (
        head,
        b"" if bodiless else body,
        b"0\r\n\r\n" if rule.framing == "chunked" and not bodiless else b"",
    )


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""
