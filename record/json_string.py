"""Text as JSON shows it. The text has no lone surrogates."""

import json.encoder
from collections.abc import Callable
from typing import Final

from record.optional import library

# The C function behind json.dumps(..., ensure_ascii=False): a string with its quotes.
# By its name: older type stubs, which mypyc in the images may have, do not know it.
quote_slowly: Callable[[str], str] = vars(json.encoder)["encode_basestring"]

# What JSON shows as two characters, and as six; the rest of UTF-8 is shown as it is.
_TWO: Final = b'"\\\b\t\n\f\r'
_SIX: Final = bytes(byte for byte in range(32) if byte not in _TWO)

# Debian 12 has none.
_orjson = library("orjson")


def _quote_quickly(text: str) -> str:
    line: bytes = _orjson.dumps(text)
    return line.decode()


quote: Callable[[str], str] = quote_slowly if _orjson is None else _quote_quickly
"""A string with its quotes; of a short answer of Elasticsearch orjson makes it in a third of the time (docs/decisions/0018-instructions-counted.md)."""


def escape(text: str) -> bytes:
    """A string without quotes."""
    if _orjson is None:
        return escape_slowly(text)
    line: bytes = _orjson.dumps(text)
    return line[1:-1]


def escape_slowly(text: str) -> bytes:
    """The same where there is no orjson."""
    return quote_slowly(text)[1:-1].encode()


def escaped_bytes(text: bytes) -> int:
    """The length of what `escape` makes of a text, given in UTF-8; of a part of one too."""
    # What is left over when such bytes are deleted tells how many there were.
    two = len(text) - len(text.translate(None, _TWO))
    six = len(text) - len(text.translate(None, _SIX))
    return len(text) + two + 5 * six
