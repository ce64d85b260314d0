"""The socket that HAProxy writes the ends of transactions to (the ring in ``templates/haproxy.cfg.j2``): octet-counted lines."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import cast

from agent.octet_counting import FramingError, OctetCounting

_LOG = logging.getLogger(__name__)

# Nobody waits for these lines, and waking up for each one costs more than the line: after a read the next one can wait so long.
_REST_S = 0.008

# A socket's buffer holds twice as much, or more.
_MUCH_BYTES = 64 * 1024

Sink = Callable[[list[bytes], int, int], None]
"""Takes the lines of one read, with CLOCK_MONOTONIC in ns and the time of day in us."""


class EndsProtocol:
    """HAProxy's connection: an `asyncio.Protocol` that inherits from nothing, since it is compiled.

    What there is no time to read waits in HAProxy's ring.
    """

    def __init__(
        self, sink: Sink, failed: Callable[[], None], open_connections: set[asyncio.Transport]
    ) -> None:
        self._sink = sink
        self._failed = failed
        self._open_connections = open_connections
        self._transport: asyncio.Transport | None = None
        self._frames = OctetCounting()
        self.closed = False
        self.behind = False
        """HAProxy's ring has more than the agent has read: the last read was a large one."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asyncio's."""
        # uvloop's transports have the interface, but not the class.
        self._transport = cast("asyncio.Transport", transport)
        self._open_connections.add(self._transport)

    def data_received(self, data: bytes) -> None:
        """Asyncio's."""
        try:
            lines = self._frames.feed(data)
        except FramingError as error:
            _LOG.error("HAProxy's ring: %s", error)
            self._failed()
            cast("asyncio.Transport", self._transport).abort()
            return
        self.behind = len(data) >= _MUCH_BYTES
        transport = cast("asyncio.Transport", self._transport)
        transport.pause_reading()
        asyncio.get_running_loop().call_later(_REST_S, self._go_on)
        if lines:
            self._sink(lines, time.monotonic_ns(), time.time_ns() // 1000)

    def eof_received(self) -> None:
        """Asyncio's."""

    def _go_on(self) -> None:
        transport = cast("asyncio.Transport", self._transport)
        if not transport.is_closing():
            transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio calls it so
        """Asyncio's. HAProxy connects again by itself."""
        self.closed = True
        self._open_connections.discard(cast("asyncio.Transport", self._transport))
