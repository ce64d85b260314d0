"""An event loop of uvloop's that a signal ends.

An exception from a signal handler is no way to do that: uvloop gives it to the connection whose callback was running, as the reason why
that was lost, and goes on.
"""

import asyncio
import sys
from collections.abc import Callable, Coroutine
from typing import TypeVar

import uvloop

from capture.subcommand import terminating

T = TypeVar("T")


def run(main: Callable[[], Coroutine[object, object, T]]) -> T:
    """What ``main`` returns.

    Raises:
        SystemExit: a signal that ends a program came; everything was cancelled.
    """
    told: list[int] = []
    loop: asyncio.AbstractEventLoop | None = None
    task: asyncio.Task[object] | None = None

    def cancel(number: int, _frame: object) -> None:
        told.append(number)
        if loop is not None and task is not None:
            loop.call_soon_threadsafe(task.cancel)

    async def watched() -> T:
        nonlocal loop, task
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        if told:
            raise asyncio.CancelledError
        return await main()

    with terminating(cancel), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            return runner.run(watched())
        except asyncio.CancelledError:
            if not told:
                raise
    sys.exit(128 + told[0])
