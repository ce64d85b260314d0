"""A message body as the record shows it: text where it is text, decoded where it was compressed."""

import base64
import zlib

# How much a compressed body may grow. Beyond it the record keeps the compressed bytes: a decompression bomb stays small.
MAX_DECODED_BYTES = 16 * 1024 * 1024

_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS


class Body:
    """``text`` is the body, or its base64 when ``base64`` is set; ``size`` is its length in bytes, decoded.

    No dataclass: compiled, those are made four times as slowly.
    """

    __slots__ = ("base64", "decoded", "size", "text")

    def __init__(self, text: str, base64: bool, size: int, decoded: bool) -> None:
        self.text = text
        self.base64 = base64
        self.size = size
        self.decoded = decoded
        """Whether a content coding was undone."""


def read_body(wire: bytes, content_encoding: str) -> Body:
    """Undo gzip and deflate (RFC 9110 8.4.1) when the body is whole and sound; anything else stays as it was sent."""
    plain = _decode(wire, content_encoding) if content_encoding and wire else None
    data = wire if plain is None else plain
    try:
        return Body(data.decode(), False, len(data), plain is not None)
    except UnicodeDecodeError:
        return Body(base64.b64encode(data).decode("ascii"), True, len(data), plain is not None)


def _decode(wire: bytes, content_encoding: str) -> bytes | None:
    if content_encoding not in ("gzip", "x-gzip", "deflate"):
        return None
    try:
        # 32: gzip's header or zlib's, whichever is there.
        stream = zlib.decompressobj(_GZIP_OR_ZLIB)
        plain = stream.decompress(wire, MAX_DECODED_BYTES)
    except zlib.error:
        return None
    return plain if stream.eof and not stream.unused_data else None
