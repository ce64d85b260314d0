"""A message body as the record shows it: text where it is text, decoded where it was compressed."""

import base64

from record.content_coding import CODINGS, CodingError, decode


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


def read_body(wire: bytes, content_encoding: str, max_bytes: int) -> Body:
    """Undo a content coding when the body is whole and sound; anything else stays as it was sent.

    So does a body that would grow beyond ``max_bytes``: a decompression bomb stays small.
    """
    plain = _decode(wire, content_encoding, max_bytes) if content_encoding and wire else None
    data = wire if plain is None else plain
    try:
        return Body(data.decode(), False, len(data), plain is not None)
    except UnicodeDecodeError:
        return Body(base64.b64encode(data).decode("ascii"), True, len(data), plain is not None)


def _decode(wire: bytes, content_encoding: str, max_bytes: int) -> bytes | None:
    if content_encoding not in CODINGS:
        return None
    parts: list[bytes] = []
    size = 0
    try:
        for part in decode(iter((wire,)), content_encoding):
            parts.append(part)
            size += len(part)
            if size > max_bytes:
                return None
    except CodingError:
        return None
    return b"".join(parts)
