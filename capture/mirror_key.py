"""The key that both proxies' images share: made by the first build, kept by the later ones of the same workspace."""

import os
import secrets
import stat
from pathlib import Path

from haproxy_config.render import KEY_FILE, write_files

_BYTES = 32


def shared_key(workspace: Path) -> str:
    """The key of the build before, so that containers of its images and of the next ones believe each other; a new one where there is none.

    A file that somebody else may have put or read there is not taken: ``/tmp`` is everybody's.
    """
    try:
        descriptor = os.open(workspace / KEY_FILE, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return secrets.token_urlsafe(_BYTES)
    with os.fdopen(descriptor, encoding="ascii", errors="replace") as file:
        status = os.fstat(descriptor)
        ours = status.st_uid == os.geteuid() and stat.S_ISREG(status.st_mode) and not status.st_mode & 0o077
        key = file.read(1024).strip() if ours else ""
    return key if len(key) == len(secrets.token_urlsafe(_BYTES)) else secrets.token_urlsafe(_BYTES)


def keep_key(staging: Path, key: str) -> None:
    """Leave it for the next build, readable for its owner alone."""
    write_files(staging, {KEY_FILE: f"{key}\n"})
