"""Scrolls, points in time, asynchronous searches and tasks, as documents of a pseudo index. No I/O."""

import hashlib
from typing import Final

from agent.footprints.footprint import CURSOR, Documents
from record.headers import parse_headers

# A scroll over many shards has a cursor of many KiB; what is longer is known by its hash.
_LONGEST: Final = 64


def cursors(ids: list[bytes]) -> tuple[Documents, ...]:
    """The documents for these cursors."""
    return (
        Documents(
            CURSOR,
            tuple(
                dict.fromkeys(
                    [
                        one if len(one) <= _LONGEST else hashlib.blake2b(one, digest_size=32).digest()
                        for one in ids
                    ]
                )
            ),
        ),
    )


def token(headers: bytes) -> bytes | None:
    """The cursor of a page of SQL in a text format, which is in the answer's header ``Cursor``."""
    if b"cursor:" not in headers:
        return None
    for name, value in parse_headers(headers).fields:
        if name == "cursor" and value:
            return value.encode("latin-1")
    return None
