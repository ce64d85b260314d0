"""The socket that HAProxy's SPOE filter talks to: acknowledges first, then hands the messages on."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import cast

from agent.spop.connection import Connection, Message

_LOG = logging.getLogger(__name__)

Sink = Callable[[list[Message], int], None]
"""Takes the messages of one read, with CLOCK_MONOTONIC in ns."""


class SpopProtocol(asyncio.Protocol):
    """One connection of HAProxy's."""

    def __init__(
        self,
        max_frame_size: int,
        sink: Sink,
        failed: Callable[[], None],
        open_connections: set[asyncio.Transport],
    ) -> None:
        self._connection = Connection(max_frame_size)
        self._sink = sink
        self._failed = failed
        self._open_connections = open_connections
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asyncio's."""
        # uvloop's transports have the interface, but not the class.
        self._transport = cast("asyncio.Transport", transport)
        self._open_connections.add(self._transport)

    def data_received(self, data: bytes) -> None:
        """Asyncio's."""
        received = self._connection.receive(data)
        transport = self._transport
        assert transport is not None
        if received.reply:
            transport.write(received.reply)
        if received.messages:
            self._sink(received.messages, time.monotonic_ns())
        if received.error is not None:
            self._failed()
            _LOG.error("SPOP: %s (status %d)", received.error, received.error.status)
        if received.close:
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio calls it so
        """Asyncio's. HAProxy closes idle connections as it likes."""
        self._open_connections.discard(cast("asyncio.Transport", self._transport))
