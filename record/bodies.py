"""A message body as the record shows it: text where it is text, decoded where it was compressed."""

import base64

from record.content_coding import CODINGS, CodingError, decode
from record.decoded_text import may_be_shown, most_decoded_bytes


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

    So does a body that would grow beyond ``max_bytes``, or whose text would be too long for what was sent (`record.decoded_text`): a
    decompression bomb stays small.
    """
    plain = _decode(wire, content_encoding, max_bytes) if content_encoding and wire else None
    if plain is not None:
        body = _body(plain, True)
        if may_be_shown(iter((plain,)), len(wire), len(plain), body.base64):
            return body
    return _body(wire, False)


def _body(data: bytes, decoded: bool) -> Body:
    try:
        return Body(data.decode(), False, len(data), decoded)
    except UnicodeDecodeError:
        return Body(base64.b64encode(data).decode("ascii"), True, len(data), decoded)


def _decode(wire: bytes, content_encoding: str, max_bytes: int) -> bytes | None:
    if content_encoding not in CODINGS:
        return None
    try:
        return b"".join(decode(iter((wire,)), content_encoding, most_decoded_bytes(len(wire), max_bytes)))
    except CodingError:
        return None
