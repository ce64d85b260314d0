"""Reads the body of a request as it comes, by its framing (RFC 9112 6 and 7.1), and keeps no more of it than `content` does."""

from tests.integration.content import Content, ContentSum


class BodyReader:
    """One body. ``framing``: ``none``, ``length`` or ``chunked``."""

    def __init__(self, framing: str, length: int = 0) -> None:
        self.done = framing == "none" or (framing == "length" and not length)
        self.trailers: list[bytes] = []
        """Lines of the trailer section, as they came."""
        self.extensions: list[bytes] = []
        """Chunk extensions, as they came."""
        self._chunked = framing == "chunked"
        self._left = 0 if self._chunked else length
        self._expects = "size"
        self._line = b""
        self._sum = ContentSum()

    @property
    def received(self) -> int:
        """Bytes of the body that have come, without the transfer coding."""
        return self._sum.size

    @property
    def content(self) -> Content:
        """What has come, without the transfer coding."""
        return self._sum.content

    def feed(self, data: bytes) -> bytes:
        """Take what belongs to the body, and return what comes after it.

        Raises:
            ValueError: it is not framed as RFC 9112 says.
        """
        while data and not self.done:
            if self._left:
                data = self._take(data)
                continue
            line, found, rest = (self._line + data).partition(b"\r\n")
            if not found:
                self._line = line
                return b""
            self._line, data = b"", rest
            self._read_line(line)
        return data

    def _take(self, data: bytes) -> bytes:
        part, rest = data[: self._left], data[self._left :]
        self._sum.add(part)
        self._left -= len(part)
        self.done = not self._left and not self._chunked
        return rest

    def _read_line(self, line: bytes) -> None:
        if self._expects == "size":
            size, _, extension = line.partition(b";")
            if extension:
                self.extensions.append(extension)
            self._left = int(size, 16)
            self._expects = "end of data" if self._left else "trailer"
        elif self._expects == "end of data":
            if line:
                raise ValueError(f"a chunk ends with {line!r}")
            self._expects = "size"
        elif line:
            self.trailers.append(line)
        else:
            self.done = True
