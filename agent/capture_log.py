"""The capture log: lines are appended to it by one thread, so that no caller waits for a disk."""

import contextlib
import functools
import logging
import os
import queue
import threading
import time
from collections.abc import Callable
from pathlib import Path

from agent.rotated_files import RotatedFiles

_LOG = logging.getLogger(__name__)

# A refused write is tried again this often, and said this rarely.
_RETRY_S = 1.0
_SAY_EVERY = 60
_SAY_DROPPED_S = 60.0

# How many lots the thread takes at once, and how much it writes at once: joining lines holds the interpreter's lock.
_LOTS_AT_ONCE = 16
_WRITE_BYTES = 1 << 20

# There may be secrets in the bodies.
_MODE = 0o640

_STOP: list[bytes] = []


class CaptureLog:
    """Appends lines without ever making the caller wait.

    Args:
        path: the file; its directory must be writable.
        file_bytes: it is rotated before it would grow beyond this (a single line that is larger has a file of its own).
        total_bytes: the oldest files are removed so that all together stay under this.
        queue_bytes: memory for lines that wait for the disk; beyond it lines are dropped, and counted.
    """

    def __init__(self, path: Path, file_bytes: int, total_bytes: int, queue_bytes: int) -> None:
        self._path = path
        self._file_bytes = file_bytes
        self._queue_bytes = queue_bytes
        self._rotated = RotatedFiles(path, file_bytes, total_bytes)
        self._queue: queue.SimpleQueue[list[bytes]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._queued = 0
        self._said_dropped_s = -_SAY_DROPPED_S
        self._file: int | None = None
        self._size = 0
        self._torn = False
        self.written = 0
        """Lines that are in the file."""
        self.dropped = 0
        """Lines that are not: the queue was full, or the disk refused until the end."""
        self._thread = threading.Thread(target=self._run, name="capture-log", daemon=True)
        self._stopping = threading.Event()

    def start(self) -> None:
        """Start writing; a line or a rotation that another run left half done is put right first."""
        self._rotated.start()
        self._thread.start()

    @property
    def queued_bytes(self) -> int:
        """Memory of the lines that wait."""
        return self._queued

    def append(self, lines: list[bytes]) -> None:
        """Queue lines, in their order; of those that do not fit any more the last ones are dropped."""
        size = sum(map(len, lines))
        with self._lock:
            room = 0 if self._stopping.is_set() else self._queue_bytes - self._queued
            if size > room:
                kept, size = _that_fit(lines, room)
                self._drop(len(lines) - len(kept))
                lines = kept
            self._queued += size
        if lines:
            self._queue.put(lines)

    def close(self, timeout_s: float) -> None:
        """Write what is queued, and compress nothing more. Returns after ``timeout_s`` seconds at most."""
        self._stopping.set()
        self._rotated.stop()
        self._queue.put(_STOP)
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        if self._queued:
            _LOG.error("the capture log ends without the last %d bytes", self._queued)

    def _drop(self, count: int) -> None:
        """Count lines that won't be written; to be called under the lock."""
        self.dropped += count
        now_s = time.monotonic()
        if now_s - self._said_dropped_s >= _SAY_DROPPED_S:
            self._said_dropped_s = now_s
            _LOG.error("lines for the capture log are dropped, %d until now", self.dropped)

    def _run(self) -> None:
        stop = False
        while not stop:
            lots = [self._queue.get()]
            with contextlib.suppress(queue.Empty):
                while len(lots) < _LOTS_AT_ONCE:
                    lots.append(self._queue.get_nowait())
            stop = any(lot is _STOP for lot in lots)
            self._write_or_drop([line for lot in lots for line in lot])
        self._close_file()

    def _write_or_drop(self, lines: list[bytes]) -> None:
        before = self.written
        try:
            self._write(lines)
        except Exception:  # noqa: BLE001 - a defect, if there is one, costs these lines and not all that come after them
            _LOG.exception("the capture log can't be written")
            self._close_file()
        with self._lock:
            self._queued -= sum(map(len, lines))
            missing = len(lines) - (self.written - before)
            if missing:
                self._drop(missing)

    def _write(self, lines: list[bytes]) -> None:
        start = 0
        while start < len(lines):
            if not self._persist(self._open):
                return
            # Whole lines only, up to the file's bound.
            end, size = start, 0
            while end < len(lines) and size < _WRITE_BYTES:
                grown = self._size + size + len(lines[end])
                if grown > self._file_bytes and self._size + size > 0:
                    break
                size += len(lines[end])
                end += 1
            step = (
                functools.partial(self._append, b"".join(lines[start:end])) if end > start else self._rotate
            )
            if not self._persist(step):
                return
            self.written += end - start
            start = end

    def _persist(self, step: Callable[[], None]) -> bool:
        """Do one step on the disk, again and again while the disk refuses; False when the agent stops meanwhile."""
        attempts = 0
        while True:
            try:
                step()
            except OSError as error:
                if attempts % _SAY_EVERY == 0:
                    _LOG.error("the capture log can't be written, traffic goes on uncaptured: %s", error)
                attempts += 1
                if self._stopping.wait(_RETRY_S):
                    return False
            else:
                if attempts:
                    _LOG.warning("the capture log is written again")
                return True

    def _open(self) -> None:
        """Have the file open and its size known, with nothing but whole lines in it."""
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
            self._file, self._size, self._torn = file, size, False
        elif self._torn:
            os.ftruncate(self._file, self._size)
            self._torn = False
        else:
            # Not what was written: somebody may have emptied the file.
            self._size = os.fstat(self._file).st_size

    def _append(self, chunk: bytes) -> None:
        """Write whole lines, all or none of them: the next try must double nothing."""
        self._open()
        assert self._file is not None
        rest = memoryview(chunk)
        self._torn = True
        try:
            while rest:
                rest = rest[os.write(self._file, rest) :]
        except OSError:
            with contextlib.suppress(OSError):
                self._open()
            raise
        self._torn = False
        self._size += len(chunk)

    def _rotate(self) -> None:
        self._rotated.take()
        self._close_file()

    def _close_file(self) -> None:
        file, self._file, self._size = self._file, None, 0
        if file is not None:
            try:
                os.close(file)
            except OSError as error:
                _LOG.error("the capture log's last lines may be lost: %s", error)


def _that_fit(lines: list[bytes], room: int) -> tuple[list[bytes], int]:
    """The first lines that together have ``room`` bytes at most, and their size."""
    size = 0
    for count, line in enumerate(lines):
        if size + len(line) > room:
            return lines[:count], size
        size += len(line)
    return lines, size


def _end_of_lines(file: int, size: int) -> int:
    """Where the last line end in a file's first ``size`` bytes is behind; 0 without one."""
    while size > 0:
        start = max(size - 65536, 0)
        end = os.pread(file, size - start, start).rfind(b"\n")
        if end >= 0:
            return start + end + 1
        size = start
    return 0
