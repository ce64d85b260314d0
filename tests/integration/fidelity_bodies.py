"""Bodies of any size, the same in every run, no part of which is like another: a piece that is missing, doubled or moved shows."""

import functools
import gzip
import random
import zlib

import zstandard

KB = 1024
MB = 1024 * 1024

SMALL = b'{"query": {"match": {"title": "caf\xc3\xa9"}}}\n'


@functools.cache
def text(size: int) -> bytes:
    """Lines of JSON with numbers that grow, in UTF-8; the last line is cut where ``size`` ends."""
    generator = random.Random(size)
    words = " ".join(generator.choice(("noldor", "vanyar", "teleri", "\\u00e9")) for _ in range(12))
    line = b'{"n": %08d, "text": "' + words.encode() + b'"}\n'
    lines = b"".join(line % number for number in range(size // (len(line) + 4) + 1))
    return lines[:size]


@functools.cache
def utf8(size: int) -> bytes:
    """As `text`, with characters of two and three bytes; ends with whole ones."""
    lines = "".join(f"{number} caf\u00e9 \u4e2d\u6587\n" for number in range(size // 16 + 1)).encode()
    return lines[:size].decode(errors="ignore").encode().ljust(size)


@functools.cache
def binary(size: int) -> bytes:
    """Bytes that are no UTF-8."""
    return random.Random(size).randbytes(size)


@functools.cache
def gzipped(size: int) -> bytes:
    """Gzip of so much text that it is compressed to about an eighth of ``size``."""
    return gzip.compress(text(size), compresslevel=1, mtime=0)


@functools.cache
def deflated(size: int) -> bytes:
    """What HTTP calls deflate (RFC 9110 8.4.1.2): zlib's format."""
    return zlib.compress(text(size), level=1)


@functools.cache
def zstd(size: int) -> bytes:
    """A zstd frame (RFC 8878)."""
    return zstandard.compress(text(size), level=1)


def forget() -> None:
    """Free the memory of all that were made."""
    for made in (text, utf8, binary, gzipped, deflated, zstd):
        made.cache_clear()
