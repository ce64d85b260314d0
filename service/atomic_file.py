"""Files that are there whole or not at all, whatever ends the process that writes them."""

import errno
import os
from collections.abc import Iterable
from pathlib import Path

_NEW = ".new"

# Of filesystems that can't write a directory through: there is nothing more to do for it.
_CANT = frozenset((errno.EINVAL, errno.ENOTSUP))


def write_atomically(path: Path, parts: Iterable[bytes], mode: int) -> None:
    """Write a file beside its place, bring it to the disk, and put it into its place. What was there before stays until then.

    Args:
        path: its directory must be writable.
        parts: the contents.
        mode: of the file, whatever the umask.

    Raises:
        OSError: the disk refuses; nothing half-written is left.
    """
    new = path.with_name(path.name + _NEW)
    new.unlink(missing_ok=True)
    file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, mode)
    try:
        with open(file, "wb") as out:  # noqa: PTH123 - a descriptor
            os.fchmod(out.fileno(), mode)
            out.writelines(parts)
            out.flush()
            os.fsync(out.fileno())
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    """Bring the names in a directory to the disk (fsync(2)).

    Raises:
        OSError: the disk refuses.
    """
    opened = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(opened)
    except OSError as error:
        if error.errno not in _CANT:
            raise
    finally:
        os.close(opened)
