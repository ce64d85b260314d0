"""Whether this machine is too busy to send on time, which no answer of the target tells."""

import asyncio
import time

from traffic.histogram import Histogram

_EVERY_S = 0.05


async def watch_lag(lag: Histogram) -> None:
    """Record again and again how late a timer of the event loop is, until this is cancelled."""
    while True:
        before = time.perf_counter()
        await asyncio.sleep(_EVERY_S)
        lag.record(round((time.perf_counter() - before - _EVERY_S) * 1e6))
