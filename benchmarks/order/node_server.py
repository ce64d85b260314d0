"""``python -m benchmarks.order.node_server PORT ROLE FACTOR RECORDS``: a node that answers as late as the request says, times FACTOR.

Hundreds of requests may be under way at once: each is a timer, and takes no time of a core.
"""

import asyncio
import sys
from pathlib import Path
from typing import cast

import httptools
import uvloop

from benchmarks.order.answers import Bulks, search_answer
from benchmarks.order.recording import HEADER, Recorder, read_tag

_HEADER = HEADER.lower().encode()
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=UTF-8\r\n%bContent-Length: %d\r\n\r\n"


class _Node:
    """What all connections of a node share."""

    def __init__(self, role: str, factor: float, recorder: Recorder) -> None:
        self.factor = factor
        self.recorder = recorder
        self.bulks = Bulks(role)


class _Connection(asyncio.Protocol):
    """One request at a time, as HAProxy sends them. ``on_...`` are httptools' callbacks."""

    def __init__(self, node: _Node) -> None:
        self._node = node
        self._transport: asyncio.Transport
        self._parser = httptools.HttpRequestParser(self)
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are none of asyncio's classes.
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the interface's
        # Nobody gets this answer: the request stays one without.
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._transport.close()

    def on_message_begin(self) -> None:
        self._url = b""
        self._tag = b""
        self._body: list[bytes] = []

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == _HEADER:
            self._tag = value

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        tagged = read_tag(self._tag)
        if tagged is None:
            # A health check.
            self._transport.write(_HEAD % (b"", 2) + b"{}")
            return
        number, takes_ms = tagged
        self._node.recorder.arrived(number)
        took_ms = round(takes_ms * self._node.factor)
        self._timer = asyncio.get_running_loop().call_later(
            takes_ms * self._node.factor / 1000, self._answer, number, took_ms
        )

    def _answer(self, number: int, took_ms: int) -> None:
        path = self._url.decode("latin-1")
        if path.endswith("/_bulk"):
            body = self._node.bulks.answer(path, b"".join(self._body), took_ms)
        else:
            body = search_answer(path, took_ms)
        head = _HEAD % (b"%b: %b\r\n" % (HEADER.encode(), self._tag), len(body))
        self._node.recorder.answered(number)
        self._transport.write(head + body)


async def _serve(port: int, node: _Node) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(node), "127.0.0.1", port, backlog=4096)
    async with server:
        await server.serve_forever()


def main() -> None:
    """Serve until a signal ends it."""
    port, role, factor, records = sys.argv[1:]
    node = _Node(role, float(factor), Recorder(Path(records)))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(int(port), node))


if __name__ == "__main__":
    main()
