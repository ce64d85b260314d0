"""When the first line of a rotated file is from."""

import gzip
import re
import zlib
from datetime import UTC, datetime
from typing import BinaryIO

import zstandard

# The first field of a line (record/entry).
_STARTED = re.compile(rb'^\{"startedDateTime":"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)')
_HEAD_BYTES = 256


def first_line_time(file: BinaryIO, form: str, otherwise_s: float) -> datetime:
    """``startedDateTime`` of the first line, without its fraction; ``otherwise_s`` (seconds since 1970) where there is none to be read.

    Raises:
        OSError: the file can't be read.
    """
    file.seek(0)
    match = _STARTED.match(_head(file, form))
    if match is not None:
        try:
            return datetime.fromisoformat(match[1].decode()).replace(tzinfo=UTC)
        except ValueError:
            pass
    return datetime.fromtimestamp(otherwise_s, UTC)


def _head(file: BinaryIO, form: str) -> bytes:
    try:
        if form == ".zst":
            with zstandard.ZstdDecompressor().stream_reader(file, closefd=False) as reader:
                return reader.read(_HEAD_BYTES)
        with gzip.GzipFile(fileobj=file) as reader:
            return reader.read(_HEAD_BYTES)
    except (zstandard.ZstdError, zlib.error, EOFError, gzip.BadGzipFile):
        return b""
