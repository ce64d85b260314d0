"""Puts the agent together: sockets, timers, threads, and the end of it all."""

import asyncio
import json
import logging
import os
import signal
import time
from pathlib import Path

from agent.capture_log import CaptureLog
from agent.ends import Ends
from agent.events import End
from agent.mirror import Mirror
from agent.order import CausalOrder
from agent.pipeline import Pipeline
from agent.settings import AgentSettings
from agent.spop.connection import Message
from agent.spop_server import SpopProtocol
from agent.status import Status
from agent.transactions import Transactions
from agent.unsent import UnsentFile
from record.entry import EntryWriter

_LOG = logging.getLogger(__name__)

# Lines are made between reads of the sockets, so many at a time: an acknowledgement waits for these at most.
_LINES_AT_ONCE = 32

# Lines go to the writing thread by the lot: every wake-up of that thread costs the event loop a turn of the interpreter's lock.
_LOT_BYTES = 256 * 1024
_LOT_S = 0.1


class Agent:
    """One agent: ``run`` returns when it was told to stop.

    Args:
        runtime: directory of the sockets.
    """

    def __init__(self, settings: AgentSettings, runtime: Path) -> None:
        self._settings = settings
        self._runtime = runtime
        self._status = Status()
        self._transactions = Transactions(
            settings.message_bytes,
            settings.pending_bytes,
            int(settings.unanswered_s * 1e9),
            mirrored=settings.cluster == "shadow",
        )
        self._order = CausalOrder()
        self._mirror: Mirror | None = None
        self._entries = EntryWriter(settings.cluster, frozenset(settings.redact_headers))
        self._log = CaptureLog(
            Path(settings.log_path),
            settings.log_file_bytes,
            settings.log_total_bytes,
            settings.capture_queue_bytes,
        )
        self._unsent = UnsentFile(Path(f"{settings.log_path}.unsent"))
        self._connections: set[SpopProtocol] = set()
        self._writing = False
        self._lot: list[bytes] = []
        self._lot_bytes = 0

    async def run(self, ready_fd: int | None) -> None:
        """Serve until SIGTERM or SIGINT; a second one ends at once. ``ready_fd``: where to write a line when serving."""
        loop = self._loop = asyncio.get_running_loop()
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop, stop)
        settings = self._settings
        if settings.mirror_to:
            self._mirror = Mirror(
                [_address(text) for text in settings.mirror_to],
                settings.mirror_connections,
                settings.mirror_queue_bytes,
                settings.mirror_deadline_s,
                self._order,
                self._status,
            )
            self._mirror.resume(self._unsent.take())
        self._pipeline = Pipeline(
            self._transactions,
            self._order,
            self._mirror.submit if self._mirror is not None else None,
            self._status,
            settings.message_bytes,
        )
        self._log.start()
        ends = Ends(self._runtime / "ends.sock", self._pipeline_ends)
        spop = await loop.create_unix_server(self._spop_connection, self._fresh("agent.sock"), backlog=1024)
        status = await asyncio.start_unix_server(self._tell_status, self._fresh("status.sock"))
        ticks = loop.create_task(self._tick(), name="tick")
        if ready_fd is not None:
            os.write(ready_fd, b"\n")
            os.close(ready_fd)
        _LOG.info(
            "capturing to %s, mirroring to %s", settings.log_path, ", ".join(settings.mirror_to) or "nobody"
        )

        await stop.wait()
        spop.close()
        if self._mirror is not None:
            await self._mirror.drain(self._settings.drain_s)
        ticks.cancel()
        ends.close()
        for connection in list(self._connections):
            connection.close()
        for transaction in self._transactions.abandon():
            self._pipeline.finish(transaction)
        if self._mirror is not None:
            self._unsent.keep(self._mirror.close())
        self._make_lines(len(self._pipeline.ended))
        self._hand_over()
        self._log.close(self._settings.drain_s)
        status.close()
        _LOG.info("stopped: %s", json.dumps(self._counters()))

    def _stop(self, stop: asyncio.Event) -> None:
        if stop.is_set():
            _LOG.warning("told to stop twice: ending at once")
            os._exit(1)
        stop.set()

    def _fresh(self, name: str) -> str:
        path = self._runtime / name
        path.unlink(missing_ok=True)
        return os.fspath(path)

    def _spop_connection(self) -> SpopProtocol:
        # HAProxy's frames are as large as its buffer at most; its hello says how large.
        return SpopProtocol(16 * 1024 * 1024, self._messages, self._spop_failed, self._connections)

    def _spop_failed(self) -> None:
        self._status.protocol_errors += 1

    def _messages(self, messages: list[Message], now_ns: int, now_us: int) -> None:
        self._pipeline.messages(messages, now_ns, now_us)
        self._after_events()

    def _pipeline_ends(self, ends: list[End], now_ns: int, now_us: int) -> None:
        self._pipeline.ends(ends, now_ns, now_us)
        self._after_events()

    def _after_events(self) -> None:
        if self._mirror is not None:
            self._mirror.dispatch()
        if self._pipeline.ended and not self._writing:
            self._writing = True
            self._loop.call_soon(self._write_some)

    def _write_some(self) -> None:
        self._make_lines(_LINES_AT_ONCE)
        if self._pipeline.ended:
            self._loop.call_soon(self._write_some)
        else:
            self._writing = False

    def _make_lines(self, count: int) -> None:
        ended, line = self._pipeline.ended, self._entries.line
        if not self._lot:
            self._loop.call_later(_LOT_S, self._hand_over)
        for _ in range(min(count, len(ended))):
            text = line(ended.popleft())
            self._lot.append(text)
            self._lot_bytes += len(text)
        if self._lot_bytes >= _LOT_BYTES:
            self._hand_over()

    def _hand_over(self) -> None:
        if self._lot:
            self._log.append(self._lot)
            self._lot, self._lot_bytes = [], 0

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(1)
            self._pipeline.tick(time.monotonic_ns())
            if self._mirror is not None:
                self._mirror.check_deadlines()
            self._after_events()

    def _counters(self) -> dict[str, int | str]:
        status = self._status
        status.captured, status.capture_dropped = self._log.written, self._log.dropped
        waiting = self._mirror.waiting if self._mirror is not None else 0
        return {
            "cluster": self._settings.cluster,
            **status.as_dict(),
            "open_transactions": len(self._transactions),
            "waiting_for_shadow": waiting,
            "waiting_for_disk_bytes": self._log.queued_bytes,
        }

    async def _tell_status(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(json.dumps(self._counters()).encode() + b"\n")
        await writer.drain()
        writer.close()


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)
