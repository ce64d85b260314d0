"""How the offload opens what the proxy's user names: nothing is read for that user that it couldn't read itself."""

import errno
import os
import stat


def for_the_real_user(path: str, flags: int) -> int:
    """An ``opener`` for a log, which the proxy's user chooses: the credentials are none.

    Raises:
        OSError: it is a symbolic link, or the real user can't read it.
    """
    file = no_link(path, flags)
    if not _real_user_can_read(os.fstat(file)):
        os.close(file)
        raise PermissionError(errno.EACCES, "it is no log: the proxy's user can't read it", path)
    return file


def no_link(path: str, flags: int) -> int:
    """An ``opener`` that follows no symbolic link.

    Raises:
        OSError: it is one.
    """
    return os.open(path, flags | os.O_NOFOLLOW, 0o666)


def _real_user_can_read(seen: os.stat_result) -> bool:
    user = os.getuid()
    if user in (0, os.geteuid()):
        return True
    if seen.st_uid == user:
        return bool(seen.st_mode & stat.S_IRUSR)
    if seen.st_gid in (os.getgid(), *os.getgroups()):
        return bool(seen.st_mode & stat.S_IRGRP)
    return bool(seen.st_mode & stat.S_IROTH)
