"""Exchanges as the tee hands them over, for tests: a PROXY header, a request, and an answer, kept in parts as a test likes."""

import itertools
import socket
from collections.abc import Callable, Iterator, Sequence

from agent.copied import Copied, read_copied
from agent.copied_body import Chunks
from tee.handover import Ending, Exchange, Stream

LOCAL = 0x20
PROXY = 0x21


def proxy_header(identifier: bytes, command: int = PROXY, family: int = 0x11) -> bytes:
    """As HAProxy sends it with ``proxy-v2-options unique-id``; without an identifier as its health checks do."""
    addresses = {
        0x00: b"",
        0x11: socket.inet_aton("127.0.0.1") * 2 + b"\x01\x02\x03\x04",
        0x21: bytes(36),
        0x31: bytes(216),
    }[family]
    values = b"\x04\x00\x01x" + b"\x05" + len(identifier).to_bytes(2) + identifier if identifier else b""
    rest = addresses + values
    return b"\r\n\r\n\x00\r\nQUIT\n" + bytes((command, family)) + len(rest).to_bytes(2) + rest


def chunked(
    body: bytes, sizes: Sequence[int], extension: bytes = b"", trailers: Sequence[bytes] = ()
) -> bytes:
    """The body in chunks of these sizes, again and again."""
    parts, start = [], 0
    for size in itertools.cycle(sizes or (len(body) or 1,)):
        if start >= len(body):
            break
        data = body[start : start + size]
        parts.append(b"%x%b\r\n%b\r\n" % (len(data), extension, data))
        start += size
    return b"".join((*parts, b"0", extension, b"\r\n", *(line + b"\r\n" for line in trailers), b"\r\n"))


class Kept:
    """What the tee has of both directions: the streams that tell of it, and the bytes."""

    def __init__(
        self,
        request: bytes,
        response: bytes,
        *,
        sizes: Sequence[int] = (1 << 20,),
        incomplete: tuple[str, str] = ("", ""),
        endings: tuple[Ending, Ending] = ("end", "end"),
        number: int = 1,
    ) -> None:
        self._data = {True: request, False: response}
        self._sizes = sizes
        self.unreadable_after: int | None = None
        """Bytes of either direction that can be read before reading fails."""
        self.exchange = Exchange(
            number,
            Stream(len(request), incomplete[0], endings[0], 10, 20, request, ()),
            Stream(len(response), incomplete[1], endings[1], 30, 40, response, ()),
        )

    def chunks_of(self, stream: Stream) -> Chunks:
        """For `read_copied`."""
        data = self._data[stream is self.exchange.request]
        return lambda: self._parts(data)

    def read(self) -> Copied:
        """What the agent makes of it."""
        return read_copied(self.exchange, self.chunks_of)

    def _parts(self, data: bytes) -> Iterator[bytes]:
        start = 0
        # The tee reads a PROXY header at once.
        for size in itertools.chain((600,), itertools.cycle(self._sizes)):
            if start >= len(data):
                return
            if self.unreadable_after is not None and start + size > self.unreadable_after:
                raise OSError(5, "Input/output error")
            yield data[start : start + size]
            start += size


class Counted:
    """Counts calls."""

    def __init__(self, then: Callable[[], None] | None = None) -> None:
        self.count = 0
        self._then = then

    def __call__(self) -> None:
        self.count += 1
        if self._then is not None:
            self._then()
