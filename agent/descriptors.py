"""How many connections to the shadow this process may have open."""

import resource
from typing import Final

# For what else is open: sockets of HAProxy and of the tee, files.
_OTHERS: Final = 256
_LEAST: Final = 8


def raise_limit() -> int:
    """Let this process have as many open files as it may (``RLIMIT_NOFILE``); so many are that."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def connections_within(limit: int, wanted: int, targets: int) -> int:
    """The connections to each of so many targets, at most ``wanted``, that leave room for the rest; below 0, ``limit`` is none."""
    if limit < 0:
        return wanted
    return min(wanted, max((limit - _OTHERS) // targets, _LEAST))
