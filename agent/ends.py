"""The socket that HAProxy tells the end of some transactions to (the ring in ``templates/haproxy.cfg.j2``): one line each."""

import asyncio
import time
from collections.abc import Callable
from typing import cast

from agent.events import End, parse_end

# The ring's own limit of a line, and room for its line end.
_MAX_LINE_BYTES = 16384 + 64

Sink = Callable[[list[End], int, int], None]
"""Takes the news of one read, with CLOCK_MONOTONIC in ns and the time of day in us."""


class EndsProtocol(asyncio.Protocol):
    """HAProxy's connection."""

    def __init__(self, sink: Sink, open_connections: set[asyncio.Transport]) -> None:
        self._sink = sink
        self._open_connections = open_connections
        self._transport: asyncio.Transport | None = None
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asyncio's."""
        # uvloop's transports have the interface, but not the class.
        self._transport = cast("asyncio.Transport", transport)
        self._open_connections.add(self._transport)

    def data_received(self, data: bytes) -> None:
        """Asyncio's."""
        *lines, rest = (self._rest + data).split(b"\n")
        # A line that never ends is none of ours.
        self._rest = rest if len(rest) <= _MAX_LINE_BYTES else b""
        ends = [end for line in lines if (end := parse_end(line)) is not None]
        if ends:
            self._sink(ends, time.monotonic_ns(), time.time_ns() // 1000)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio calls it so
        """Asyncio's. HAProxy connects again by itself."""
        self._open_connections.discard(cast("asyncio.Transport", self._transport))
