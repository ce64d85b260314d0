"""A program of which there is one at a time, though what started it may be killed before it."""

import fcntl
import os
import signal
from pathlib import Path


class OnlyOne:
    """To be kept open by the program and whoever starts it.

    (Not prctl(PR_SET_PDEATHSIG): the kernel forgets that where the real user is another than the effective one.)

    Raises:
        OSError: the file can't be used.
    """

    def __init__(self, path: Path) -> None:
        self.fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o660)
        """To be passed on to the program: it holds the lock as long as one of them has it open."""
        try:
            fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            # One that was left alone.
            os.kill(int(os.pread(self.fd, 20, 0)), signal.SIGKILL)
            fcntl.flock(self.fd, fcntl.LOCK_EX)

    def is_now(self, pid: int) -> None:
        """Note which process it is."""
        os.ftruncate(self.fd, 0)
        os.pwrite(self.fd, str(pid).encode(), 0)
