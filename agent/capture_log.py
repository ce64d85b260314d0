"""The capture log: lines are appended to it by one thread, so that no caller waits for a disk."""

import contextlib
import functools
import logging
import math
import os
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from agent.intervals import Intervals
from agent.log_file import LogFile
from agent.long_line import AbandonedError, LongLine, LongWriter, PartsWriter, UnreadableError
from agent.offloaded import Offloaded
from agent.rotated_files import RotatedFiles

_LOG = logging.getLogger(__name__)

# A refused write is tried again this often, and said this rarely.
_RETRY_S = 1.0
_SAY_EVERY = 60
_SAY_DROPPED_S = 60.0

# How many lots the thread takes at once, and how much it writes at once: joining lines holds the interpreter's lock.
_LOTS_AT_ONCE = 16
_WRITE_BYTES = 1 << 20

_NICE = 10

# A long line is given up when so much of the time for closing is over: the rest is for taking it back.
_LONG_LINES_SHARE = 0.75

Finished = Callable[[], None]
"""Told, on any thread, when a line is in the log or has been dropped."""


class _Lot(NamedTuple):
    lines: list[bytes]
    finished: Sequence[Finished]


_STOP = _Lot([], ())


class CaptureLog:
    """Appends lines without ever making the caller wait.

    Args:
        path: the file; its directory must be writable.
        file_bytes: it is rotated before it would grow beyond this (a single line that is larger has a file of its own).
        total_bytes: the oldest files are removed so that all together stay under this.
        queue_bytes: memory for lines that wait for the disk; beyond it lines are dropped, and counted.
        long_queue_bytes: what long lines may hold elsewhere while they wait: when it is more, the next ones are written without their bodies, and
            counted; ``queue_bytes`` where it is not said.
        long_writer: writes the long lines; here where there is none.
        interval_s: it is also rotated when the clock passes a multiple of so many seconds (3600: at the full hours); 0: never.
        offloaded: what of the rotated files is elsewhere too; None: nobody takes them.
        offload_dir: see `RotatedFiles`.
    """

    def __init__(
        self,
        path: Path,
        file_bytes: int,
        total_bytes: int,
        queue_bytes: int,
        long_queue_bytes: int | None = None,
        long_writer: LongWriter | None = None,
        *,
        interval_s: float = 0,
        offloaded: Offloaded | None = None,
        offload_dir: Path | None = None,
    ) -> None:
        self._file_bytes = file_bytes
        self._queue_bytes = queue_bytes
        self._long_queue_bytes = queue_bytes if long_queue_bytes is None else long_queue_bytes
        self._long_writer = PartsWriter() if long_writer is None else long_writer
        self._intervals = Intervals(interval_s)
        self._rotated = RotatedFiles(path, file_bytes, total_bytes, offloaded, offload_dir)
        self._file = LogFile(path, file_bytes, self._rotated)
        self._queue: queue.SimpleQueue[_Lot | LongLine] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._queued = 0
        self._queued_long = 0
        self._said_dropped_s = -_SAY_DROPPED_S
        self.written = 0
        """Lines that are in the file."""
        self.dropped = 0
        """Lines that are not: the queue was full, or the disk refused until the end."""
        self.bodies_dropped = 0
        """Lines that were made without their long bodies: too many waited for the disk, or the bodies could not be read."""
        self._thread = threading.Thread(target=self._run, name="capture-log", daemon=True)
        self._stopping = threading.Event()
        self._long_lines_until_s = math.inf

    def start(self) -> None:
        """Start writing; a line or a rotation that another run left half done is put right first."""
        self._rotated.start()
        self._thread.start()

    @property
    def queued_bytes(self) -> int:
        """Memory of the lines that wait."""
        return self._queued

    @property
    def removed_files(self) -> int:
        """Rotated files that were removed for the bound, as far as is known before anybody had them."""
        return self._rotated.removed_files

    @property
    def removed_bytes(self) -> int:
        """What these took on the disk."""
        return self._rotated.removed_bytes

    @property
    def removed_unsent(self) -> int:
        """Those of them that an offload was to take."""
        return self._rotated.removed_unsent

    @property
    def queued_long_bytes(self) -> int:
        """What the long lines that wait hold elsewhere."""
        return self._queued_long

    def append(self, lines: list[bytes], finished: Sequence[Finished] = ()) -> None:
        """Queue lines, in their order; of those that do not fit any more the last ones are dropped.

        Args:
            lines: whole ones.
            finished: called once each, on any thread, when all lines are in the log or have been dropped.
        """
        size = sum(map(len, lines))
        with self._lock:
            room = 0 if self._stopping.is_set() else self._queue_bytes - self._queued
            if size > room:
                kept, size = _that_fit(lines, room)
                self._drop(len(lines) - len(kept))
                lines = kept
            self._queued += size
        if lines:
            self._queue.put(_Lot(lines, finished))
        else:
            _tell(finished)

    def append_long(self, line: LongLine) -> None:
        """Queue a long line; without its bodies when too many wait. What it has in memory counts as the other lines do."""
        with self._lock:
            behind = self._queued_long > self._long_queue_bytes
            memory = line.memory_bytes
            no_room = self._stopping.is_set() or self._queued + memory > self._queue_bytes
            if no_room:
                self._drop(1)
            elif behind:
                self.bodies_dropped += 1
            else:
                self._queued_long += line.wire_bytes
                self._queued += memory
        if no_room:
            _tell((line.finished,))
        elif behind:
            self._append_without_bodies(line)
        else:
            self._queue.put(line)

    def close(self, timeout_s: float) -> None:
        """Write what is queued, and compress nothing more. Returns after ``timeout_s`` seconds at most."""
        self._long_lines_until_s = time.monotonic() + timeout_s * _LONG_LINES_SHARE
        self._stopping.set()
        self._rotated.stop()
        self._queue.put(_STOP)
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        if self._queued or self._queued_long:
            left = self._queued + self._queued_long
            _LOG.error("the capture log ends without the last %d bytes", left)

    def _append_without_bodies(self, line: LongLine) -> None:
        try:
            short = [line.without_bodies()]
        except Exception:  # noqa: BLE001 - a defect, if there is one, costs this line and not all that come after it
            _LOG.exception("a line can't be made")
            short = []
            with self._lock:
                self._drop(1)
        self.append(short, (line.finished,))

    def _drop(self, count: int) -> None:
        """Count lines that won't be written; to be called under the lock."""
        self.dropped += count
        now_s = time.monotonic()
        if now_s - self._said_dropped_s >= _SAY_DROPPED_S:
            self._said_dropped_s = now_s
            _LOG.error("lines for the capture log are dropped, %d until now", self.dropped)

    def _run(self) -> None:
        # On Linux a thread has a niceness of its own: a long line is work that can wait, and nobody waits for a short one.
        me = threading.get_native_id()
        # It can only be raised: the whole container may be nicer already.
        os.setpriority(os.PRIO_PROCESS, me, max(_NICE, os.getpriority(os.PRIO_PROCESS, me)))
        self._long_writer.start()
        stop = False
        while not stop:
            taken = self._take()
            self._rotate_in_time()
            stop = any(one is _STOP for one in taken)
            lots: list[_Lot] = []
            for one in taken:
                if isinstance(one, _Lot):
                    lots.append(one)
                else:
                    self._write_lots(lots)
                    lots = []
                    self._write_long_or_drop(one)
            self._write_lots(lots)
        self._file.close()
        self._long_writer.close()

    def _take(self) -> list[_Lot | LongLine]:
        """What waits, or nothing when it is time to look at the file."""
        taken: list[_Lot | LongLine] = []
        with contextlib.suppress(queue.Empty):
            taken.append(self._queue.get(timeout=self._intervals.left_s(time.time())))
            while len(taken) < _LOTS_AT_ONCE:
                taken.append(self._queue.get_nowait())
        return taken

    def _rotate_in_time(self) -> None:
        """Rotate a file whose lines are of an earlier interval than the ones that come now."""
        now_s = time.time()
        if not self._intervals.passed(now_s):
            return

        def rotate() -> None:
            written_s = self._file.written_s()
            if written_s is not None and self._intervals.differ(written_s, now_s):
                # Open first: a line that an earlier run left torn must not be rotated with the others.
                self._file.open()
                self._file.rotate()
                # Whoever looks for the log finds it.
                self._file.open()

        try:
            self._persist(rotate)
        except Exception:  # noqa: BLE001 - a defect, if there is one, must not end the writing
            _LOG.exception("the capture log can't be rotated by the clock")
            self._file.close()

    def _write_lots(self, lots: list[_Lot]) -> None:
        lines = [line for lot in lots for line in lot.lines]
        if lines:
            self._write_or_drop(lines)
        _tell([finished for lot in lots for finished in lot.finished])

    def _write_or_drop(self, lines: list[bytes]) -> None:
        with self._counted(len(lines)):
            self._write(lines)
        with self._lock:
            self._queued -= sum(map(len, lines))

    def _write_long_or_drop(self, line: LongLine) -> None:
        try:
            with self._counted(1):
                try:
                    self._write_long(line)
                except UnreadableError as error:
                    _LOG.error("a body can't be read, its line is written without it: %s", error)
                    self._write_without_bodies(line)
                except AbandonedError:
                    _LOG.error(
                        "the agent stops before a long line is written: it is written without its bodies"
                    )
                    self._write_without_bodies(line)
        finally:
            with self._lock:
                self._queued_long -= line.wire_bytes
                self._queued -= line.memory_bytes
            _tell((line.finished,))

    def _write_without_bodies(self, line: LongLine) -> None:
        with self._lock:
            self.bodies_dropped += 1
        self._write([line.without_bodies()])

    @contextlib.contextmanager
    def _counted(self, count: int) -> Iterator[None]:
        """Count those of ``count`` lines as dropped that are not written inside."""
        before = self.written
        try:
            yield
        except Exception:  # noqa: BLE001 - a defect, if there is one, costs these lines and not all that come after them
            _LOG.exception("the capture log can't be written")
            self._file.close()
        missing = count - (self.written - before)
        if missing:
            with self._lock:
                self._drop(missing)

    def _write(self, lines: list[bytes]) -> None:
        start = 0
        while start < len(lines):
            if not self._persist(self._file.open):
                return
            # Whole lines only, up to the file's bound.
            before, end, size = self._file.size, start, 0
            while end < len(lines) and size < _WRITE_BYTES:
                grown = before + size + len(lines[end])
                if grown > self._file_bytes and before + size > 0:
                    break
                size += len(lines[end])
                end += 1
            step = (
                functools.partial(self._file.append, b"".join(lines[start:end]))
                if end > start
                else self._file.rotate
            )
            if not self._persist(step):
                return
            self.written += end - start
            start = end

    def _write_long(self, line: LongLine) -> None:
        fits: list[bool] = []

        def append() -> None:
            # Beginning takes its time too, and there may be many: short lines wait behind them.
            if not self._is_time():
                raise AbandonedError
            fits.append(
                self._file.append_by(
                    lambda file, room: self._long_writer.write(line, file, room, self._is_time)
                )
            )

        while self._persist(append):
            if fits[-1]:
                self.written += 1
                return
            if not self._persist(self._file.rotate):
                return

    def _is_time(self) -> bool:
        return time.monotonic() < self._long_lines_until_s

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


def _tell(finished: Sequence[Finished]) -> None:
    for one in finished:
        try:
            one()
        except Exception:  # noqa: BLE001 - a defect of theirs must not end the writing
            _LOG.exception("the end of a line could not be told")


def _that_fit(lines: list[bytes], room: int) -> tuple[list[bytes], int]:
    """The first lines that together have ``room`` bytes at most, and their size."""
    size = 0
    for count, line in enumerate(lines):
        if size + len(line) > room:
            return lines[:count], size
        size += len(line)
    return lines, size
