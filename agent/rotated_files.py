"""The capture log's finished files: numbered, compressed one after the other, and bounded in total.

File names, for a log ``L``: ``L.000001.zst``, ``L.000002.zst`` ... in the order of their lines; without ``.zst`` while a file is not
compressed yet, and with ``.zst.partial`` beside it while that is under way. ``.gz`` is an earlier version's form.
"""

import contextlib
import functools
import logging
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from agent.compressed_file import compress, verify
from agent.offloaded import Offloaded, newest_number
from agent.removed_files import RemovedFiles
from service.atomic_file import sync_directory

_LOG = logging.getLogger(__name__)

_PLAIN, _COMPRESSED, _PARTIAL = "", ".zst", ".zst.partial"
_LEFT_BY_A_CRASH = frozenset((_PARTIAL, ".gz.partial"))

# A core that is idle is not free: where CPU time is rationed (a container's limit, a hypervisor's), what is used up here halts everybody for up to
# a tenth of a second. While no newer file comes a third of a core does, for what an earlier run has left too: docs/decisions/0017-old-logs-are-compressed-slowly.md.
_RESTS = 2

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
        self._removed = RemovedFiles(total_bytes, awaited=offloaded is not None)
        self._file_bytes = file_bytes
        self._total_bytes = total_bytes
        self._pattern = re.compile(re.escape(path.name) + r"\.(\d{6,})((?:\.(?:zst|gz)(?:\.partial)?)?)")
        # Files come and go under this lock only: two threads list and remove them.
        self._lock = threading.Lock()
        self._last_number = 0
        self._wake = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="capture-log-zstd", daemon=True)

    @property
    def removed_files(self) -> int:
        """Files that were removed for the bound, as far as is known before anybody had them."""
        return self._removed.files

    @property
    def removed_bytes(self) -> int:
        """What these took on the disk."""
        return self._removed.bytes

    @property
    def removed_unsent(self) -> int:
        """Those of them that somebody was to take."""
        return 0 if self._offloaded is None else self._removed.files

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
        self._say_removed()

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
            elif not _LEFT_BY_A_CRASH.issuperset(forms):
                self._removed.add(self._name(number).name, sizes[number])

    def _say_removed(self) -> None:
        with self._lock:
            message = self._removed.message(time.monotonic())
        if message is not None:
            _LOG.log(logging.WARNING if self._offloaded is None else logging.ERROR, "%s", message)

    def _run(self) -> None:
        # On Linux a thread has a policy of its own (sched(7)): the cores are the traffic's, and the log's before old logs are.
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        self._guarded(self._tidy)
        while not self._stopping:
            self._guarded(self._compress_all)
            with self._lock:
                unsaid_s = self._removed.left_s(time.monotonic())
            if not self._wake.wait(unsaid_s if self._offloaded is None else _LOOK_S):
                self._make_room()
            self._wake.clear()

    def _guarded(self, step: Callable[[], None]) -> bool:
        """A step of the thread, which must not end it: the files stay as they are until the next try. False when it failed."""
        try:
            step()
        except OSError as error:
            _LOG.error("a rotated capture log can't be compressed, it stays as it is: %s", error)
        except Exception:  # noqa: BLE001 - a defect, if there is one, must not end the thread
            _LOG.exception("a rotated capture log can't be compressed, it stays as it is")
        else:
            return True
        return False

    def _tidy(self) -> None:
        """What a run that was killed has left."""
        with self._lock:
            for number, forms in self._found().items():
                for form in _LEFT_BY_A_CRASH.intersection(forms):
                    self._name(number, form).unlink()
                if {_PLAIN, ".gz"} <= set(forms):
                    # An earlier version's, which did not write it through: perhaps it is not whole. The plain one is.
                    self._name(number, ".gz").unlink()
                for form in (_COMPRESSED, ".gz"):
                    if _PLAIN not in forms and form in forms and not self._name(number, form).stat().st_size:
                        _LOG.error(
                            "%s is empty: the machine stopped before its lines were on the disk",
                            self._name(number, form),
                        )
        self._make_room()

    def _compress_all(self) -> None:
        failed: set[int] = set()
        while not self._stopping:
            with self._lock:
                plain = [n for n, forms in self._found().items() if _PLAIN in forms and n not in failed]
            if not plain:
                return
            # One that can't be read must not keep the others from it.
            if not self._guarded(functools.partial(self._compress, plain[0])):
                failed.add(plain[0])

    def _compress(self, number: int) -> None:
        plain, compressed, partial = (self._name(number, form) for form in (_PLAIN, _COMPRESSED, _PARTIAL))
        try:
            with plain.open("rb") as source, open(partial, "w+b", opener=_private) as target:
                if not self._copy(number, plain, source, target):
                    return
            with self._lock:
                # Not when it was removed meanwhile, being the oldest.
                if self._is_given_up(plain):
                    return
                partial.rename(compressed)
            # Both forms are the same, so a crash between these is none. Not under the lock: the log's thread does not wait for the disk.
            self._sync_name(compressed)
            with self._lock:
                plain.unlink(missing_ok=True)
        except FileNotFoundError:
            if plain.exists():
                raise
        finally:
            with contextlib.suppress(OSError):
                partial.unlink()

    def _sync_name(self, compressed: Path) -> None:
        try:
            sync_directory(compressed.parent)
        except OSError:
            # The plain one stays, and a reader finds its lines once.
            with self._lock:
                compressed.unlink(missing_ok=True)
            raise

    def _copy(self, number: int, plain: Path, source: BinaryIO, target: BinaryIO) -> bool:
        """Compress, and read that again; False: given up."""
        return self._work(number, plain, compress(source, target), grows=True) and self._work(
            number, plain, verify(source, target), grows=False
        )

    def _work(self, number: int, plain: Path, steps: Iterator[None], *, grows: bool) -> bool:
        begun_s = time.thread_time()
        for _ in steps:
            if grows:
                self._make_room()
            if self._is_given_up(plain):
                return False
            if number >= self._last_number:
                time.sleep(_RESTS * (time.thread_time() - begun_s))
            begun_s = time.thread_time()
        return True

    def _is_given_up(self, plain: Path) -> bool:
        return self._stopping or not plain.exists()


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, _MODE)
