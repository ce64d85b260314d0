"""Which demos run: each holds a lock that the system takes back however the demo ends.

The file is shared by all users of the machine, since they may share its engine, and its content is ``kept`` when a demo was left
running on purpose.
"""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from capture.errors import UserError, bad_input

_KEPT = b"kept\n"


class Lease:
    """A lock that is held. Made by `leased`."""

    def __init__(self, descriptor: int, *, writable: bool) -> None:
        self._descriptor = descriptor
        self._writable = writable

    @property
    def kept(self) -> bool:
        """Whether the demo was left running on purpose."""
        return os.pread(self._descriptor, 16, 0) == _KEPT

    def set_kept(self, kept: bool) -> None:
        """Note whether the demo is left running; only the user whose file it is can."""
        if self._writable:
            os.ftruncate(self._descriptor, 0)
            if kept:
                os.pwrite(self._descriptor, _KEPT, 0)


@contextmanager
def leased(purpose: str, folder: Path | None = None) -> Iterator[Lease | None]:
    """The lock of the demo ``purpose`` for the time of a ``with`` block; None when a running demo holds it.

    Raises:
        UserError: the file can't be opened.
    """
    path = lock_path(purpose, folder)
    descriptor, writable = _open(path)
    lease: Lease | None = None
    try:
        if _lock(descriptor):
            lease = Lease(descriptor, writable=writable)
        yield lease
    finally:
        # The file goes while it is locked, so that nobody's lock can be on a file that has no name any more.
        if lease is not None and not lease.kept:
            with suppress(OSError):
                path.unlink(missing_ok=True)
        os.close(descriptor)


def lock_path(purpose: str, folder: Path | None = None) -> Path:
    """The lock's file, by default in the folder for temporary files."""
    return (folder or Path(tempfile.gettempdir())) / f"cluster-traffic-capture-{purpose}.lock"


def in_use(offset: int) -> UserError:
    """The error for a demo that runs already."""
    option = f" with --port-offset {offset}" if offset else ""
    return bad_input(
        f"a demo runs here already{option}",
        f"end it (RETURN in its terminal), or start a second beside it: --port-offset {offset + 1000}",
    )


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    # Its last holder removed it between our opening and locking: whoever comes next makes a new one, so this one is no lock.
    return os.fstat(descriptor).st_nlink > 0


def _open(path: Path) -> tuple[int, bool]:
    # Without O_CREAT first: Linux refuses that for another user's file in /tmp (fs.protected_regular).
    for flags in (os.O_RDWR, os.O_RDONLY, os.O_RDWR | os.O_CREAT):
        try:
            return os.open(path, flags | os.O_NOFOLLOW, 0o644), bool(flags & os.O_RDWR)
        except OSError as error:
            failure = error
    raise UserError(
        f"the demo's lock {path} can't be opened: {failure.strerror}", hint="set TMPDIR to a folder of yours"
    ) from failure
