"""The body of a message that the tee has copied, read from the copy whenever somebody wants it."""

from collections.abc import Callable, Iterator

import httptools

Chunks = Callable[[], Iterator[bytes]]
"""Gives the bytes of a copy, in parts of at most 1 MiB."""

# Any message with a chunked body: the parser need not know the real one, whose method it may never have heard of. It is the last one of its
# connection: bytes behind its end are an error, and never read as another message.
_HEAD = b"POST / HTTP/1.1\r\nhost: _\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n"

# Chunks that are smaller, on average, are put together: whoever wants the body has something to do for each part.
_SMALL_BYTES = 4096


class CopiedBody:
    """A `record.long_body.LongBody` and a `record.wire_body.WireBody`.

    Args:
        copy: the message that it is a part of.
        start: where it begins there, in bytes.
        length: of its bytes there; ``announced``: of all that its sender meant to send, None when that was not said.
        chunked: it is in chunks, and read once to see where they end.
        ended: without a length: its sender has come to its end.
    """

    def __init__(
        self, copy: Chunks, start: int, length: int, announced: int | None, *, chunked: bool, ended: bool
    ) -> None:
        self.copy = copy
        """The message that it is a part of."""
        self.start = start
        self.chunked = chunked
        self.framed_bytes = length
        self.wire_bytes = length
        """Without transfer coding."""
        self.announced_bytes = length if announced is None else announced
        """What its sender meant to send, where that is known; else what there is."""
        self.whole = ended
        """Nothing is missing."""
        self.trailers = False
        """Fields come behind it; in chunks only."""
        self.followed = False
        """Bytes that are not its own may stand behind it (where client and node have left HTTP): `framed` gives those too."""
        if chunked:
            dechunker = _Dechunker()
            self.announced_bytes = self.wire_bytes = sum(map(len, dechunker.run(self.framed())))
            self.whole = dechunker.complete
            self.trailers = dechunker.trailers
            self.followed = dechunker.followed
        elif announced is not None:
            self.framed_bytes = self.wire_bytes = min(length, announced)
            self.whole = length >= announced

    def framed(self) -> Iterator[bytes]:
        """The bytes as they passed, in parts of at most 1 MiB.

        Raises:
            OSError: the copy can't be read.
        """
        skip, left = self.start, self.framed_bytes
        for chunk in self.copy():
            if skip >= len(chunk):
                skip -= len(chunk)
                continue
            part = chunk[skip : skip + left]
            skip = 0
            left -= len(part)
            if part:
                yield part
            if not left:
                return

    def chunks(self) -> Iterator[bytes]:
        """The bytes without transfer coding, in parts of at most 1 MiB.

        Raises:
            OSError: the copy can't be read.
        """
        return _Dechunker().run(self.framed()) if self.chunked else self.framed()


class _Dechunker:
    """Undoes the chunked coding (RFC 9112 7.1); ``on_...`` are httptools' callbacks."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self.complete = False
        self.trailers = False
        self.followed = False
        """There was more behind the end."""
        self._parser = httptools.HttpRequestParser(self)
        self._parser.feed_data(_HEAD)
        self.trailers = False

    def run(self, framed: Iterator[bytes]) -> Iterator[bytes]:
        """The bytes inside, in parts of some 4 KiB at least, however small their chunks are; they end where the coding is broken."""
        for data in framed:
            try:
                self._parser.feed_data(data)
            except httptools.HttpParserError:
                self.followed = self.complete
                yield from self._taken(len(data))
                return
            yield from self._taken(len(data))

    def _taken(self, framed_bytes: int) -> list[bytes]:
        parts, self._parts = self._parts, []
        return parts if len(parts) <= 1 + framed_bytes // _SMALL_BYTES else [b"".join(parts)]

    def on_body(self, body: bytes) -> None:
        """A part of a chunk."""
        self._parts.append(body)

    def on_header(self, _name: bytes, _value: bytes) -> None:
        """A field; of the head above before anything else, a trailer after that."""
        self.trailers = True

    def on_message_complete(self) -> None:
        """The last chunk, and the trailers, have ended."""
        self.complete = True
