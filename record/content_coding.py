"""Content codings (RFC 9110 8.4.1) undone in parts of bounded size, up to a bound: a decompression bomb costs no more than that."""

import zlib
from collections.abc import Iterator
from typing import Any

from record.optional import library

_zstandard = library("zstandard")

_ZLIB_CODINGS = frozenset(("gzip", "x-gzip", "deflate"))
CODINGS = _ZLIB_CODINGS | (frozenset(("zstd",)) if _zstandard is not None else frozenset())
"""Those that `decode` undoes."""

# What is done at once without the interpreter's lock being free for others in between. A multiple of 3, for base64.
PART_BYTES = 96 * 1024

# gzip's header (RFC 1952) or zlib's (RFC 1950), whichever is there: zlib's manual, inflateInit2.
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS

# What a decoder must support, and an encoder may use at most (RFC 9659 3).
_ZSTD_WINDOW_BYTES = 8 * 1024 * 1024

# zstandard's objects return all that comes of their input: a block is 4 bytes at least, and 128 KiB decoded at most (RFC 8878 3.1.1.2),
# so of the most that is given at once at most 8 MiB come; near the bound less is given, so that little comes beyond it.
_ZSTD_BLOCK_BYTES = 4
_ZSTD_DECODED_BLOCK_BYTES = 128 * 1024
_ZSTD_INPUT_BYTES = 64 * _ZSTD_BLOCK_BYTES


class CodingError(ValueError):
    """What was decoded is damaged, cut, too large, or followed by something else."""


def decode(chunks: Iterator[bytes], coding: str, most_bytes: int) -> Iterator[bytes]:
    """What ``chunks`` are together, decoded, in parts that are not empty; together they have at most ``most_bytes``.

    Raises:
        CodingError: at the place of the damage or of the bound, so perhaps after some parts; at the end when something is missing.
    """
    left = most_bytes
    for part in _decode_zstd(chunks, most_bytes) if coding == "zstd" else _decode_zlib(chunks):
        left -= len(part)
        if left < 0:
            raise CodingError("too large")
        yield part


def _decode_zlib(chunks: Iterator[bytes]) -> Iterator[bytes]:
    stream = zlib.decompressobj(_GZIP_OR_ZLIB)
    for chunk in chunks:
        # In parts: each step of decoding copies what it leaves of its input.
        for part in parts_of(chunk):
            if stream.eof:
                raise CodingError("more than one")
            yield from _inflate(stream, part)
    if not stream.eof or stream.unused_data:
        raise CodingError("cut, or more than one")


def _inflate(stream: Any, data: bytes) -> Iterator[bytes]:
    while True:
        try:
            part: bytes = stream.decompress(data, PART_BYTES)
        except zlib.error as error:
            raise CodingError(str(error)) from error
        if part:
            yield part
        data = stream.unconsumed_tail
        # What a full part has left behind without any input comes with the next: the checksum, at least, is behind it.
        if stream.eof or not data:
            return


def _decode_zstd(chunks: Iterator[bytes], most_bytes: int) -> Iterator[bytes]:
    stream = _zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW_BYTES).decompressobj()
    parts: list[bytes] = []
    size, left = 0, most_bytes
    for chunk in chunks:
        start = 0
        while start < len(chunk):
            if stream.eof:
                raise CodingError("more than one")
            step = min(_ZSTD_INPUT_BYTES, (1 + left // _ZSTD_DECODED_BLOCK_BYTES) * _ZSTD_BLOCK_BYTES)
            try:
                part: bytes = stream.decompress(chunk[start : start + step])
            except _zstandard.ZstdError as error:
                raise CodingError(str(error)) from error
            start += step
            if part:
                parts.append(part)
                size += len(part)
                left -= len(part)
                if size >= PART_BYTES or left < 0:
                    yield from parts_of(b"".join(parts))
                    parts, size = [], 0
    if size:
        yield b"".join(parts)
    if not stream.eof or stream.unused_data:
        raise CodingError("cut, or more than one")


def parts_of(chunk: bytes) -> Iterator[bytes]:
    """A chunk in parts of at most `PART_BYTES`."""
    for start in range(0, len(chunk), PART_BYTES):
        yield chunk[start : start + PART_BYTES]
