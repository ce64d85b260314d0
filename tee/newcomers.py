"""Connections that have not greeted yet: they hold two descriptors, for a few seconds at most."""

import logging
import select
import socket
import time
from collections.abc import Callable

from service.rarely import is_rare
from tee.direction import GONE
from tee.greeting import GREETING_BYTES, GreetingError, greeting_length
from tee.loop import Loop
from tee.status import Status

_LOG = logging.getLogger(__name__)

# HAProxy greets at once.
_PATIENCE_S = 3.0


class Newcomers:
    """From a connection's acceptance to its greeting, which is taken off it, or its end.

    Args:
        greeted: called with the accepted socket and the one for its other side; both are its own from then on.
    """

    def __init__(
        self, loop: Loop, status: Status, greeted: Callable[[socket.socket, socket.socket], None]
    ) -> None:
        self._loop = loop
        self._status = status
        self._greeted = greeted
        # In the order of their deadlines.
        self._waiting: dict[socket.socket, tuple[socket.socket, float]] = {}
        self._looks = False

    def add(self, outer: socket.socket, inner: socket.socket) -> None:
        """Wait for the greeting of ``outer``; ``inner`` is a socket that is not connected yet."""
        self._waiting[outer] = (inner, time.monotonic() + _PATIENCE_S)
        self._loop.add(outer.fileno(), lambda events: self._event(outer, events))
        if not self._looks:
            self._looks = True
            self._loop.later(_PATIENCE_S, self._look)

    def close(self) -> None:
        """Those that have greeted go on, the others are closed: they have sent nothing that could be lost."""
        for outer in list(self._waiting):
            self._event(outer, 0)
            if outer in self._waiting:
                self._turn_away(outer, "the tee stops")

    def _event(self, outer: socket.socket, events: int) -> None:
        if outer not in self._waiting:
            return
        try:
            # What may follow belongs to the exchange: it stays in the socket.
            data = outer.recv(GREETING_BYTES, socket.MSG_PEEK)
            length = greeting_length(data)
        except BlockingIOError:
            return
        except (OSError, GreetingError) as error:
            self._turn_away(outer, str(error))
            return
        if events & select.EPOLLHUP or not data or (length is None and events & GONE):
            self._turn_away(outer, "it was closed")
        elif length is not None:
            outer.recv(length)
            inner, _ = self._waiting.pop(outer)
            self._greeted(outer, inner)

    def _look(self) -> None:
        self._looks = False
        now_s = time.monotonic()
        for outer, (_, deadline_s) in list(self._waiting.items()):
            if deadline_s > now_s:
                self._looks = True
                self._loop.later(deadline_s - now_s, self._look)
                return
            self._turn_away(outer, f"nothing came for {_PATIENCE_S:g} s")

    def _turn_away(self, outer: socket.socket, why: str) -> None:
        inner, _ = self._waiting.pop(outer)
        self._loop.close(outer)
        inner.close()
        self._status.not_greeted += 1
        if is_rare(self._status.not_greeted):
            _LOG.warning("a connection did not greet (%d until now): %s", self._status.not_greeted, why)
