"""The file that the capture log is written to: whole lines only, whatever the disk does."""

import contextlib
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from agent.long_line import FullError, write_all
from agent.rotated_files import RotatedFiles

_LOG = logging.getLogger(__name__)

Write = Callable[[int, int | None], int]
"""Appends a line to a file, given the room that there is for it (None: any), and returns its length; see `agent.long_line.LongWriter`."""

# There may be secrets in the bodies.
_MODE = 0o640


class LogFile:
    """One thread's. Every method may be called again after it raised: it has changed nothing, or puts that right first.

    Args:
        path: the file; its directory must be writable.
        file_bytes: what it may grow to.
        rotated: takes it when it is full.
    """

    def __init__(self, path: Path, file_bytes: int, rotated: RotatedFiles) -> None:
        self._path = path
        self._file_bytes = file_bytes
        self._rotated = rotated
        self._file: int | None = None
        self._torn = False
        self.size = 0
        """Bytes of whole lines in the file."""

    def open(self) -> None:
        """Have the file open and its size known, with nothing but whole lines in it.

        Raises:
            OSError: the disk refuses.
        """
        if self._file is None:
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
            file = os.open(self._path, flags, _MODE)
            try:
                # A line that an earlier run did not finish was never counted as written.
                size = _end_of_lines(file, os.fstat(file).st_size)
                os.ftruncate(file, size)
            except OSError:
                os.close(file)
                raise
            self._file, self.size, self._torn = file, size, False
        elif self._torn:
            # Somebody may have emptied the file meanwhile: it must not be made longer.
            self.size = min(self.size, os.fstat(self._file).st_size)
            os.ftruncate(self._file, self.size)
            self._torn = False
        else:
            # Not what was written: somebody may have emptied the file.
            self.size = os.fstat(self._file).st_size

    def append(self, chunk: bytes) -> None:
        """Write whole lines, all or none of them: the next try must double nothing.

        Raises:
            OSError: the disk refuses.
        """
        with self._all_or_nothing() as file:
            write_all(file, chunk)
        self.size += len(chunk)

    def append_by(self, write: Write) -> bool:
        """Have one line written by somebody; False when it does not fit behind the lines that are in the file.

        Raises:
            OSError: the disk refuses.
            Exception: whatever ``write`` raises.
        """
        try:
            with self._all_or_nothing() as file:
                # A line that is larger than a file may be has one of its own.
                written = write(file, self._file_bytes - self.size if self.size > 0 else None)
        except FullError:
            return False
        self.size += written
        return True

    def rotate(self) -> None:
        """Let the file be taken away; the next one begins with the next line.

        Raises:
            OSError: it can't be renamed.
        """
        self._rotated.take()
        self.close()

    def written_s(self) -> float | None:
        """When the file was written to last (seconds since 1970); None: there is nothing in it.

        Raises:
            OSError: the disk refuses.
        """
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return None
        return found.st_mtime if found.st_size else None

    def close(self) -> None:
        """Close the file, if it is open."""
        file, self._file, self.size = self._file, None, 0
        if file is not None:
            try:
                os.close(file)
            except OSError as error:
                _LOG.error("the capture log's last lines may be lost: %s", error)

    @contextlib.contextmanager
    def _all_or_nothing(self) -> Iterator[int]:
        self.open()
        assert self._file is not None
        self._torn = True
        try:
            yield self._file
        except Exception:
            with contextlib.suppress(OSError):
                self.open()
            raise
        self._torn = False


def _end_of_lines(file: int, size: int) -> int:
    """Where the last line end in a file's first ``size`` bytes is behind; 0 without one."""
    while size > 0:
        start = max(size - 65536, 0)
        end = os.pread(file, size - start, start).rfind(b"\n")
        if end >= 0:
            return start + end + 1
        size = start
    return 0
