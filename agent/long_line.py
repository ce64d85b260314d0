"""What the capture log asks of a line that is too long to be held in memory, and of whoever writes such a line."""

import os
from collections.abc import Callable, Iterator
from typing import Protocol

from record.transaction import Transaction

GoOn = Callable[[], bool]
"""Whether there is time for more."""


class AbandonedError(Exception):
    """There was no more time for a line."""


class FullError(Exception):
    """The line would make the file larger than it may become."""


class UnreadableError(Exception):
    """What a long line is made from can't be read."""


class LongLine(Protocol):
    """A line that is not in memory."""

    @property
    def wire_bytes(self) -> int:
        """About how much is read to make it."""

    @property
    def memory_bytes(self) -> int:
        """About how much memory it takes as long as it waits."""

    @property
    def transaction(self) -> Transaction | None:
        """What the line tells, for another process that makes lines; None: only this one can."""

    def parts(self) -> Iterator[bytes]:
        """The line with its line end, from the start at each call.

        Raises:
            OSError: what it is made from can't be read.
        """

    def without_bodies(self) -> bytes:
        """The line without what makes it long."""

    def finished(self) -> None:
        """To be called once, on any thread, when the line is in the log or has been dropped."""


class LongWriter(Protocol):
    """Writes long lines; one at a time."""

    def start(self) -> None:
        """To be called once, before the first line."""

    def write(self, line: LongLine, file: int, room: int | None, go_on: GoOn) -> int:
        """Append one line to an open file.

        Args:
            line: what to write.
            file: opened for appending. What was written before an error is left there for the caller to take back.
            room: how many bytes it may have at most; None: as many as it has.
            go_on: asked now and then.

        Returns:
            How many bytes it has.

        Raises:
            FullError, AbandonedError, UnreadableError: see there.
            OSError: the disk refuses.
        """

    def close(self) -> None:
        """Nothing more is written."""


class PartsWriter:
    """Makes lines on the calling thread."""

    def start(self) -> None:
        """See `LongWriter`."""

    def write(self, line: LongLine, file: int, room: int | None, go_on: GoOn) -> int:
        """See `LongWriter`."""
        return write_parts(readable(line.parts()), file, room, go_on)

    def close(self) -> None:
        """See `LongWriter`."""


def write_parts(parts: Iterator[bytes], file: int, room: int | None, go_on: GoOn) -> int:
    """`LongWriter.write` of a line that comes in parts; what these raise passes through."""
    size = 0
    for part in parts:
        size += len(part)
        if room is not None and size > room:
            raise FullError
        if not go_on():
            raise AbandonedError
        write_all(file, part)
    return size


def write_all(file: int, data: bytes) -> None:
    """Write all of ``data``.

    Raises:
        OSError: the disk refuses; a part may have been written.
    """
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(file, rest) :]


def readable(parts: Iterator[bytes]) -> Iterator[bytes]:
    """Parts of a line; an error of reading what they are made from is none of the disk's that they are written to.

    Raises:
        UnreadableError: that is so.
    """
    try:
        yield from parts
    except OSError as error:
        raise UnreadableError(str(error)) from error
