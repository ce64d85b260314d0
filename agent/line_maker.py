"""Turns ended transactions into lines between the reads of the sockets, and hands them to the capture log by the lot."""

import asyncio
import logging
from collections import deque
from collections.abc import Iterator
from typing import Final

from agent.capture_log import CaptureLog, Finished
from record.entry import EntryWriter
from record.transaction import Transaction

_LOG = logging.getLogger(__name__)

# An acknowledgement waits for so many lines at most.
_LINES_AT_ONCE: Final = 16

# With more than so many to make the sockets have to wait: HAProxy's ring has more room than the agent.
_BACKLOG: Final = 4096

# Every wake-up of the writing thread costs the event loop a turn of the interpreter's lock.
_LOT_BYTES: Final = 256 * 1024
_LOT_S: Final = 0.1


class LongBodiesLine:
    """A transaction whose bodies are not in memory, for `CaptureLog.append_long`; an `agent.long_line.LongLine`."""

    def __init__(self, transaction: Transaction, entries: EntryWriter) -> None:
        self.transaction: Transaction | None = transaction
        self._transaction = transaction
        self._entries = entries
        self.wire_bytes: int = 0
        self.memory_bytes: int = transaction.held_bytes
        for body in (transaction.request_long, transaction.response_long):
            if body is not None:
                self.wire_bytes += body.wire_bytes

    def parts(self) -> Iterator[bytes]:
        """The whole line; see `EntryWriter.long_line`."""
        return self._entries.long_line(self._transaction)

    def without_bodies(self) -> bytes:
        """The line without them, marked as truncated."""
        return self._entries.line_without_long(self._transaction)

    def finished(self) -> None:
        """The bodies are not needed any more."""
        finished = self._transaction.finished
        if finished is not None:
            finished()


class LineMaker:
    """Takes transactions from ``ended``, where the pipeline puts them."""

    def __init__(self, ended: deque[Transaction], entries: EntryWriter, log: CaptureLog) -> None:
        self._ended = ended
        self._entries = entries
        self._log = log
        self._loop = asyncio.get_running_loop()
        self._scheduled = False
        self._lot: list[bytes] = []
        self._lot_bytes = 0
        self._lot_finished: list[Finished] = []

    def schedule(self) -> None:
        """Make lines as soon as the sockets leave time for it."""
        if len(self._ended) > _BACKLOG:
            self._make(len(self._ended) - _BACKLOG)
        if self._ended and not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._make_some)

    def finish(self) -> None:
        """Make all lines now, and hand them over."""
        self._make(len(self._ended))
        self._hand_over()

    def _make_some(self) -> None:
        self._make(_LINES_AT_ONCE)
        self._scheduled = False
        self.schedule()

    def _make(self, count: int) -> None:
        if not self._lot:
            self._loop.call_later(_LOT_S, self._hand_over)
        for _ in range(min(count, len(self._ended))):
            transaction = self._ended.popleft()
            if transaction.has_long_body:
                # What ended before it stands before it.
                self._hand_over()
                self._log.append_long(LongBodiesLine(transaction, self._entries))
                continue
            try:
                line = self._entries.line(transaction)
            except Exception:  # noqa: BLE001
                # A defect, if there is one, costs this line and not all that come after it.
                self._log.dropped += 1
                _LOG.exception("transaction %r can't be written", transaction.id)
                line = b""
            if transaction.finished is not None:
                self._lot_finished.append(transaction.finished)
            if line:
                self._lot.append(line)
                self._lot_bytes += len(line)
        if self._lot_bytes >= _LOT_BYTES:
            self._hand_over()

    def _hand_over(self) -> None:
        if self._lot or self._lot_finished:
            self._log.append(self._lot, self._lot_finished)
            self._lot, self._lot_bytes, self._lot_finished = [], 0, []
