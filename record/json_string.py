"""Text as JSON shows it. The text has no lone surrogates."""

import json.encoder
from collections.abc import Callable

from record.optional import library

# The C function behind json.dumps(..., ensure_ascii=False): a string with its quotes.
# By its name: older type stubs, which mypyc in the images may have, do not know it.
quote_slowly: Callable[[str], str] = vars(json.encoder)["encode_basestring"]

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
