"""Folders and files of ours in places where other users of the machine may write too: they are ours, or they are refused.

What somebody else has made under the name that we use could be read, exchanged or led elsewhere by him.
"""

import os
import pwd
import stat
from pathlib import Path

from capture.errors import bad_input

_HINT = "remove it, or name another place that only you may write to"


def make_private(folder: Path, what: str) -> None:
    """Make ``folder`` and what is missing above it, for us alone; one that is there has to be ours.

    Raises:
        UserError: (exit code 2) it is somebody else's, a link, or open to all.
        OSError: it can't be made.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Not `exist_ok`, which follows a link.
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        check_private(folder, what)


def check_private(path: Path, what: str, hint: str = _HINT) -> None:
    """Check that nobody else made ``path``, and that not all users may write to it; fine when it is not there.

    Raises:
        UserError: (exit code 2) it is so; ``what`` begins the message.
    """
    try:
        found = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return
    if stat.S_ISLNK(found.st_mode):
        raise bad_input(f"{what} '{path}' is a symbolic link", hint)
    raise_unless_ours(found, path, what, hint)


def raise_unless_ours(found: os.stat_result, path: Path, what: str, hint: str = _HINT) -> None:
    """Check what `os.stat` has ``found``.

    Raises:
        UserError: (exit code 2) it is not ours alone.
    """
    if found.st_uid != os.geteuid():
        raise bad_input(f"{what} '{path}' belongs to another user ({_name(found.st_uid)})", hint)
    if found.st_mode & stat.S_IWOTH:
        raise bad_input(f"{what} '{path}' can be written by all users", hint)


def check_parent(folder: Path, what: str) -> None:
    """Check that other users can't exchange what is in ``folder``: where all may write, the sticky bit keeps each to his own.

    Raises:
        UserError: (exit code 2) they can.
    """
    mode = folder.stat().st_mode
    if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
        raise bad_input(
            f"{what} would be in '{folder}', where every user may exchange it",
            f"chmod +t {folder}, or name a place that only you may write to",
        )


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
