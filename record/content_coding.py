"""Content codings (RFC 9110 8.4.1) undone in parts of bounded size, so that a decompression bomb costs what its reader takes of it."""

import zlib
from collections.abc import Iterator

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
# so of this at most 8 MiB come.
_ZSTD_INPUT_BYTES = 256


class CodingError(ValueError):
    """What was decoded is damaged, cut, or followed by something else."""


def decode(chunks: Iterator[bytes], coding: str) -> Iterator[bytes]:
    """What ``chunks`` are together, decoded, in parts that are not empty.

    Raises:
        CodingError: at the place of the damage, so perhaps after some parts; at the end when something is missing.
    """
    return _decode_zstd(chunks) if coding == "zstd" else _decode_zlib(chunks)


def _decode_zlib(chunks: Iterator[bytes]) -> Iterator[bytes]:
    stream = zlib.decompressobj(_GZIP_OR_ZLIB)
    for chunk in chunks:
        if stream.eof:
            raise CodingError("more than one")
        data = chunk
        while True:
            try:
                part = stream.decompress(data, PART_BYTES)
            except zlib.error as error:
                raise CodingError(str(error)) from error
            if part:
                yield part
            data = stream.unconsumed_tail
            # What a full part has left behind without any input comes with the next: the checksum, at least, is behind it.
            if stream.eof or not data:
                break
    if not stream.eof or stream.unused_data:
        raise CodingError("cut, or more than one")


def _decode_zstd(chunks: Iterator[bytes]) -> Iterator[bytes]:
    stream = _zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW_BYTES).decompressobj()
    parts: list[bytes] = []
    size = 0
    for chunk in chunks:
        for start in range(0, len(chunk), _ZSTD_INPUT_BYTES):
            if stream.eof:
                raise CodingError("more than one")
            try:
                part: bytes = stream.decompress(chunk[start : start + _ZSTD_INPUT_BYTES])
            except _zstandard.ZstdError as error:
                raise CodingError(str(error)) from error
            if part:
                parts.append(part)
                size += len(part)
                if size >= PART_BYTES:
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
