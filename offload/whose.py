"""Whose power the offload uses: its own for the credentials alone, the proxy's user's for all else.

The folders of the log and of the run are the proxy's user's, who can put links into them. So there the offload does nothing that this user
could not do itself: the kernel checks each access, through any link, whatever changes meanwhile.
"""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager

# Not os.seteuid, which changes all threads at once: the file system's user (setfsuid(2)) is each thread's own.
_LIBRARY = ctypes.CDLL(None, use_errno=True)
_ASK = 0xFFFFFFFF


def act_as_the_caller() -> None:
    """From now on files are opened, made, renamed and removed as the real user: in this thread, and in those that it starts.

    A program that it starts has the offload's power again.

    Raises:
        PermissionError: the kernel refuses.
    """
    _act_as(os.getuid())


@contextmanager
def as_the_offload() -> Iterator[None]:
    """In this thread, for the time of a ``with`` block: credentials can be read, and what lies beside them written."""
    before = _now()
    _act_as(os.geteuid())
    try:
        yield
    finally:
        _act_as(before)


def no_link(path: str, flags: int) -> int:
    """An ``opener`` that follows no symbolic link.

    Raises:
        OSError: it is one.
    """
    return os.open(path, flags | os.O_NOFOLLOW, 0o666)


def _act_as(user: int) -> None:
    if os.getuid() == os.geteuid():
        # There is one user only, and not every kernel knows the call (gVisor's).
        return
    # It returns what was before, whether it succeeds or not.
    _LIBRARY.setfsuid(ctypes.c_uint32(user))
    if _now() != user:
        raise PermissionError(f"files can't be used as user {user}")


def _now() -> int:
    return int(_LIBRARY.setfsuid(ctypes.c_uint32(_ASK))) & _ASK
