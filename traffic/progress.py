"""A line that tells how a load is going: on a terminal it rewrites itself, elsewhere there is one every few seconds."""

import asyncio
import shutil
import sys
from typing import TextIO

from traffic.player import Player
from traffic.record import Record, Window
from traffic.settings import TrafficSettings

_TERMINAL_S = 0.5
_PLAIN_S = 5.0


def progress_line(
    settings: TrafficSettings, now_s: float, over_s: float, window: Window, requests: int, errors: int
) -> str:
    """What happened in ``window``, the last ``over_s`` seconds before ``now_s``."""
    p50, p99 = (value / 1000 for value in window.latency.percentiles_us((50, 99)))
    times = f"p50 {p50:.1f} ms, p99 {p99:.1f} ms" if window.latency.count else "no answer"
    rate = window.requests / over_s if over_s > 0 else 0.0
    return (
        f"{now_s:.0f} s of {settings.duration_s:.0f}: {requests:,} requests, {rate:,.0f}/s of {settings.rate:,.0f}/s, "
        f"{times}, errors: {errors:,}"
    )


class Progress:
    """Shows the line. It has no colour, so that NO_COLOR changes nothing."""

    def __init__(
        self, settings: TrafficSettings, record: Record, player: Player, stream: TextIO | None = None
    ) -> None:
        self._settings = settings
        self._record = record
        self._player = player
        self._stream = sys.stderr if stream is None else stream
        self._rewrites = self._stream.isatty()
        self._shown = 0
        self._last_s = 0.0
        self._requests = 0
        self._errors = 0

    async def show(self) -> None:
        """Show it until this is cancelled."""
        try:
            while True:
                await asyncio.sleep(_TERMINAL_S if self._rewrites else _PLAIN_S)
                self._print(self._next())
        finally:
            if self._shown:
                # The line stays, what follows is below it.
                print(file=self._stream, flush=True)

    def _next(self) -> str:
        now_s, window = self._player.now_s, self._record.take_window()
        self._requests += window.requests
        self._errors += window.errors
        line = progress_line(
            self._settings, now_s, now_s - self._last_s, window, self._requests, self._errors
        )
        self._last_s = now_s
        return line

    def _print(self, line: str) -> None:
        if not self._rewrites:
            print(line, file=self._stream, flush=True)
            return
        # A line that wraps can't be rewritten.
        line = line[: shutil.get_terminal_size().columns - 1]
        print(f"\r{line:{self._shown}}", end="", file=self._stream, flush=True)
        self._shown = len(line)
