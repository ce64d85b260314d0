"""A long body as the record shows it, in parts: at no time much of it is in memory.

It is read twice. First to learn what must be known before the text begins: whether it is UTF-8, whether it decodes, its size decoded.
(Three times when it grows so much that it may be too long for what was sent.)
Of a body beyond the limit a prefix is shown, beside the SHA-256 of all; that is read once.
"""

import binascii
import codecs
import hashlib
from collections.abc import Iterator

from record.content_coding import CODINGS, CodingError, decode, parts_of
from record.decoded_text import may_be_shown, most_decoded_bytes
from record.json_string import escape
from record.long_body import LongBody


class Limits:
    """How much of one body is shown; bytes."""

    __slots__ = ("body_bytes", "prefix_bytes")

    def __init__(self, body_bytes: int, prefix_bytes: int) -> None:
        self.body_bytes = body_bytes
        """A body up to this is shown whole; it is what a compressed one may grow to, too."""
        self.prefix_bytes = prefix_bytes
        """Of a longer one so many of its first bytes are."""


class LongText:
    """A long body, looked through once."""

    __slots__ = ("_body", "_coding", "_prefix", "abridged", "base64", "decoded", "sha256", "size")

    def __init__(self, body: LongBody, content_encoding: str, whole: bool, limits: Limits) -> None:
        self._body = body
        self._coding = ""
        self._prefix: bytes | None = None
        self.base64 = False
        self.decoded = False
        """Whether a content coding was undone."""
        self.size = body.wire_bytes
        """In bytes, decoded where it is."""
        self.sha256 = ""
        """Of the body as on the wire, in hexadecimal digits, where it is abridged."""
        self.abridged = False
        """All of it was seen, and only a prefix is shown. (A part that is cut anyway may be shown in part without this.)"""
        if body.wire_bytes > limits.body_bytes:
            self._abridge(whole, limits.prefix_bytes)
        elif not (
            whole and content_encoding in CODINGS and self._decodes(content_encoding, limits.body_bytes)
        ):
            self.base64 = not _is_text(body.chunks())

    @property
    def wire_bytes(self) -> int:
        """Its length as on the wire, without transfer coding."""
        return self._body.wire_bytes

    def parts(self) -> Iterator[bytes]:
        """The text as JSON shows it, without its quotes.

        Raises:
            OSError: the body can't be read.
        """
        chunks = self._body.chunks() if self._prefix is None else iter((self._prefix,))
        if self._coding:
            chunks = decode(chunks, self._coding, self.size)
        return _in_base64(chunks) if self.base64 else _escaped(chunks)

    def _abridge(self, whole: bool, prefix_bytes: int) -> None:
        self.abridged = whole
        digest = hashlib.sha256()
        kept: list[bytes] = []
        missing = prefix_bytes
        for chunk in self._body.chunks():
            if missing > 0:
                kept.append(chunk[:missing])
                missing -= len(kept[-1])
            elif not whole:
                break
            if whole:
                # Frees the interpreter's lock.
                digest.update(chunk)
        if whole:
            self.sha256 = digest.hexdigest()
        prefix = b"".join(kept)
        try:
            prefix = prefix[: codecs.utf_8_decode(prefix, "strict", False)[1]]
        except UnicodeDecodeError:
            self.base64 = True
        self._prefix = prefix

    def _decodes(self, coding: str, max_bytes: int) -> bool:
        """Look whether it can be undone, and is not too long then."""
        text = _Utf8()
        size = 0
        most = most_decoded_bytes(self.wire_bytes, max_bytes)
        try:
            for part in decode(self._body.chunks(), coding, most):
                text.take(part)
                size += len(part)
        except CodingError:
            return False
        again = decode(self._body.chunks(), coding, most)
        if not may_be_shown(again, self.wire_bytes, size, not text.whole):
            return False
        self._coding, self.decoded = coding, True
        self.size, self.base64 = size, not text.whole
        return True


class _Utf8:
    """Tells whether bytes that come in parts are UTF-8 together."""

    __slots__ = ("_failed", "_rest")

    def __init__(self) -> None:
        self._failed = False
        self._rest = b""

    @property
    def whole(self) -> bool:
        return not self._failed and not self._rest

    def take(self, part: bytes) -> bool:
        """False when they are not, whatever comes."""
        # Most text is ASCII, and that is told twenty times as fast.
        if self._failed or (not self._rest and part.isascii()):
            return not self._failed
        data = self._rest + part
        try:
            self._rest = data[codecs.utf_8_decode(data, "strict", False)[1] :]
        except UnicodeDecodeError:
            self._failed = True
        return not self._failed


def _is_text(chunks: Iterator[bytes]) -> bool:
    text = _Utf8()
    for chunk in chunks:
        # Of ASCII a whole chunk is looked through at once.
        for part in iter((chunk,)) if chunk.isascii() else parts_of(chunk):
            if not text.take(part):
                return False
    return text.whole


def _escaped(chunks: Iterator[bytes]) -> Iterator[bytes]:
    rest = b""
    for chunk in chunks:
        for part in parts_of(chunk):
            data = rest + part
            text, used = codecs.utf_8_decode(data, "strict", False)
            rest = data[used:]
            yield escape(text)
    if rest:
        raise ValueError("the body changed while it was read")


def _in_base64(chunks: Iterator[bytes]) -> Iterator[bytes]:
    rest = b""
    for chunk in chunks:
        for part in parts_of(chunk):
            data = rest + part
            # Groups of 3 bytes are encoded independently of each other (RFC 4648 4).
            used = len(data) - len(data) % 3
            rest = data[used:]
            yield binascii.b2a_base64(data[:used], newline=False)
    if rest:
        yield binascii.b2a_base64(rest, newline=False)
