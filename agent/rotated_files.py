"""The capture log's finished files: numbered, compressed one after the other, and bounded in total.

File names, for a log ``L``: ``L.000001.zst``, ``L.000002.zst`` ... in the order of their lines; without ``.zst`` while a file is not
compressed yet, and with ``.zst.partial`` beside it while that is under way. ``.gz`` is an earlier version's form.
"""

import contextlib
import logging
import os
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import zstandard

from agent.offloaded import Offloaded, newest_number

_LOG = logging.getLogger(__name__)

_PLAIN, _COMPRESSED, _PARTIAL = "", ".zst", ".zst.partial"
_LEFT_BY_A_CRASH = frozenset((_PARTIAL, ".gz.partial"))

# So much is compressed before it is looked whether to go on.
_STEP_BYTES = 1 << 20

# A core that is idle is not free: where CPU time is rationed (a container's limit, a hypervisor's), what is used up here halts everybody for up to
# a tenth of a second. While no newer file comes a third of a core does, for what an earlier run has left too: docs/decisions/0017-old-logs-are-compressed-slowly.md.
_RESTS = 2

# The fastest level: still a fifth to a tenth for JSON, and the cores are the traffic's (docs/decisions/0011-s3.md).
_LEVEL = 1

# How soon a file that is elsewhere too is removed here.
_LOOK_S = 5.0

# As the log itself: there may be secrets in the bodies.
_MODE = 0o640


class RotatedFiles:
    """Takes the log's file when it is full, and looks after it from then on.

    Args:
        path: the file that is being written.
        file_bytes: what that one may grow to: it counts as full.
        total_bytes: the oldest files are removed so that all together, the one being written included, stay under this.
        offloaded: what of them is elsewhere too, and so removed earlier; None: nobody takes them.
        offload_dir: where those who take files, or took them once, keep their ledgers.
    """

    def __init__(
        self,
        path: Path,
        file_bytes: int,
        total_bytes: int,
        offloaded: Offloaded | None = None,
        offload_dir: Path | None = None,
    ) -> None:
        self._path = path
        self._offloaded = offloaded
        self._offload_dir = offload_dir
        self.removed_unsent = 0
        """Files that were removed for the bound before they were elsewhere, though somebody was to take them."""
        self._file_bytes = file_bytes
        self._total_bytes = total_bytes
        self._pattern = re.compile(re.escape(path.name) + r"\.(\d{6,})((?:\.(?:zst|gz)(?:\.partial)?)?)")
        # Files come and go under this lock only: two threads list and remove them.
        self._lock = threading.Lock()
        self._last_number = 0
        self._wake = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="capture-log-zstd", daemon=True)

    def start(self) -> None:
        """Start the compressing thread; what an earlier run left uncompressed comes first."""
        self._thread.start()

    def stop(self) -> None:
        """Compress nothing more: the next start does."""
        self._stopping = True
        self._wake.set()

    def take(self) -> None:
        """The log's file gets the next number, and its name is free again.

        Raises:
            OSError: it can't be renamed; nothing has changed.
        """
        with self._lock:
            # Numbers only grow, even when all files have been offloaded and removed, whichever offload is on now.
            offloaded = newest_number(self._offload_dir) if self._offload_dir is not None else 0
            number = max(self._last_number, *self._found(), offloaded) + 1
            try:
                self._path.rename(self._name(number))
            except FileNotFoundError:
                _LOG.warning("%s was moved away by somebody; a new one is begun", self._path)
            # Not when it failed: a number without a file counts as a lost one.
            self._last_number = number
        self._make_room()
        self._wake.set()

    def _name(self, number: int, form: str = _PLAIN) -> Path:
        return self._path.with_name(f"{self._path.name}.{number:06d}{form}")

    def _found(self) -> dict[int, list[str]]:
        """The forms in which each number is there, oldest first; to be called under the lock."""
        found: dict[int, list[str]] = {}
        for other in self._path.parent.iterdir():
            match = self._pattern.fullmatch(other.name)
            if match:
                found.setdefault(int(match[1]), []).append(match[2])
        return dict(sorted(found.items()))

    def _make_room(self) -> None:
        try:
            with self._lock:
                self._remove_oldest()
        except OSError as error:
            _LOG.error("the capture log's old files can't be bounded: %s", error)

    def _remove_oldest(self) -> None:
        found = self._found()
        sizes = {
            number: sum(self._name(number, form).stat().st_size for form in forms)
            for number, forms in found.items()
        }
        last = self._offloaded.last(max(found, default=0)) if self._offloaded is not None else 0
        total = self._file_bytes + sum(sizes.values())
        elsewhere = sum(size for number, size in sizes.items() if number <= last)
        for number, forms in found.items():
            over = total > self._total_bytes
            if not over and (self._offloaded is None or elsewhere <= self._offloaded.keep_bytes):
                return
            for form in forms:
                self._name(number, form).unlink(missing_ok=True)
            total -= sizes[number]
            if number <= last:
                elsewhere -= sizes[number]
            else:
                self._say_removed(self._name(number).name)

    def _say_removed(self, name: str) -> None:
        if self._offloaded is None:
            _LOG.warning("removed %s: the capture logs would exceed %d bytes", name, self._total_bytes)
            return
        self.removed_unsent += 1
        _LOG.error(
            "removed %s before it was offloaded: the capture logs would exceed %d bytes",
            name,
            self._total_bytes,
        )

    def _run(self) -> None:
        # On Linux a thread has a policy of its own (sched(7)): the cores are the traffic's, and the log's before old logs are.
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        self._guarded(self._tidy)
        while not self._stopping:
            self._guarded(self._compress_all)
            if not self._wake.wait(None if self._offloaded is None else _LOOK_S):
                self._make_room()
            self._wake.clear()

    def _guarded(self, step: Callable[[], None]) -> None:
        """A step of the thread, which must not end it: the files stay as they are until the next try."""
        try:
            step()
        except OSError as error:
            _LOG.error("a rotated capture log can't be compressed, it stays as it is: %s", error)
        except Exception:  # noqa: BLE001 - a defect, if there is one, must not end the thread
            _LOG.exception("a rotated capture log can't be compressed, it stays as it is")

    def _tidy(self) -> None:
        """What a run that was killed has left."""
        with self._lock:
            for number, forms in self._found().items():
                for form in _LEFT_BY_A_CRASH.intersection(forms):
                    self._name(number, form).unlink()
                if {_PLAIN, ".gz"} <= set(forms):
                    # An earlier version's last step.
                    self._name(number).unlink()
        self._make_room()

    def _compress_all(self) -> None:
        while not self._stopping:
            with self._lock:
                plain = [number for number, forms in self._found().items() if _PLAIN in forms]
            if not plain:
                return
            self._compress(plain[0])

    def _compress(self, number: int) -> None:
        plain, compressed, partial = (self._name(number, form) for form in (_PLAIN, _COMPRESSED, _PARTIAL))
        try:
            with plain.open("rb") as source, open(partial, "wb", opener=_private) as raw:
                self._copy(number, plain, source, raw)
            with self._lock:
                # Not when it was removed meanwhile, being the oldest. Both forms are the same, so a crash between these is none.
                if not self._stopping and plain.exists():
                    partial.rename(compressed)
                    plain.unlink()
        except FileNotFoundError:
            if plain.exists():
                raise
        finally:
            with contextlib.suppress(OSError):
                partial.unlink()

    def _copy(self, number: int, plain: Path, source: BinaryIO, raw: BinaryIO) -> None:
        compressor = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True)
        with compressor.stream_writer(raw, closefd=False) as target:
            begun_s = time.thread_time()
            while step := source.read(_STEP_BYTES):
                target.write(step)
                self._make_room()
                if self._stopping or not plain.exists():
                    return
                if number >= self._last_number:
                    time.sleep(_RESTS * (time.thread_time() - begun_s))
                begun_s = time.thread_time()


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, _MODE)
