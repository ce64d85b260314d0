"""One keep-alive connection to the shadow: one request at a time, its answer read to the end and thrown away."""

import asyncio
import logging
import re
from collections.abc import Callable, Iterator
from typing import Final, Protocol, cast

import httptools

from agent.footprints.footprint import Footprint
from agent.mirrored import CAPTURE_KEY, repeated
from record.wire_body import WireBody

_LOG = logging.getLogger(__name__)

# In a final answer's head, or in what of its body came with it: then the end of the connection is taken for a cut, not for the end.
_FRAMED: Final = re.compile(rb"\r\n(?:content-length|transfer-encoding)[ \t]*:", re.IGNORECASE)

# Before the answer's own head comes to its end: `agent.copied_heads` says why so many. Then only its deadline bounds it; it is thrown away as it comes.
_INTERIM_ANSWERS: Final = 1000
_HEAD_BYTES: Final = 16 * 1024 * 1024

# RFC 9110 9.2.2
_IDEMPOTENT: Final = (b"GET ", b"HEAD ", b"PUT ", b"DELETE ", b"OPTIONS ", b"TRACE ")

# What the shadow's proxy answers when it does not believe our identifier; HAProxy puts it behind the node's own fields, of which an honest node has few.
_KEY_REFUSED: Final = b"\r\n%b: refused\r\n" % CAPTURE_KEY
_REFUSED_WITHIN_BYTES: Final = 8192


def key_field(key: str) -> bytes:
    """The end of a request line and the field with the key; empty without one."""
    return b"\r\n%b: %b\r\n" % (CAPTURE_KEY, key.encode("ascii")) if key else b""


class Job:
    """A request for the shadow.

    Args:
        message: the whole request, or all of it but the body.
        head: its answer has no body, whatever its headers say.
        earlier_completions: what the shadow must have finished before this may start (T of `agent.order`).
        completion: the number that the shadow's progress is told with; 0: none.
        footprint: what it reads and writes.
        body: what comes behind the message.
        done: to be called when the body is needed no longer.
        perhaps_repeated: the shadow may have had it before.
    """

    __slots__ = (
        "attempts",
        "body",
        "completion",
        "deadline",
        "done",
        "earlier_completions",
        "footprint",
        "head",
        "held_bytes",
        "idempotent",
        "message",
        "perhaps_repeated",
        "position",
        "ready_at",
        "since",
        "stops",
    )

    def __init__(
        self,
        message: bytes,
        head: bool,
        earlier_completions: int,
        completion: int,
        footprint: Footprint,
        body: WireBody | None = None,
        done: Callable[[], None] | None = None,
        perhaps_repeated: bool = False,
    ) -> None:
        self.perhaps_repeated = perhaps_repeated
        self.message = message
        self.body = body
        self.done = done
        self.head = head
        self.earlier_completions = earlier_completions
        self.completion = completion
        self.footprint = footprint
        self.position = 2 * completion if completion else 2 * earlier_completions + 1
        """Its place in the queue: by completion, and where there was none right behind what it waits for."""
        self.idempotent = message.startswith(_IDEMPOTENT)
        self.attempts = 0
        self.deadline = 0.0
        """In the event loop's time, from when it is sent."""
        self.held_bytes = 0
        """Memory that it takes while it is not done."""
        self.since = 0.0
        """When it came, in the event loop's time."""
        self.ready_at = 0.0
        """When it was known that it may start, in the event loop's time."""
        self.stops = 0
        """How often requests had been held back by the bound of connections when it came to that."""


class Owner(Protocol):
    """What a connection tells whoever opened it."""

    def opened(self, connection: "MirrorConnection") -> None:
        """The connection can be used."""

    def key_refused(self) -> None:
        """The shadow's proxy does not believe our identifiers."""

    def answered(self, connection: "MirrorConnection", job: Job, *, reusable: bool) -> None:
        """The shadow's answer is whole; ``reusable``: the connection can be used again."""

    def closed(self, connection: "MirrorConnection", job: Job | None, *, untouched: bool) -> None:
        """The connection is gone, and with it ``job``'s answer; ``untouched``: it had served before, and nothing had come."""


class MirrorConnection:
    """A client of HTTP/1.1: an `asyncio.Protocol` that inherits from nothing, since it is compiled. ``on_...`` are httptools' callbacks.

    Args:
        key_field: `key_field` of this name, for every request.
    """

    def __init__(self, owner: Owner, key_field: bytes = b"") -> None:
        self._key_field = key_field
        self.job: Job | None = None
        self._owner = owner
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._served = False
        self._rest: Iterator[bytes] | None = None
        self._rest_bytes = 0
        self._paused = False
        self._more_head: list[bytes] = []
        self._reset()

    def _reset(self) -> None:
        self._touched = False
        self._bodiless = False
        self._until_close = False
        self._head = b""
        if self._more_head:
            self._more_head = []
        self._reusable = False
        self._complete = False
        self._final = False
        self._interim_answers = 0
        self._head_bytes = 0

    def send(self, job: Job) -> None:
        """Send one request; the connection must be idle."""
        self._reset()
        self.job = job
        message = repeated(job.message) if job.perhaps_repeated else job.message
        if self._key_field:
            message = message.replace(b"\r\n", self._key_field, 1)
        cast("asyncio.Transport", self._transport).write(message)
        if job.body is not None:
            self._rest, self._rest_bytes = job.body.framed(), job.body.framed_bytes
            self._send_rest()

    def _send_rest(self) -> None:
        """Send the next part of the body, as long as the shadow takes it; others have their turn between two parts."""
        rest = self._rest
        if rest is None or self._paused:
            return
        try:
            part = next(rest, None)
        except OSError as error:
            _LOG.error("a large request can't be mirrored, its copy can't be read: %s", error)
            self.abort()
            return
        if part is None:
            self._rest = None
            if self._rest_bytes:
                _LOG.error("a large request can't be mirrored, its copy has become shorter")
                # The shadow would take the next request for what is missing.
                self.abort()
            return
        self._rest_bytes -= len(part)
        cast("asyncio.Transport", self._transport).write(part)
        # Set by the writing.
        if not self._paused:
            asyncio.get_running_loop().call_soon(self._send_rest)

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asyncio's."""
        # uvloop's transports have the interface, but not the class.
        self._transport = cast("asyncio.Transport", transport)
        self._owner.opened(self)

    def data_received(self, data: bytes) -> None:
        """Asyncio's."""
        if self.job is None:
            # Nothing was asked: an answer that nobody can place ends the connection.
            self.abort()
            return
        if not self._touched and _refuses_key(data):
            self._owner.key_refused()
        self._touched = True
        if not self._final:
            self._keep_head(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            # Behind a bodiless answer the parser may have been led astray; otherwise the peer speaks no HTTP.
            if not self._bodiless:
                self.abort()
                return
        if self._bodiless or self._complete:
            self._end_answer(self.job)
        elif not self._final:
            self._head_bytes += len(data)
            if self._head_bytes > _HEAD_BYTES or self._interim_answers > _INTERIM_ANSWERS:
                self.abort()

    def _keep_head(self, data: bytes) -> None:
        if self._head:
            self._more_head.append(data)
        else:
            self._head = data

    def eof_received(self) -> None:
        """Asyncio's: the connection is to be closed."""

    def pause_writing(self) -> None:
        """Asyncio's: the shadow is slower than the copy is read."""
        self._paused = True

    def resume_writing(self) -> None:
        """Asyncio's."""
        self._paused = False
        self._send_rest()

    def on_headers_complete(self) -> None:
        """The parser would wait for a body that is announced but does not come (RFC 9110 6.4.1), and offers no way to say so."""
        status = self._parser.get_status_code()
        final = self._final = status >= 200
        # Of 304 Debian's older parser believes what the length says.
        self._bodiless = final and self.job is not None and (self.job.head or status in (204, 304))
        self._reusable = self._parser.should_keep_alive()
        # Without a length the answer ends with the connection (RFC 9112 6.3).
        self._until_close = final and not self._reusable and not self._says_its_end()

    def _says_its_end(self) -> bool:
        return _FRAMED.search(b"".join((self._head, *self._more_head))) is not None

    def on_message_complete(self) -> None:
        """The answer is whole; an interim one (RFC 9110 15.2) is not the answer."""
        if self._parser.get_status_code() >= 200:
            self._complete = True
        else:
            self._interim_answers += 1

    def _end_answer(self, job: Job) -> None:
        self.job = None
        self._served = True
        # An answer before the end of the request, or one to a request that went wrong half way: the shadow's proxy may wait for the rest.
        refused = job.body is not None and self._parser.get_status_code() >= 400
        broken_off, self._rest = self._rest is not None or refused, None
        reusable = self._reusable and not broken_off
        if self._bodiless:
            self._parser = httptools.HttpResponseParser(self)
        if broken_off:
            # Closing would wait until the shadow has taken what is on its way, which it perhaps never does.
            self.abort()
        elif not reusable:
            cast("asyncio.Transport", self._transport).close()
        self._owner.answered(self, job, reusable=reusable)

    def connection_lost(self, exc: Exception | None) -> None:
        """Asyncio's."""
        job, self.job = self.job, None
        self._rest = None
        if job is not None and self._until_close and exc is None:
            self._owner.answered(self, job, reusable=False)
            job = None
        self._owner.closed(self, job, untouched=self._served and not self._touched)


def _refuses_key(data: bytes) -> bool:
    """Whether an answer's head, of which ``data`` is the beginning, says so."""
    found = data.find(_KEY_REFUSED, 0, _REFUSED_WITHIN_BYTES)
    return found >= 0 and data.find(b"\r\n\r\n", 0, found + 1) < 0
