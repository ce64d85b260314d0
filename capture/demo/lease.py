"""Which demos run: each holds a lock that the system takes back however the demo ends.

The file has one name for all users of the machine, since they may share its engine: who finds another user's there is told so, instead of
removing that one's demo. Its content is ``kept`` when a demo was left running on purpose.
"""

import fcntl
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from capture.errors import UserError, bad_input
from capture.private_folder import check_parent, check_private, raise_unless_ours

_KEPT = b"kept\n"
_HINT = (
    "where another user's demo runs on this engine: --port-offset 1000; otherwise have him remove the file, "
    "or set TMPDIR to a folder of yours"
)


class Lease:
    """A lock that is held. Made by `leased`."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @property
    def kept(self) -> bool:
        """Whether the demo was left running on purpose."""
        return os.pread(self._descriptor, 16, 0) == _KEPT

    def set_kept(self, kept: bool) -> None:
        """Note whether the demo is left running."""
        os.ftruncate(self._descriptor, 0)
        if kept:
            os.pwrite(self._descriptor, _KEPT, 0)


@contextmanager
def leased(purpose: str, folder: Path | None = None) -> Iterator[Lease | None]:
    """The lock of the demo ``purpose`` for the time of a ``with`` block; None when a running demo holds it.

    Raises:
        UserError: (exit code 2) the file can't be opened, or is not ours alone.
    """
    path = lock_path(purpose, folder)
    descriptor = _open(path)
    lease: Lease | None = None
    try:
        if _lock(descriptor):
            lease = Lease(descriptor)
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


def _open(path: Path) -> int:
    """Open the file, made when it is missing: a plain one of ours that nobody else can open, so that nobody else can hold the lock."""
    what = "the demo's lock"
    check_parent(path.parent, what)
    flags = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    try:
        # Without O_CREAT first: Linux refuses that for another user's file in /tmp (fs.protected_regular), and says less.
        try:
            descriptor = os.open(path, flags)
        except FileNotFoundError:
            descriptor = os.open(path, flags | os.O_CREAT, 0o600)
    except OSError as error:
        check_private(path, what, _HINT)
        raise bad_input(f"{what} '{path}' can't be opened: {error.strerror}", _HINT) from error
    try:
        _check_file(os.fstat(descriptor), path, what)
        os.fchmod(descriptor, 0o600)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _check_file(found: os.stat_result, path: Path, what: str) -> None:
    raise_unless_ours(found, path, what, _HINT)
    # A second name of a file of ours that somebody put here: what is written to the lock would end up in it.
    if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
        raise bad_input(f"{what} '{path}' is no file of its own", _HINT)
