"""The whole sequence of requests of a load, which its settings decide alone."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from traffic.operations import Operations, Request
from traffic.schedule import due_times
from traffic.settings import TrafficSettings


@dataclass(frozen=True, slots=True)
class Due:
    """One request of the sequence."""

    at_s: float
    """When it is due, from the start."""
    operation: str
    """What the mix calls it."""
    request: Request


def workload(settings: TrafficSettings) -> Iterator[Due]:
    """The requests in the order in which they are due; made one by one, as they are asked for."""
    # The times have a source of their own, so that another rate or other arrivals mean the same requests.
    times = random.Random(f"times {settings.seed}")  # noqa: S311 - no secrets
    source = random.Random(f"requests {settings.seed}")  # noqa: S311
    operations = Operations(source, settings.index, settings.documents, settings.bulk_size)
    # Here and not when the first one is asked for: it takes 80 ms, and the clock runs by then.
    return _drawn(settings, times, source, operations)


def _drawn(
    settings: TrafficSettings, times: random.Random, source: random.Random, operations: Operations
) -> Iterator[Due]:
    for at_s in due_times(settings.arrivals, settings.rate, settings.duration_s, times):
        operation = settings.mix.draw(source)
        yield Due(at_s, operation, operations.request(operation))
