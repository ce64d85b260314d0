"""A block of header field lines, read once: what the record and the agent need to know of it."""

import re
from dataclasses import dataclass
from typing import Final

from record.remembered import Remembered

# Blocks up to this size are remembered (clients repeat theirs); larger ones are read anew, so the memory is bounded.
_REMEMBERED_BYTES: Final = 2048

_LENGTH: Final = re.compile(r"[0-9]{1,19}")


@dataclass(frozen=True, slots=True)
class Headers:
    """The fields of one message, in their order."""

    fields: tuple[tuple[str, str], ...]
    """Names in lower case, and values; bytes beyond ASCII as ISO 8859-1 (RFC 9110 5.5)."""
    content_length: int | None
    chunked: bool
    content_type: str
    content_encoding: str
    """In lower case; of repeated fields all, in the order in which they were applied (RFC 9110 5.3)."""
    host: str
    location: str


def parse_headers(block: bytes) -> Headers:
    """Read the field lines of a message; each ends with CRLF, an empty one ends the block."""
    return _remembered[block] if len(block) <= _REMEMBERED_BYTES else _parse(block)


def _parse(block: bytes) -> Headers:
    fields = []
    for line in block.decode("latin-1").split("\r\n"):
        name, colon, value = line.partition(":")
        if colon:
            fields.append((name.lower(), value.strip(" \t")))
    first = dict(reversed(fields))
    codings = [value for name, value in fields if name == "content-encoding"]
    length = first.get("content-length", "")
    return Headers(
        fields=tuple(fields),
        content_length=int(length) if _LENGTH.fullmatch(length) else None,
        chunked="chunked" in first.get("transfer-encoding", "").lower(),
        content_type=first.get("content-type", ""),
        content_encoding=", ".join(codings).lower(),
        host=first.get("host", ""),
        location=first.get("location", ""),
    )


_remembered: Final = Remembered(_parse, 2048)
