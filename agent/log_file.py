"""The file that the capture log is written to: whole lines only, whatever the disk does."""

import contextlib
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from agent.rotated_files import RotatedFiles

_LOG = logging.getLogger(__name__)

# There may be secrets in the bodies.
_MODE = 0o640


class AbandonedError(Exception):
    """The caller had no more time for a line; nothing of it is in the file."""


class _FullError(Exception):
    """The line would make the file larger than it may become."""


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
        with self._all_or_nothing():
            self._write(chunk)
        self.size += len(chunk)

    def append_parts(self, parts: Iterator[bytes], go_on: Callable[[], bool]) -> bool:
        """Write one line that comes in parts; False when it does not fit behind the lines that are in the file.

        Args:
            parts: the line; what it raises passes through.
            go_on: whether there is time for another part.

        Raises:
            OSError: the disk refuses.
            AbandonedError: there was no more time.
        """
        size = 0
        try:
            with self._all_or_nothing():
                for part in parts:
                    size += len(part)
                    self._check(size, go_on)
                    self._write(part)
        except _FullError:
            return False
        self.size += size
        return True

    def rotate(self) -> None:
        """Let the file be taken away; the next one begins with the next line.

        Raises:
            OSError: it can't be renamed.
        """
        self._rotated.take()
        self.close()

    def close(self) -> None:
        """Close the file, if it is open."""
        file, self._file, self.size = self._file, None, 0
        if file is not None:
            try:
                os.close(file)
            except OSError as error:
                _LOG.error("the capture log's last lines may be lost: %s", error)

    def _check(self, size: int, go_on: Callable[[], bool]) -> None:
        if self.size > 0 and self.size + size > self._file_bytes:
            raise _FullError
        if not go_on():
            raise AbandonedError

    @contextlib.contextmanager
    def _all_or_nothing(self) -> Iterator[None]:
        self.open()
        self._torn = True
        try:
            yield
        except Exception:
            with contextlib.suppress(OSError):
                self.open()
            raise
        self._torn = False

    def _write(self, data: bytes) -> None:
        assert self._file is not None
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._file, rest) :]


def _end_of_lines(file: int, size: int) -> int:
    """Where the last line end in a file's first ``size`` bytes is behind; 0 without one."""
    while size > 0:
        start = max(size - 65536, 0)
        end = os.pread(file, size - start, start).rfind(b"\n")
        if end >= 0:
            return start + end + 1
        size = start
    return 0
