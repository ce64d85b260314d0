"""Documents like those of an access log, the same ones in every run, and the ``_bulk`` requests that load them."""

import json
from collections.abc import Iterator
from typing import Any

INDEX = "bench"
"""The index that the requests name in their path."""

MEGABYTE = 1_000_000
"""Sizes of bodies are decimal."""

_64_BITS = (1 << 64) - 1
_PATHS = ("index.html", "images/logo.png", "search", "cart/checkout", "api/v2/orders", "robots.txt")
_METHODS = ("GET", "GET", "GET", "POST", "PUT")
_STATUSES = (200, 200, 200, 200, 304, 404, 500)
_AGENTS = (
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Safari/605.1",
    "curl/8.14.1",
)


def document_id(number: int) -> str:
    """The ``_id`` that the client chooses for the document ``number``."""
    return f"entry-{number:09}"


def source(number: int) -> dict[str, Any]:
    """The document ``number``, from 0; 200 to 300 bytes as JSON. Its field ``sequence`` is the number."""
    bits = _scattered(number)
    return {
        "sequence": number,
        "@timestamp": 1_764_000_000_000 + number * 40,
        "clientip": f"10.{bits & 255}.{bits >> 8 & 255}.{bits >> 16 & 255}",
        "method": _METHODS[bits % len(_METHODS)],
        "path": f"/{_PATHS[(bits >> 5) % len(_PATHS)]}?session={bits:016x}",
        "status": _STATUSES[(bits >> 11) % len(_STATUSES)],
        "bytes": (bits >> 24) % 200_000,
        "agent": _AGENTS[(bits >> 44) % len(_AGENTS)],
    }


def _scattered(number: int) -> int:
    """64 bits without a visible order, from the number alone, so that any part of the documents can be made anywhere (splitmix64)."""
    bits = (number + 1) * 0x9E3779B97F4A7C15 & _64_BITS
    bits = (bits ^ bits >> 30) * 0xBF58476D1CE4E5B9 & _64_BITS
    bits = (bits ^ bits >> 27) * 0x94D049BB133111EB & _64_BITS
    return bits ^ bits >> 31


def bulk_lines(number: int) -> bytes:
    """The two lines of a ``_bulk`` request that index the document ``number`` under its id."""
    document = json.dumps(source(number), separators=(",", ":"))
    return f'{{"index":{{"_id":"{document_id(number)}"}}}}\n{document}\n'.encode()


def bulks(documents: int, bulk_bytes: int) -> Iterator[bytes]:
    """The bodies that load so many documents, each as large as fits ``bulk_bytes``, in order.

    A document that is larger than that alone is in a body of its own.
    """
    lines: list[bytes] = []
    size = 0
    for number in range(documents):
        line = bulk_lines(number)
        if lines and size + len(line) > bulk_bytes:
            yield b"".join(lines)
            lines, size = [], 0
        lines.append(line)
        size += len(line)
    if lines:
        yield b"".join(lines)


def bulk_of(body_bytes: int) -> bytes:
    """The body of a ``_bulk`` request of exactly this size.

    Raises:
        ValueError: it is too small for a document and the one that makes up the size.
    """
    # Repeating after some megabytes, for making them takes time.
    cycle = [bulk_lines(number) for number in range(min(8_000, body_bytes // 200 + 2))]
    padded = b'{"index":{}}\n{"message":"%s"}\n'
    least = len(padded) - 2
    lines: list[bytes] = []
    left = body_bytes
    while left - len(cycle[len(lines) % len(cycle)]) >= least:
        lines.append(cycle[len(lines) % len(cycle)])
        left -= len(lines[-1])
    if left < least:
        raise ValueError(f"{body_bytes} bytes are too few for a bulk")
    lines.append(padded % (b"x" * (left - least)))
    return b"".join(lines)
