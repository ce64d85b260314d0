"""Turns ended transactions into lines between the reads of the sockets, and hands them to the capture log by the lot."""

import asyncio
import logging
from collections import deque

from agent.capture_log import CaptureLog
from record.entry import EntryWriter
from record.transaction import Transaction

_LOG = logging.getLogger(__name__)

# An acknowledgement waits for so many lines at most.
_LINES_AT_ONCE = 16

# With more than so many to make the sockets have to wait: HAProxy's ring has more room than the agent.
_BACKLOG = 4096

# Every wake-up of the writing thread costs the event loop a turn of the interpreter's lock.
_LOT_BYTES = 256 * 1024
_LOT_S = 0.1


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
            try:
                line = self._entries.line(transaction)
            except Exception:  # noqa: BLE001
                # A defect, if there is one, costs this line and not all that come after it.
                self._log.dropped += 1
                _LOG.exception("transaction %r can't be written", transaction.id)
                continue
            self._lot.append(line)
            self._lot_bytes += len(line)
        if self._lot_bytes >= _LOT_BYTES:
            self._hand_over()

    def _hand_over(self) -> None:
        if self._lot:
            self._log.append(self._lot)
            self._lot, self._lot_bytes = [], 0
