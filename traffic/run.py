"""One load from its beginning to its end."""

import asyncio
import contextlib
import dataclasses
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator, Coroutine, Iterator
from typing import Any

from capture.console import SILENT, Console, Verbosity
from capture.errors import UserError
from traffic.client import Client
from traffic.index import Index
from traffic.lag import watch_lag
from traffic.player import Player
from traffic.progress import Progress
from traffic.punctual import punctual_loop
from traffic.record import Record
from traffic.results import Results, results_of
from traffic.settings import TrafficSettings
from traffic.workload import workload


def run_traffic(settings: TrafficSettings, console: Console = SILENT) -> Results:
    """Prepare the index, send the traffic, and say what became of it.

    In the main thread Ctrl+C and SIGTERM end it at once, and the results so far are returned.

    Raises:
        UserError: the target can't be used, see `traffic.index`.
        KeyboardInterrupt: Ctrl+C before the traffic had begun.
        SystemExit: SIGTERM then.
    """
    load = _Load(settings, console)
    with asyncio.Runner(loop_factory=punctual_loop) as runner:
        results = runner.run(load.run())
    if results is not None:
        return results
    if load.signals[0] == signal.SIGINT:
        raise KeyboardInterrupt
    sys.exit(128 + load.signals[0])


class _Load:
    def __init__(self, settings: TrafficSettings, console: Console) -> None:
        self._settings = settings
        self._console = console
        self.signals: list[int] = []
        self._work: asyncio.Task[Any] | None = None

    async def run(self) -> Results | None:
        """The results, or None when it was broken off before the traffic had begun."""
        results = None
        with self._signals_taken():
            async with Client(self._settings) as client:
                index = Index(client, self._settings, self._console)
                try:
                    await self._interruptible(index.prepare())
                    if not self.signals:
                        results = await self._play(client)
                finally:
                    left = await self._clean_up(index) if self._settings.clean_up else ""
        return results and dataclasses.replace(results, left=left)

    async def _clean_up(self, index: Index) -> str:
        """Why the index is still there, if it is. A further signal ends this one too."""
        try:
            await self._interruptible(index.remove())
        except UserError as error:
            return str(error)
        return ""

    async def _play(self, client: Client) -> Results:
        settings = self._settings
        record = Record()
        player = Player(
            workload(settings),
            client.send,
            record,
            connections=settings.connections,
            give_up_s=settings.duration_s + settings.timeout_s,
        )
        cpu_s = time.process_time()
        async with _beside(lag=watch_lag(record.lag), progress=self._progress(record, player)):
            await self._interruptible(player.play())
        return results_of(
            settings,
            record,
            cpu_s=time.process_time() - cpu_s,
            signal=self.signals[0] if self.signals else None,
        )

    async def _progress(self, record: Record, player: Player) -> None:
        if self._console.verbosity >= Verbosity.NORMAL:
            await Progress(self._settings, record, player).show()

    async def _interruptible(self, work: Coroutine[Any, Any, None]) -> None:
        """Do ``work`` until a signal comes."""
        self._work = asyncio.create_task(work, name="work")
        before = len(self.signals)
        try:
            await self._work
        except asyncio.CancelledError:
            if len(self.signals) == before:
                raise
        finally:
            self._work = None

    @contextlib.contextmanager
    def _signals_taken(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        loop = asyncio.get_running_loop()
        numbers = (signal.SIGINT, signal.SIGTERM)
        for number in numbers:
            loop.add_signal_handler(number, self._on_signal, number)
        try:
            yield
        finally:
            for number in numbers:
                loop.remove_signal_handler(number)

    def _on_signal(self, number: int) -> None:
        self.signals.append(number)
        if self._work is not None:
            self._work.cancel()


@contextlib.asynccontextmanager
async def _beside(**works: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """For the time of a ``with`` block these run too."""
    tasks = [asyncio.create_task(work, name=name) for name, work in works.items()]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        for task in tasks:
            if not task.cancelled():
                task.result()
