"""Accepts HAProxy's connections, and connects each one that has greeted to the inner frontend."""

import contextlib
import logging
import socket
from collections.abc import Callable

from service.rarely import is_rare
from tee.captured import Copy
from tee.exchange import OpenExchange
from tee.greeting import GRANTED
from tee.kept import EXCHANGE_BYTES, Ended, Kept
from tee.loop import Loop
from tee.newcomers import Newcomers
from tee.status import Status
from tee.store import Store

_LOG = logging.getLogger(__name__)

# How long none are accepted when descriptors are short: they wait in the kernel.
_SHORT_S = 0.05


class Acceptor:
    """One listening socket, and what becomes of its connections.

    Args:
        inner: path of the inner frontend's socket.
        kept_more: called when an ended exchange was added to ``kept``.
    """

    def __init__(
        self,
        loop: Loop,
        listener: socket.socket,
        inner: str,
        store: Store,
        kept: Kept,
        status: Status,
        kept_more: Callable[[], None],
    ) -> None:
        self._loop = loop
        self._listener = listener
        self._inner = inner
        self._store = store
        self._kept = kept
        self._status = status
        self._kept_more = kept_more
        self._open: dict[OpenExchange, bool] = {}
        self._closed = False
        self._paused = False
        self._shortages = 0
        self._spare: socket.socket | None = None
        self._newcomers = Newcomers(loop, status, self._greeted)
        loop.add(listener.fileno(), self._connecting)

    def close(self) -> None:
        """Accept what waits, and no more."""
        self._accept_all()
        self._closed = True
        self._loop.close(self._listener)
        self._newcomers.close()

    def under_way(self) -> tuple[bytes, ...]:
        """The beginnings of the requests that have not ended."""
        return tuple(exchange.copies[0].beginning for exchange in self._open)

    def _connecting(self, _events: int) -> None:
        if not self._closed:
            self._accept_all()

    def _accept_all(self) -> None:
        while True:
            try:
                # First, so that a connection is accepted only when there is a descriptor for its other side.
                if self._spare is None:
                    self._spare = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
                outer, _ = self._listener.accept()
            except BlockingIOError:
                return
            except OSError as error:
                self._short(error)
                return
            outer.setblocking(False)
            inner, self._spare = self._spare, None
            self._newcomers.add(outer, inner)

    def _short(self, error: OSError) -> None:
        self._shortages += 1
        if is_rare(self._shortages):
            _LOG.error("a connection can't be accepted now (%d times until now): %s", self._shortages, error)
        if not self._paused:
            self._paused = True
            self._loop.later(_SHORT_S, self._go_on)

    def _go_on(self) -> None:
        self._paused = False
        self._connecting(0)

    def _greeted(self, outer: socket.socket, inner: socket.socket) -> None:
        self._status.exchanges += 1
        try:
            # Never in progress (unix(7)): it is there, or it is not, or its queue is full.
            inner.connect(self._inner)
        except OSError as error:
            self._status.refused += 1
            if is_rare(self._status.refused):
                _LOG.error("no connection to %s (%d until now): %s", self._inner, self._status.refused, error)
            # Without an answer: HAProxy has sent nothing yet, and turns to the nodes.
            self._loop.close(outer)
            inner.close()
            return
        # The socket is empty: it fits. One that has gone is the exchange's business.
        with contextlib.suppress(OSError):
            outer.send(GRANTED)
        self._status.open += 1
        copies = (Copy(self._store), Copy(self._store))
        exchange = OpenExchange(self._status.exchanges, outer, inner, copies, self._loop, self._ended)
        has_room = self._store.take_bytes(EXCHANGE_BYTES)
        if not has_room:
            for copy in copies:
                copy.without_copying(self._store.why_full())
        self._open[exchange] = has_room
        exchange.start()

    def _ended(self, exchange: OpenExchange) -> None:
        status = self._status
        status.open -= 1
        has_room = self._open.pop(exchange)
        request, response = exchange.copies
        request.beginning = response.beginning = b""
        status.passed_bytes += request.total_bytes + response.total_bytes
        ended = Ended(exchange.number, request, response)
        # Without a byte it was somebody who looked whether the tee is there.
        if not has_room or not (request.total_bytes or response.total_bytes):
            ended.release()
            self._store.give_bytes(EXCHANGE_BYTES if has_room else 0)
            return
        status.copied_bytes += request.copied_bytes + response.copied_bytes
        self._kept.add(ended)
        self._kept_more()
