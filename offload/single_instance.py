"""A program of which there is one at a time, though what started it may be killed before it."""

import contextlib
import fcntl
import os
import signal
from pathlib import Path


class AlreadyRunningError(Exception):
    """There is one already."""


class SingleInstance:
    """To be kept open by the program and whoever starts it.

    (Not prctl(PR_SET_PDEATHSIG): the kernel forgets that where the real user is another than the effective one.)

    Args:
        path: a file for the lock.
        end_it: whether one that is there is ended (`is_now` has said which process it is).

    Raises:
        AlreadyRunningError: there is one, and it is not to be ended.
        OSError: the file can't be used.
    """

    def __init__(self, path: Path, *, end_it: bool = False) -> None:
        self.fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o660)
        """To be passed on to the program: it holds the lock as long as one of them has it open."""
        try:
            fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not end_it:
                self.close()
                raise AlreadyRunningError("another one is running") from None
            self._end()
            fcntl.flock(self.fd, fcntl.LOCK_EX)

    def _end(self) -> None:
        """End one that was left alone. The proxy's user can write there too: 0 and -1 would be many processes."""
        noted = os.pread(self.fd, 20, 0)
        if noted.isdigit() and int(noted) > 1:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(noted), signal.SIGKILL)

    def is_now(self, pid: int) -> None:
        """Note which process it is."""
        os.ftruncate(self.fd, 0)
        os.pwrite(self.fd, str(pid).encode(), 0)

    def close(self) -> None:
        """Another one may begin, unless the program has it open too."""
        os.close(self.fd)
