"""``python3 spoe_agent.py SOCKET LOG [HOST:PORT]``: the prototype's agent, which joins, writes JSON lines and mirrors, and nothing else.

It runs in the image by itself. Its SPOP codec is our agent's, as machine code, which is kinder to it than a hundred lines of Python.
"""

import asyncio
import collections
import gc
import os
import sys
from typing import Any

import httptools
import orjson
import uvloop

from agent.spop.connection import Connection, Message

_CONNECTIONS = 64
_LINES_AT_ONCE = 256
_FLUSH_S = 0.1


class Capture:
    """Joins requests and answers."""

    def __init__(self, path: str, mirror: "Mirror | None") -> None:
        self.requests: dict[Any, list[Any]] = {}
        self.lines: list[bytes] = []
        self.log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self.number = 0
        self.mirror = mirror

    def message(self, name: bytes, values: list[Any]) -> None:
        """A request or an answer."""
        if name == b"request":
            self.requests[values[0]] = values
        elif (request := self.requests.pop(values[0], None)) is not None:
            self.pair(request, values)

    def pair(self, request: list[Any], response: list[Any]) -> None:
        """Write down and mirror."""
        identifier, method, url, headers, body = request
        self.number += 1
        line = {
            "_id": identifier.decode(),
            "request": {
                "method": method.decode(),
                "url": url.decode(),
                "headers": headers.decode("latin-1"),
                "body": body.decode("utf-8", "replace"),
            },
            "response": {
                "status": response[1],
                "headers": response[2].decode("latin-1"),
                "body": response[3].decode("utf-8", "replace"),
            },
            "_number": self.number,
        }
        self.lines.append(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
        if len(self.lines) >= _LINES_AT_ONCE:
            self.flush()
        if self.mirror is not None:
            self.mirror.send(b"%b %b HTTP/1.1\r\n%b%b" % (method, url, headers, body))

    def flush(self) -> None:
        """Write what has come together."""
        if self.lines:
            os.write(self.log, b"".join(self.lines))
            self.lines.clear()


class Spop(asyncio.Protocol):
    """HAProxy's connection: acknowledges first."""

    def __init__(self, capture: Capture) -> None:
        self.capture = capture
        self.connection = Connection(1 << 20)

    def connection_made(self, transport: Any) -> None:
        """Asyncio's."""
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Asyncio's."""
        received = self.connection.receive(data)
        if received.reply:
            self.transport.write(received.reply)
        if received.messages:
            # uvloop sends what was written when this call has ended.
            asyncio.get_running_loop().call_soon(self.take, received.messages)
        if received.close:
            self.transport.close()

    def take(self, messages: list[Message]) -> None:
        """Behind the acknowledgements."""
        for message in messages:
            self.capture.message(*message.decode())


class Mirror:
    """A bounded pool of connections to the shadow, first come, first served."""

    def __init__(self, host: str, port: int) -> None:
        self.address = (host, port)
        self.waiting: collections.deque[bytes] = collections.deque()
        self.idle: list[Shadow] = []
        self.count = 0

    def send(self, request: bytes) -> None:
        """On a connection that is free, a new one, or the next that becomes free."""
        if self.idle:
            self.idle.pop().transport.write(request)
            return
        self.waiting.append(request)
        if self.count < _CONNECTIONS:
            self.count += 1
            loop = asyncio.get_running_loop()
            self.connecting = loop.create_task(loop.create_connection(lambda: Shadow(self), *self.address))

    def free(self, connection: "Shadow") -> None:
        """The connection has its answer."""
        if self.waiting:
            connection.transport.write(self.waiting.popleft())
        else:
            self.idle.append(connection)


class Shadow(asyncio.Protocol):
    """One keep-alive connection; httptools calls it too."""

    def __init__(self, mirror: Mirror) -> None:
        self.mirror = mirror
        self.parser = httptools.HttpResponseParser(self)

    def connection_made(self, transport: Any) -> None:
        """Asyncio's."""
        self.transport = transport
        self.mirror.free(self)

    def data_received(self, data: bytes) -> None:
        """Asyncio's."""
        self.parser.feed_data(data)

    def on_message_complete(self) -> None:
        """Of httptools: the answer is whole."""
        self.mirror.free(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio calls it so
        """Asyncio's."""
        self.mirror.count -= 1
        if self in self.mirror.idle:
            self.mirror.idle.remove(self)


async def _serve(socket: str, log: str, shadow: str = "") -> None:
    host, _, port = shadow.rpartition(":")
    capture = Capture(log, Mirror(host, int(port)) if shadow else None)
    loop = asyncio.get_running_loop()
    await loop.create_unix_server(lambda: Spop(capture), socket)
    while True:
        await asyncio.sleep(_FLUSH_S)
        capture.flush()


if __name__ == "__main__":
    # Nothing here makes cycles.
    gc.freeze()
    gc.disable()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(*sys.argv[1:]))
