"""The spool file: blocks that memory has no room for. A thread writes it, so that a slow disk is nobody's business but the copy's."""

import contextlib
import os
import queue
import threading
from collections import deque
from pathlib import Path
from typing import NamedTuple

from tee.blocks import BLOCK_BYTES, Blocks
from tee.captured import Block
from tee.short import Pack

# There may be secrets in the bodies.
_MODE = 0o600


class Written(NamedTuple):
    """The thread has written a block, or could not."""

    block: Block | Pack
    number: int
    """Where it is in the file."""
    error: OSError | None


class _Write(NamedTuple):
    block: Block | Pack
    number: int
    data: memoryview


class Spool:
    """One file without a name; it goes when the tee and the agent are gone.

    Args:
        directory: where there is room.
        bound_bytes: of the file.

    Raises:
        OSError: there can't be a file.
    """

    def __init__(self, directory: Path, bound_bytes: int) -> None:
        self._blocks = Blocks(bound_bytes // BLOCK_BYTES)
        self.fd = _unlinked(directory)
        self._jobs: queue.SimpleQueue[_Write | int | None] = queue.SimpleQueue()
        self._written: deque[Written] = deque()
        self.written_fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        """Readable when there is something for `written` to return."""
        self._thread = threading.Thread(target=self._run, name="spool", daemon=True)
        self._thread.start()

    @property
    def used_bytes(self) -> int:
        """Of the blocks in use."""
        return self._blocks.used * BLOCK_BYTES

    @property
    def full(self) -> bool:
        """The bound is reached."""
        return self._blocks.full

    def write(self, block: Block | Pack, data: memoryview) -> bool:
        """Have the thread write a block; `written` tells when. False: the bound is reached."""
        number = self._blocks.take()
        if number is None:
            return False
        self._jobs.put(_Write(block, number, data))
        return True

    def written(self) -> list[Written]:
        """What the thread has done since the last call."""
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self.written_fd)
        return [self._written.popleft() for _ in range(len(self._written))]

    def give_block(self, number: int) -> None:
        """The block may be used for something else."""
        self._blocks.give(number)

    def give_back(self) -> None:
        """Give what is unused at the file's end back to the disk; to be called now and then."""
        if self._blocks.shrink(self._blocks.touched):
            # After what the thread has yet to write: that is before this end.
            self._jobs.put(self._blocks.touched)

    def close(self) -> None:
        """End the thread after what it has to do."""
        self._jobs.put(None)
        self._thread.join()
        os.close(self.written_fd)
        os.close(self.fd)

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            if isinstance(job, int):
                with contextlib.suppress(OSError):
                    os.ftruncate(self.fd, job * BLOCK_BYTES)
                continue
            error = None
            try:
                _write_all(self.fd, job.data, job.number * BLOCK_BYTES)
            except OSError as refused:
                error = refused
            self._written.append(Written(job.block, job.number, error))
            os.eventfd_write(self.written_fd, 1)


def _write_all(file: int, data: memoryview, offset: int) -> None:
    while data:
        count = os.pwrite(file, data, offset)
        data, offset = data[count:], offset + count


def _unlinked(directory: Path) -> int:
    with contextlib.suppress(OSError):
        return os.open(directory, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, _MODE)
    # Not every file system has files without a name (open(2)).
    path = directory / f"tee-spool-{os.getpid()}"
    path.unlink(missing_ok=True)
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE)
    path.unlink()
    return file
