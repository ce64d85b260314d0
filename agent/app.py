"""Puts the agent together: sockets, timers, the writing thread, and the end of it all."""

import asyncio
import contextlib
import json
import logging
import os
import signal
import time
from collections.abc import AsyncIterator, Container
from pathlib import Path
from typing import Any

from agent.capture_log import CaptureLog
from agent.descriptors import connections_within, raise_limit
from agent.ends import EndsProtocol
from agent.joining import Copy
from agent.line_maker import LineMaker
from agent.long_writer import ProcessWriter
from agent.mirror import Mirror
from agent.mirror_connection import Job
from agent.offloaded import Offloaded
from agent.order import Order
from agent.parts import Proxy
from agent.pipeline import Pipeline
from agent.placing import Placing
from agent.ring_nudge import nudge
from agent.settings import AgentSettings
from agent.spop.connection import Message
from agent.spop_server import SpopProtocol
from agent.status import Status
from agent.tee_link import TeeLink
from agent.transactions import Transactions
from agent.unsent import UnsentFile
from record.entry import EntryWriter

_LOG = logging.getLogger(__name__)

# HAProxy's largest buffer that the settings allow; its hello says how large its frames are really.
_MAX_FRAME_BYTES = 16 * 1024 * 1024

# Longer than `agent.ends` rests between two reads.
_LAST_READ_S = 0.02

# Longer than the tee waits for acknowledgements when it stops.
_LAST_COPIES_S = 2.5

# Of the time for the agent's end: nothing is mirrored any more then. The log has written all the while.
_LAST_WRITING_SHARE = 0.25


class Agent:
    """One agent; to be made where an event loop runs.

    Args:
        runtime: directory of the sockets: ``agent.sock`` (SPOP), ``ends.sock`` (HAProxy's ring), ``status.sock``.
        mirror_key: what makes the shadow's proxy believe our identifiers; empty: there is none.
    """

    def __init__(self, settings: AgentSettings, runtime: Path, mirror_key: str = "") -> None:
        self._settings = settings
        self._runtime = runtime
        self._loop = asyncio.get_running_loop()
        self._status = Status()
        self._order: Order[Job] = Order(time.time_ns() // 1000)
        self._mirror = self._make_mirror(mirror_key) if settings.mirror_to else None
        proxy = Proxy(settings.message_bytes, mirrored=settings.cluster == "shadow")
        self._transactions = Transactions(proxy, settings.pending_bytes, int(settings.unanswered_s * 1e9))
        submit = self._mirror.submit if self._mirror is not None else None
        self._pipeline = Pipeline(
            proxy,
            self._transactions,
            self._order,
            submit,
            self._status,
            Placing(settings.order),
            settings.pending_bytes,
        )
        self._reading = False
        self._log = CaptureLog(
            Path(settings.log_path),
            settings.log_file_bytes,
            settings.log_total_bytes,
            settings.capture_queue_bytes,
            settings.long_queue_bytes,
            ProcessWriter(process_arguments(settings)),
            interval_s=settings.log_interval_s,
            offloaded=_offloaded(settings),
            offload_dir=Path(settings.offload_dir),
        )
        entries = EntryWriter(
            settings.cluster,
            frozenset(settings.redact_headers),
            settings.body_bytes,
            settings.prefix_bytes,
        )
        self._lines = LineMaker(self._pipeline.ended, entries, self._log)
        self._unsent = UnsentFile(Path(f"{settings.log_path}.unsent"), settings.mirror_queue_bytes)
        self._copy_came = asyncio.Event()
        self._tee = TeeLink(
            runtime, self._take_copy, self._copy_unreadable, self._tee_answered, self._tee_gone
        )
        self._connections: set[asyncio.Transport] = set()
        self._ring: EndsProtocol | None = None

    async def run(self, ready_fd: int | None) -> None:
        """Serve until SIGTERM or SIGINT; a second one ends at once. ``ready_fd``: where to write a line when serving."""
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._told_to_stop, stop)
        if self._mirror is not None:
            self._mirror.resume(self._unsent.take())
        self._log.start()
        tee = self._loop.create_task(self._tee.run(), name="tee-link")
        async with self._serving():
            if ready_fd is not None:
                os.write(ready_fd, b"\n")
                os.close(ready_fd)
            mirrored_to = ", ".join(self._settings.mirror_to) or "nobody"
            _LOG.info("capturing to %s, mirroring to %s", self._settings.log_path, mirrored_to)
            await stop.wait()
            # HAProxy has ended, but for what the sockets still hold.
            await asyncio.sleep(_LAST_READ_S)
            until_s = self._loop.time() + self._settings.drain_s
            mirroring_until_s = until_s - _LAST_WRITING_SHARE * self._settings.drain_s
            await self._last_copies(min(self._loop.time() + _LAST_COPIES_S, mirroring_until_s))
            if self._mirror is not None:
                await self._mirror.drain(mirroring_until_s - self._loop.time())
        self._end(until_s)
        # What the tee does not know to be done with it offers to the next agent, which has no news of it.
        await self._tee.close()
        tee.cancel()
        _LOG.info("stopped: %s", json.dumps(self._counters()))

    @contextlib.asynccontextmanager
    async def _serving(self) -> AsyncIterator[None]:
        loop = self._loop
        # Any: see `agent.ends`.
        ends: Any = self._ring_protocol
        servers = [
            await loop.create_unix_server(ends, self._fresh("ends.sock")),
            await loop.create_unix_server(
                lambda: SpopProtocol(
                    _MAX_FRAME_BYTES, self._take_messages, self._peer_failed, self._connections
                ),
                self._fresh("agent.sock"),
                backlog=1024,
            ),
            await asyncio.start_unix_server(self._tell_status, self._fresh("status.sock")),
        ]
        tasks = [
            loop.create_task(self._tick(), name="tick"),
            loop.create_task(self._tee.watch(), name="tee-watch"),
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            for server in servers:
                server.close()
            for connection in list(self._connections):
                connection.close()

    def _end(self, until_s: float) -> None:
        """What is open is written down as it is, what is not mirrored is kept for the next agent."""
        self._pipeline.abandon()
        if self._mirror is not None:
            unsent = self._mirror.close()
            self._unsent.keep(unsent)
            for job in unsent:
                if job.done is not None:
                    job.done()
        self._lines.finish()
        self._log.close(max(until_s - self._loop.time(), _LAST_WRITING_SHARE * self._settings.drain_s))

    def _make_mirror(self, key: str) -> Mirror:
        if not key:
            _LOG.warning(
                "there is no key for the shadow's proxy, which will record under identifiers of its own"
            )
        settings = self._settings
        limit = raise_limit()
        connections = connections_within(limit, settings.mirror_connections, len(settings.mirror_to))
        if connections < settings.mirror_connections:
            _LOG.warning(
                "%d connections to each shadow at most, as %d descriptors allow: CAPTURE_MIRROR_CONNECTIONS=%d needs a higher --ulimit nofile",
                connections,
                limit,
                settings.mirror_connections,
            )
        return Mirror(
            [_address(text) for text in settings.mirror_to],
            connections,
            settings.mirror_queue_bytes,
            settings.mirror_deadline_s,
            self._order,
            self._status,
            key,
        )

    def _told_to_stop(self, stop: asyncio.Event) -> None:
        if stop.is_set():
            _LOG.warning("told to stop twice: ending at once")
            os._exit(1)
        stop.set()

    def _fresh(self, name: str) -> str:
        path = self._runtime / name
        path.unlink(missing_ok=True)
        return os.fspath(path)

    def _peer_failed(self) -> None:
        self._status.protocol_errors += 1

    def _ring_protocol(self) -> EndsProtocol:
        self._ring = EndsProtocol(self._take_ends, self._peer_failed, self._connections)
        # What was read of an earlier connection may be lost, with the agent that had it or with a line that was cut.
        self._pipeline.lines_lost(time.time_ns() // 1000, time.monotonic_ns())
        return self._ring

    def _take_messages(self, messages: list[Message], now_ns: int) -> None:
        self._pipeline.messages(messages, now_ns)
        self._go_on()

    def _take_ends(self, lines: list[bytes], now_ns: int, now_us: int) -> None:
        lost = self._status.ring_dropped + self._status.protocol_errors
        self._pipeline.ends(lines, now_ns, now_us)
        if self._status.ring_dropped + self._status.protocol_errors > lost:
            self._pipeline.lines_lost(now_us, now_ns)
        self._go_on()

    def _take_copy(self, copy: Copy) -> None:
        self._pipeline.copy(copy, time.monotonic_ns())
        self._copy_came.set()
        self._go_on()

    def _tee_answered(self, question: int, under_way: Container[bytes]) -> None:
        self._pipeline.answered(question, under_way)
        self._copy_came.set()
        self._go_on()

    def _tee_gone(self) -> None:
        if self._pipeline.waiting_for_copies:
            self._tee_answered(self._pipeline.asked(), ())

    def _copy_unreadable(self) -> None:
        self._status.copies_unreadable += 1

    async def _last_copies(self, until_s: float) -> None:
        """The tee is stopping too, and hands over what it has."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(until_s):
                while self._pipeline.waiting_for_copies or self._pipeline.is_reading:
                    self._copy_came.clear()
                    await self._copy_came.wait()

    def _go_on(self) -> None:
        if self._mirror is not None:
            self._mirror.dispatch()
        self._lines.schedule()
        if self._pipeline.is_reading and not self._reading:
            self._reading = True
            self._loop.call_soon(self._read_on)

    def _read_on(self) -> None:
        """One slice for each turn of the loop: the sockets are read in between."""
        self._reading = False
        if self._pipeline.is_reading:
            self._pipeline.read_on()
            self._copy_came.set()
        self._go_on()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(1)
            if not self._ring_connected:
                await self._ask_for_ring()
            now_ns = time.monotonic_ns()
            self._pipeline.tick(now_ns)
            if self._pipeline.is_to_ask(now_ns) or self._tee.is_to_confirm:
                self._tee.ask(self._pipeline.asked())
            if self._mirror is not None:
                self._mirror.tick()
            self._go_on()

    async def _ask_for_ring(self) -> None:
        try:
            await nudge(self._runtime / "haproxy.sock")
        except OSError as error:
            # It has not started yet, or has ended.
            _LOG.debug("HAProxy's ring is not connected: %s", error)

    @property
    def _ring_connected(self) -> bool:
        return self._ring is not None and not self._ring.closed

    def _counters(self) -> dict[str, int | float | str]:
        self._pipeline.count()
        return {
            "cluster": self._settings.cluster,
            **self._status.as_dict(),
            "ring_connected": int(self._ring_connected),
            "tee_connected": int(self._tee.connected),
            "ring_behind": int(self._ring is not None and self._ring.behind),
            "captured": self._log.written,
            "capture_dropped": self._log.dropped,
            "removed_files": self._log.removed_files,
            "removed_bytes": self._log.removed_bytes,
            "removed_unsent": self._log.removed_unsent,
            "open_transactions": len(self._transactions),
            "waiting_for_copies": self._pipeline.waiting_for_copies,
            "copies_waiting": self._pipeline.waiting_copies,
            **self._backlog(),
            "bodies_dropped": self._log.bodies_dropped,
            "waiting_for_disk_bytes": self._log.queued_bytes,
            "waiting_long_bytes": self._log.queued_long_bytes,
        }

    def _backlog(self) -> dict[str, int | float]:
        if self._mirror is None:
            return {"waiting_for_shadow": 0}
        backlog = self._mirror.backlog
        return {
            "waiting_for_shadow": self._mirror.waiting,
            "mirror_under_way": backlog.under_way,
            "mirror_waits_for_order": backlog.for_order,
            "mirror_waits_for_connections": backlog.for_connections,
            "mirror_waits_for_shadow": backlog.for_shadow,
            "mirror_lag_s": round(backlog.lag_s, 1),
        }

    async def _tell_status(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(json.dumps(self._counters()).encode() + b"\n")
        await writer.drain()
        writer.close()


def process_arguments(settings: AgentSettings) -> list[str]:
    """How lines are made, for `agent.long_writer_process`."""
    return [
        settings.cluster,
        str(settings.body_bytes),
        str(settings.prefix_bytes),
        *settings.redact_headers,
    ]


def _offloaded(settings: AgentSettings) -> Offloaded | None:
    if not settings.offload_ledgers:
        return None
    return Offloaded([Path(path) for path in settings.offload_ledgers], settings.keep_offloaded_bytes)


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)
