"""Puts the tee together: sockets, signals, the loop, and the end of it all."""

import contextlib
import json
import logging
import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

from tee.acceptor import Acceptor
from tee.handover import Hello
from tee.kept import EXCHANGE_BYTES, Ended, Kept
from tee.listening import listen
from tee.loop import Loop
from tee.memory import Memory
from tee.offering import Offering
from tee.settings import TeeSettings
from tee.spool import Spool
from tee.status import Status
from tee.store import Store

_LOG = logging.getLogger(__name__)

# How long a stopping tee takes to tell the agent of what it has.
_HANDOVER_S = 2.0

_TICK_S = 1.0


class Tee:
    """One tee.

    Args:
        runtime: directory of the sockets. The tee listens on ``tee.sock`` (HAProxy's backend), ``tee-agent.sock`` (the agent) and
            ``tee-status.sock``; it connects to ``tee-inner.sock`` (HAProxy's inner frontend).

    Raises:
        OSError: a socket can't be made.
    """

    def __init__(self, settings: TeeSettings, runtime: Path) -> None:
        self._settings = settings
        self._loop = Loop()
        self._status = Status()
        self._memory = Memory(settings.memory_bytes)
        self._spool = _spool(settings)
        self._store = Store(
            self._memory, settings.memory_bytes, self._spool, settings.room_wait_s, self._status
        )
        self._kept = Kept(settings.memory_bytes // 2, lambda: self._store.can_move)
        self._offering = Offering(
            self._loop,
            listen(runtime / "tee-agent.sock", 16),
            self._kept,
            Hello(time.time_ns() // 1000),
            [self._memory.fd] if self._spool is None else [self._memory.fd, self._spool.fd],
            self._acknowledged,
            self._under_way,
        )
        self._status_listener = listen(runtime / "tee-status.sock", 16)
        self._loop.add(self._status_listener.fileno(), self._tell_status)
        self._acceptor = Acceptor(
            self._loop,
            listen(runtime / "tee.sock", 4096),
            os.fspath(runtime / "tee-inner.sock"),
            self._store,
            self._kept,
            self._status,
            self._offering.schedule,
        )
        self._stopping = False
        self._signals = socket.socketpair()

    def run(self, ready_fd: int | None) -> None:
        """Serve until SIGTERM or SIGINT; a second one ends at once. ``ready_fd``: where to write a line when serving."""
        self._watch_signals()
        if self._spool is not None:
            self._loop.add(self._spool.written_fd, self._spool_written)
        self._tick()
        if ready_fd is not None:
            os.write(ready_fd, b"\n")
            os.close(ready_fd)
        _LOG.info("passing on")
        while not self._stopping:
            self._loop.round()
        self._drain()
        _LOG.info("stopped: %s", json.dumps(self._counters()))

    def _drain(self) -> None:
        """No new connections; those that are open may end, and then the agent is told of all that is kept: it has the memory and the file too."""
        self._acceptor.close()
        self._store.wait_no_more()
        self._round_while(lambda: self._status.open > 0, self._settings.drain_s)
        self._kept.offer_all()
        self._offering.schedule()
        self._round_while(lambda: self._offering.connected and not self._offering.all_offered, _HANDOVER_S)
        if self._status.open or not self._offering.all_offered:
            _LOG.error(
                "%d exchanges are broken off, %d were not read by the agent",
                self._status.open,
                len(self._kept),
            )

    def _round_while(self, condition: Callable[[], bool], limit_s: float) -> None:
        deadline_s = time.monotonic() + limit_s
        self._loop.later(limit_s, lambda: None)
        while condition() and time.monotonic() < deadline_s:
            self._loop.round()

    def _watch_signals(self) -> None:
        woken, waker = self._signals
        for end in self._signals:
            end.setblocking(False)
        signal.set_wakeup_fd(waker.fileno())
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda _number, _frame: self._told_to_stop())
        self._loop.add(woken.fileno(), lambda _events: None)

    def _told_to_stop(self) -> None:
        if self._stopping:
            _LOG.warning("told to stop twice: ending at once")
            os._exit(1)
        self._stopping = True

    def _tick(self) -> None:
        self._store.tick()
        # The spool may stand still, or be full.
        self._kept.reconsider()
        self._offering.schedule()
        self._loop.later(_TICK_S, self._tick)

    def _spool_written(self, _events: int) -> None:
        self._store.moved()
        self._kept.reconsider()
        self._offering.schedule()

    def _acknowledged(self, ended: Ended) -> None:
        self._status.handed_over += 1
        ended.release()
        self._store.give_bytes(EXCHANGE_BYTES)

    def _under_way(self) -> tuple[bytes, ...]:
        return self._acceptor.under_way()

    def _counters(self) -> dict[str, int]:
        return {
            **self._status.as_dict(),
            "memory_bytes": self._memory.used_bytes,
            "spool_bytes": self._spool.used_bytes if self._spool is not None else 0,
            "waiting_for_agent": len(self._kept),
            "agent_connected": int(self._offering.connected),
        }

    def _tell_status(self, _events: int) -> None:
        while True:
            try:
                asker, _ = self._status_listener.accept()
            except OSError:
                return
            asker.setblocking(False)
            with contextlib.suppress(OSError):
                asker.send(json.dumps(self._counters()).encode() + b"\n")
            asker.close()


def _spool(settings: TeeSettings) -> Spool | None:
    if not settings.spool_bytes:
        return None
    try:
        return Spool(Path(settings.spool_dir), settings.spool_bytes)
    except OSError as error:
        _LOG.error("there is no spool, copies stay in memory: %s", error)
        return None
