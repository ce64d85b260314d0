"""A part of a file as the body of a request, which is read at the pace of the bandwidth's bound."""

import io
from collections.abc import Callable
from typing import BinaryIO

from offload.s3.parts import Part

# So much is sent at once, so that a slow pace is even.
_PIECE_BYTES = 16384


class PartBody:
    """What botocore reads, first to sign it where it must, then to send it, and again when it tries again.

    Args:
        send: called with a number of bytes before these are sent; it may wait.
    """

    def __init__(self, file: BinaryIO, part: Part, send: Callable[[int], None]) -> None:
        self._file = file
        self._part = part
        self._send = send
        self._position = 0
        self._sending = False

    def __len__(self) -> int:
        return self._part.size

    def begin_sending(self) -> None:
        """From now on, until the next `seek`, what is read is sent."""
        self._sending = True

    def read(self, size: int | None = -1) -> bytes:
        left = self._part.size - self._position
        wanted = left if size is None or size < 0 else min(size, left)
        if self._sending:
            # A file's read may be short, and so may this one but at its end.
            wanted = min(wanted, _PIECE_BYTES)
            self._send(wanted)
        self._file.seek(self._part.offset + self._position)
        data = self._file.read(wanted)
        self._position += len(data)
        return data

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._part.size}[whence]
        self._position = base + offset
        self._sending = False
        return self._position

    def tell(self) -> int:
        return self._position
