"""How a process tells its supervisor that it serves."""

import os

_FD = 3


def ready_fd() -> int | None:
    """The descriptor to write a line to when serving (s6, "notification-fd"); None: nobody waits for it."""
    try:
        os.fstat(_FD)
    except OSError:
        return None
    return _FD if os.environ.get("CAPTURE_NOTIFY") else None
