"""One keep-alive connection to the shadow: one request at a time, its answer read to the end and thrown away."""

import asyncio
from typing import TYPE_CHECKING, Any, cast

import httptools

if TYPE_CHECKING:
    from agent.mirror import Mirror


class MirrorConnection(asyncio.Protocol):
    """The callbacks below ``data_received`` are httptools'."""

    def __init__(self, mirror: "Mirror", target: Any) -> None:
        self._mirror = mirror
        self._target = target
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._head = False
        self._got_bytes = False
        self._served = 0
        self._bodiless = False
        self._complete = False
        self._until_close = False
        self.job: Any = None

    def send(self, job: Any, message: bytes, head: bool) -> None:
        """Send one request; ``head``: its answer has no body whatever its headers say."""
        self.job = job
        self._head = head
        self._got_bytes = self._bodiless = self._complete = self._until_close = False
        assert self._transport is not None
        self._transport.write(message)

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asyncio's."""
        # uvloop's transports have the interface, but not the class.
        self._transport = cast(asyncio.Transport, transport)
        self._mirror.opened(self, self._target)

    def data_received(self, data: bytes) -> None:
        """Asyncio's."""
        if self.job is None:
            # Nothing was asked: an answer nobody can place ends the connection.
            self.abort()
            return
        self._got_bytes = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            if not self._bodiless:
                self.abort()
                return
        if self._bodiless or self._complete:
            self._end_answer()

    def on_headers_complete(self) -> None:
        """The parser would wait for a body that a HEAD's answer announces but does not have, and offers no way to say so."""
        final = self._parser.get_status_code() >= 200
        self._bodiless = self._head and final
        self._until_close = final and not self._parser.should_keep_alive()

    def on_message_complete(self) -> None:
        """The answer is whole; an interim one (RFC 9110 15.2) is not the answer."""
        if self._parser.get_status_code() >= 200:
            self._complete = True

    def _end_answer(self) -> None:
        job, self.job = self.job, None
        reusable = self._parser.should_keep_alive()
        if self._bodiless:
            self._parser = httptools.HttpResponseParser(self)
        self._served += 1
        if not reusable:
            self._transport.close()  # type: ignore[union-attr]
        self._mirror.answered(self, self._target, job, reusable)

    def connection_lost(self, exc: Exception | None) -> None:
        """Asyncio's. An answer without a length ends here (RFC 9112 6.3)."""
        job, self.job = self.job, None
        if job is not None and self._until_close and exc is None:
            self._mirror.answered(self, self._target, job, reusable=False)
            job = None
        untouched = bool(self._served) and not self._got_bytes
        self._mirror.closed(self, self._target, job, untouched)
