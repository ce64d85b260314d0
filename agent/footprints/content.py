"""Bodies as they were before their content coding, up to a bound. No I/O besides a long body's own."""

import json
from collections.abc import Iterator
from typing import Any, Final

from record.content_coding import CODINGS, CodingError, decode
from record.headers import parse_headers
from record.long_body import LongBody

MOST_BULK_BYTES: Final = 128 * 1024 * 1024
"""Of a bulk, decoded, that is read. One that is longer counts as its whole indices."""
MOST_AT_ONCE_BYTES: Final = 4 * 1024 * 1024
"""Of a bulk, decoded, that is read in one step: about 10 ms."""
MOST_BODY_BYTES: Final = 1024 * 1024
"""Of any other request. A search that is longer counts as reading everything."""
MOST_ANSWER_BYTES: Final = 8 * 1024 * 1024
"""Of a bulk's answer: 10,000 items have about 2.5 MB."""
MOST_JSON_BYTES: Final = 256 * 1024
"""Of a body that is read as a whole, which takes up to 5 ms. Larger ones can't be read."""
ANSWER_START_BYTES: Final = 32 * 1024
"""Of any other answer: what is learnt from it is at its start."""
SLICE_BYTES: Final = 256 * 1024
"""What is read before others have their turn."""


def coding_of(headers: bytes) -> str:
    """The content coding that a header block names; empty: none."""
    # ``in`` would cost an exception that nobody sees (bytes take numbers too), 2,000 instructions.
    if headers.find(b"content-encoding:") < 0:
        return ""
    return parse_headers(headers).content_encoding


def plain(body: bytes, headers: bytes, most: int) -> bytes | None:
    """A body that is in memory, decoded; None when it can't be, or is longer than ``most``."""
    coding = coding_of(headers)
    if coding in {"", "identity"}:
        return body if len(body) <= most else None
    if coding not in CODINGS:
        return None
    try:
        return b"".join(decode(iter((body,)), coding, most))
    except CodingError:
        return None


def plain_start(body: bytes, headers: bytes, most: int) -> bytes:
    """The first bytes of a body of which perhaps only the start is there, decoded; about ``most`` of them."""
    coding = coding_of(headers)
    if coding in {"", "identity"}:
        return body[:most]
    if coding not in CODINGS:
        return b""
    # The input is bounded too, lest a bomb's is decoded before its size is seen.
    return _start(decode(iter((body[: 4 * most],)), coding, 4 * most), most)


def plain_chunks(chunks: Iterator[bytes], headers: bytes, most: int) -> Iterator[bytes]:
    """A body's chunks, decoded.

    Raises:
        CodingError: they can't be decoded, or there is more than ``most`` in them.
        OSError: they can't be read.
    """
    coding = coding_of(headers)
    if coding in {"", "identity"}:
        return chunks
    if coding not in CODINGS:
        raise CodingError(coding)
    return decode(chunks, coding, most)


def long_start(body: LongBody, headers: bytes) -> bytes:
    """As `plain_start`, of a long body.

    Raises:
        OSError: it can't be read.
    """
    for chunk in body.chunks():
        return plain_start(chunk[:ANSWER_START_BYTES], headers, ANSWER_START_BYTES)
    return b""


def _start(parts: Iterator[bytes], most: int) -> bytes:
    start = b""
    try:
        for part in parts:
            start += part
            if len(start) >= most:
                break
    except CodingError:
        pass
    return start


def parsed(text: bytes, most: int = MOST_JSON_BYTES) -> Any:
    """JSON, or None for what is none, too long or too deep."""
    if len(text) > most:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
