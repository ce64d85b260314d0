"""The capture log on disk: appended to by one thread, rotated by size, old files compressed and bounded in total.

File names: ``haproxy-traffic.log`` is being written; ``haproxy-traffic.log.000001.gz``, ``...000002.gz`` are older, in the order of
their numbers.
"""

import contextlib
import functools
import gzip
import logging
import os
import queue
import re
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

_LOG = logging.getLogger(__name__)

# A refused write is tried again this often, and said this rarely.
_RETRY_S = 1.0
_SAY_EVERY = 60

_STOP: list[bytes] = []


class CaptureLog:
    """Appends lines without ever making the caller wait.

    Args:
        path: the file; its directory must be writable.
        file_bytes: it is rotated before it would grow beyond this.
        total_bytes: the oldest files are removed so that all together stay under this.
        queue_bytes: memory for lines that wait for the disk; beyond it lines are dropped, and counted.
    """

    def __init__(self, path: Path, file_bytes: int, total_bytes: int, queue_bytes: int) -> None:
        self._path = path
        self._file_bytes = file_bytes
        self._total_bytes = total_bytes
        self._queue_bytes = queue_bytes
        self._queue: queue.SimpleQueue[list[bytes]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._queued = 0
        self._file: int | None = None
        self._size = 0
        self._compressor: threading.Thread | None = None
        self.written = 0
        """Lines that are in the file."""
        self.dropped = 0
        """Lines that are not: the queue was full, or the disk refused until the end."""
        self._thread = threading.Thread(target=self._run, name="capture-log", daemon=True)
        self._stopping = threading.Event()

    def start(self) -> None:
        """Start the writing thread; a file that another run left half-rotated is finished first."""
        self._thread.start()

    @property
    def queued_bytes(self) -> int:
        """Memory of the lines that wait."""
        return self._queued

    def append(self, lines: list[bytes]) -> None:
        """Queue lines, in their order."""
        size = sum(map(len, lines))
        with self._lock:
            if self._queued + size > self._queue_bytes:
                self.dropped += len(lines)
                return
            self._queued += size
        self._queue.put(lines)

    def close(self, timeout_s: float) -> None:
        """Write what is queued, and compress nothing more. Returns after ``timeout_s`` seconds at most."""
        self._stopping.set()
        self._queue.put(_STOP)
        self._thread.join(timeout_s)

    def _run(self) -> None:
        self._compress_leftovers()
        stop = False
        while not stop:
            batch = [self._queue.get()]
            with contextlib.suppress(queue.Empty):
                while len(batch) < 256:
                    batch.append(self._queue.get_nowait())
            stop = any(lines is _STOP for lines in batch)
            lines = [line for some in batch for line in some]
            if lines:
                self._write(lines)
                with self._lock:
                    self._queued -= sum(map(len, lines))
        if self._file is not None:
            os.close(self._file)

    def _write(self, lines: list[bytes]) -> None:
        start = 0
        while start < len(lines):
            # Whole lines only, up to the file's bound.
            end, size = start, 0
            while end < len(lines) and (
                self._size + size + len(lines[end]) <= self._file_bytes or self._size + size == 0
            ):
                size += len(lines[end])
                end += 1
            if end == start:
                if not self._persist(self._rotate):
                    break
                continue
            chunk = b"".join(lines[start:end])
            if not self._persist(functools.partial(self._append, chunk)):
                break
            self.written += end - start
            start = end
        self.dropped += len(lines) - start

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

    def _append(self, chunk: bytes) -> None:
        if self._file is None:
            self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
            self._size = os.fstat(self._file).st_size
            self._end_torn_line()
        view = memoryview(chunk)
        written = 0
        try:
            while written < len(chunk):
                written += os.write(self._file, view[written:])
        except OSError:
            # A chunk is there whole or not at all: the next try must double nothing.
            os.ftruncate(self._file, self._size)
            raise
        self._size += written

    def _end_torn_line(self) -> None:
        """A line that an earlier run did not finish is cut off: it was never counted as written."""
        if self._size == 0:
            return
        with self._path.open("rb") as file:
            position = self._size
            while position > 0:
                step = min(65536, position)
                file.seek(position - step)
                end = file.read(step).rfind(b"\n")
                if end >= 0:
                    position = position - step + end + 1
                    break
                position -= step
        if position != self._size:
            assert self._file is not None
            os.ftruncate(self._file, position)
            self._size = position

    def _rotate(self) -> None:
        if self._file is None:
            # Opened to learn the size.
            self._append(b"")
            return
        numbers = [number for number, _ in _rotated(self._path)]
        rotated = self._path.with_name(f"{self._path.name}.{max(numbers, default=0) + 1:06d}")
        self._path.rename(rotated)
        os.close(self._file)
        self._file, self._size = None, 0
        self._make_room()
        self._compress_leftovers()

    def _compress_leftovers(self) -> None:
        """In a thread of its own, of which there is one at a time: compression takes seconds, and must not hold up the lines."""
        if self._compressor is None or not self._compressor.is_alive():
            self._compressor = threading.Thread(target=self._compress, name="capture-log-gzip", daemon=True)
            self._compressor.start()

    def _compress(self) -> None:
        try:
            for partial in self._path.parent.glob(f"{self._path.name}.*.gz.partial"):
                partial.unlink()
            while plain := [path for _, path in _rotated(self._path) if path.suffix != ".gz"]:
                _gzip(plain[0])
                self._make_room()
        except OSError as error:
            _LOG.error("a rotated capture log can't be compressed, it stays as it is: %s", error)

    def _make_room(self) -> None:
        files = _rotated(self._path)
        sizes = [path.stat().st_size for _, path in files]
        # The file being written counts with the size that it may reach.
        total = self._file_bytes + sum(sizes)
        for (_, path), size in zip(files, sizes, strict=True):
            if total <= self._total_bytes:
                return
            path.unlink(missing_ok=True)
            total -= size
            _LOG.warning("removed %s: the capture logs would exceed %d bytes", path.name, self._total_bytes)


def _rotated(path: Path) -> list[tuple[int, Path]]:
    """The rotated files with their numbers, oldest first. One that is there in both forms counts in its plain one."""
    found: dict[int, Path] = {}
    pattern = re.compile(re.escape(path.name) + r"\.(\d{6,})(\.gz)?")
    for other in path.parent.iterdir():
        match = pattern.fullmatch(other.name)
        if match and (int(match[1]) not in found or not match[2]):
            found[int(match[1])] = other
    return sorted(found.items())


def _gzip(path: Path) -> None:
    compressed = path.with_name(f"{path.name}.gz")
    partial = path.with_name(f"{compressed.name}.partial")
    with path.open("rb") as source, partial.open("wb") as raw, gzip.GzipFile("", "wb", 1, raw) as target:
        shutil.copyfileobj(source, target, 1 << 20)
    partial.rename(compressed)
    path.unlink()
