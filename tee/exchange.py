"""One connection of HAProxy's through the tee: two sockets, two directions."""

import logging
import select
import socket
from collections.abc import Callable

from tee.captured import Copy
from tee.direction import GONE, Direction
from tee.loop import READ, WRITE, Loop

_LOG = logging.getLogger(__name__)

_WRITABLE = select.EPOLLOUT | select.EPOLLHUP | select.EPOLLERR

# A copy that waits for room is told when there is some; whether it has waited long enough is looked at this often.
_PATIENCE_S = 0.02


# When HAProxy has closed its connection, the rest of its request is for a node whose answer nobody awaits. A node that takes none of it for so long
# never may, and would keep the exchange, and what the agent waits for, open.
_LINGER_S = 5.0


class OpenExchange:
    """From the connection's greeting to the end of both directions; then ``ended`` is called.

    Args:
        outer: the accepted socket, where the request comes from; the loop watches it already.
        inner: the socket to the inner frontend, where the response comes from.
    """

    def __init__(
        self,
        number: int,
        outer: socket.socket,
        inner: socket.socket,
        copies: tuple[Copy, Copy],
        loop: Loop,
        ended: "Callable[[OpenExchange], None]",
    ) -> None:
        self.number = number
        self._outer = outer
        self._inner = inner
        self._request = Direction(outer, inner, copies[0])
        self._response = Direction(inner, outer, copies[1])
        self._loop = loop
        self._ended = ended
        self._watched_for_room: list[socket.socket] = []
        self._turn_comes = False
        self._asked_for_memory = False
        self._patience_is_timed = False
        self._lingers = False
        self._closed = False
        self.copies = copies

    def start(self) -> None:
        """Watch the sockets."""
        self._loop.take_over(self._outer.fileno(), self._outer_event)
        self._loop.add(self._inner.fileno(), self._inner_event)

    def _outer_event(self, events: int) -> None:
        self._event(events, self._request, self._response)
        if events & select.EPOLLHUP and not self._request.over and not self._lingers:
            self._lingers = True
            self._linger(self._request.progress)

    def _linger(self, progress: tuple[int, int]) -> None:
        def look() -> None:
            if self._closed:
                return
            now = self._request.progress
            # What waits for room in memory goes on by itself.
            if now != progress or self._request.waiting:
                self._linger(now)
                return
            self._request.abort()
            self._go_on()

        self._loop.later(_LINGER_S, look)

    def _inner_event(self, events: int) -> None:
        self._event(events, self._response, self._request)

    def _event(self, events: int, reads: Direction, writes: Direction) -> None:
        """Something happened to the socket that ``reads`` comes from and ``writes`` goes to."""
        if self._closed:
            return
        try:
            self._pass_on(events, reads, writes)
        except Exception:  # noqa: BLE001 - a defect, if there is one, costs this exchange and not all the others
            _LOG.exception("exchange %d is broken off", self.number)
            self._request.abort()
            self._response.abort()
        if self._request.over and self._response.over:
            self._close()

    def _pass_on(self, events: int, reads: Direction, writes: Direction) -> None:
        unfinished = False
        # Without events: it is this direction's turn again.
        if events & (select.EPOLLIN | GONE):
            reads.source_event(events)
        if not reads.over:
            unfinished = reads.pump()
        if events & _WRITABLE and not writes.over:
            if events & select.EPOLLHUP:
                # Its end may not have been told yet.
                writes.source_event(0)
            unfinished = writes.pump() or unfinished
            if events & select.EPOLLHUP:
                # `reads` may have ended this socket's one half; the other one can only be the peer's doing.
                writes.receiver_closed()
        for direction, target in ((self._request, self._inner), (self._response, self._outer)):
            if direction.blocked and target not in self._watched_for_room and not direction.over:
                self._watched_for_room.append(target)
                self._loop.change(target.fileno(), READ | WRITE)
        if unfinished and not self._turn_comes:
            self._turn_comes = True
            self._loop.soon(self._next_turn)
        if self._request.waiting or self._response.waiting:
            self._wait_for_memory()

    def _wait_for_memory(self) -> None:
        if not self._asked_for_memory:
            self._asked_for_memory = True
            self.copies[0].when_room(self._memory_is_free)
        if not self._patience_is_timed:
            self._patience_is_timed = True
            self._loop.later(_PATIENCE_S, self._look_again)

    def _memory_is_free(self) -> None:
        self._asked_for_memory = False
        self._go_on()

    def _look_again(self) -> None:
        self._patience_is_timed = False
        self._go_on()

    def _next_turn(self, _events: int) -> None:
        self._turn_comes = False
        self._go_on()

    def _go_on(self) -> None:
        self._outer_event(0)
        self._inner_event(0)

    def _close(self) -> None:
        self._closed = True
        self._loop.close(self._outer)
        self._loop.close(self._inner)
        self._ended(self)
