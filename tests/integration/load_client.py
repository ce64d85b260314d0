"""Clients that send many requests at once, and remember what they saw of each."""

import asyncio
import itertools
import time
from dataclasses import dataclass, field
from typing import Any

# Every request of this number has a body, chunked or with a length; all of them have a path of their own.
BODY_EVERY = 5


@dataclass
class Exchange:
    """One request, as its client saw it. Numbers are of one counter for all clients."""

    sent: int
    answered: int = 0


@dataclass
class Load:
    """What the clients did and saw."""

    exchanges: dict[str, Exchange] = field(default_factory=dict)
    """By path."""
    errors: list[str] = field(default_factory=list)
    seconds: float = 0.0


class Client(asyncio.Protocol):
    """One keep-alive connection that sends its share of the requests, each after the answer to the one before."""

    def __init__(self, name: int, count: int, load: Load, events: "itertools.count[int]") -> None:
        self._paths = iter([f"/load/{name}/{number}" for number in range(count)])
        self._load = load
        self._events = events
        self._buffer = b""
        self._exchange: Exchange | None = None
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        self._send()

    def _send(self) -> None:
        path = next(self._paths, None)
        if path is None:
            self._transport.close()
            return
        self._exchange = self._load.exchanges[path] = Exchange(next(self._events))
        number = int(path.rpartition("/")[2])
        head = f"GET {path} HTTP/1.1\r\nHost: load.test\r\n".encode()
        if number % (2 * BODY_EVERY) == 0:
            self._transport.write(
                b"%bContent-Length: 20\r\n\r\n01234567890123456789" % head.replace(b"GET", b"POST")
            )
        elif number % BODY_EVERY == 0:
            self._transport.write(
                b"%bTransfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n3\r\n567\r\n0\r\n\r\n"
                % head.replace(b"GET", b"PUT")
            )
        else:
            self._transport.write(head + b"\r\n")

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        # The node's answers to these requests are all alike: a head, and 12 bytes.
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0 or len(self._buffer) < end + 4 + 12:
            return
        answer, self._buffer = self._buffer, b""
        if not answer.startswith(b"HTTP/1.1 200 ") or not answer.endswith(b"\r\n\r\n0123456789ab"):
            self._load.errors.append(repr(answer))
        assert self._exchange is not None
        self._exchange.answered = next(self._events)
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        if next(self._paths, None) is not None or (
            self._exchange is not None and not self._exchange.answered
        ):
            self._load.errors.append(f"the connection ended too early: {exc}")
        if not self.done.done():
            self.done.set_result(None)


async def run_load(address: tuple[str, int], requests: int, connections: int) -> Load:
    """Send so many requests over so many connections."""
    load, events = Load(), itertools.count(1)
    share, rest = divmod(requests, connections)
    loop = asyncio.get_running_loop()
    clients = [Client(number, share + (number < rest), load, events) for number in range(connections)]
    start = time.monotonic()
    for client in clients:
        await loop.create_connection(lambda client=client: client, *address)  # type: ignore[misc]
    await asyncio.gather(*(client.done for client in clients))
    load.seconds = time.monotonic() - start
    return load
