"""A rotated file's compressed form: made, and read again before the original may go."""

import errno
import os
from collections.abc import Iterator
from typing import BinaryIO

import zstandard

# So much is done before the caller looks whether to go on.
STEP_BYTES = 1 << 20

# The fastest level: still a fifth to a tenth for JSON, and the cores are the traffic's (docs/decisions/0011-s3.md).
_LEVEL = 1


def compress(source: BinaryIO, target: BinaryIO) -> Iterator[None]:
    """Write ``source`` compressed to ``target``, and on to the disk; in steps.

    Raises:
        OSError: it can't be read or written.
    """
    compressor = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True)
    with compressor.stream_writer(target, closefd=False) as stream:
        while step := source.read(STEP_BYTES):
            stream.write(step)
            yield
    target.flush()
    os.fsync(target.fileno())


def verify(source: BinaryIO, target: BinaryIO) -> Iterator[None]:
    """Read ``target`` from its start; in steps. The checksum in it says that what comes is what was given.

    Raises:
        OSError: it can't be read, or is not all of ``source``.
    """
    target.seek(0)
    size = 0
    try:
        with zstandard.ZstdDecompressor().stream_reader(target, closefd=False) as stream:
            while step := stream.read(STEP_BYTES):
                size += len(step)
                yield
    except zstandard.ZstdError as error:
        raise OSError(errno.EIO, f"what was compressed can't be read: {error}") from error
    expected = os.fstat(source.fileno()).st_size
    if size != expected:
        raise OSError(errno.EIO, f"what was compressed has {size} of {expected} bytes")
