"""Sockets to listen on."""

import os
import socket
from pathlib import Path


def listen(path: Path, backlog: int) -> socket.socket:
    """A new Unix socket in place of one that an earlier run may have left.

    Raises:
        OSError: it can't be made.
    """
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    listener.bind(os.fspath(path))
    listener.listen(backlog)
    return listener
