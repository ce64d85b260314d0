"""The cores, the memory and the disk are the traffic's; the offload takes what is left of them."""

import contextlib
import os


def lower_priority() -> None:
    """Give way to every other process: the lowest priority, and no interrupting of those that run (sched(7), SCHED_BATCH).

    Not SCHED_IDLE: a process that gets nothing at all for an hour would lose what no longer fits its bound.
    """
    with contextlib.suppress(OSError):
        os.nice(19)
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
