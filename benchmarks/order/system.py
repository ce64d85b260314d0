"""A pair of proxies with a node behind each, and what a load of it came to."""

import asyncio
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from benchmarks.host_process import memory_folder
from benchmarks.losses import losses
from benchmarks.order import figures
from benchmarks.order.mixes import MIXES
from benchmarks.order.node import TimedNode, timed_node
from benchmarks.order.playing import HUNG, Played, play
from benchmarks.order.recording import Spans
from benchmarks.order.results import Condition, Measured
from benchmarks.ours import Deployment, Images, capture_and_mirror
from benchmarks.processes import Accounting, session_processes
from benchmarks.subject import Subject
from capture.engine import Engine

PORTS = 4
"""How many a system needs."""

_WAITS = ("waiting_for_shadow", "mirror_waits_for_order", "mirror_waits_for_connections", "mirror_lag_s")
"""Counters that say what the mirror waits for; older images lack some."""

_SAMPLE_S = 1.0
_POLL_S = 0.5


@dataclass(frozen=True)
class Variant:
    """What is compared: images, and how they are started."""

    title: str
    images: Images
    deployment: Deployment


class System:
    """A pair that runs. One load."""

    def __init__(
        self, variant: Variant, condition: Condition, subject: Subject, nodes: tuple[TimedNode, TimedNode]
    ) -> None:
        self.variant = variant
        self.condition = condition
        self._subject = subject
        self._nodes = nodes
        self._before = [proxy.counters() for proxy in subject.proxies]
        self._waits: dict[str, int] = {}
        self._played = Played()
        self._cores = 0.0
        self._waited_until_ns = 0

    async def load(self, seconds: float, seed: int) -> None:
        """Play the load to its last answer."""
        watch = asyncio.create_task(self._watch(), name="what waits")
        nodes = frozenset().union(*(session_processes(node.pid) for node in self._nodes))
        accounting = Accounting({**self._subject.processes(), "nodes": nodes})
        begun = time.monotonic()
        try:
            mix = MIXES[self.condition.mix]
            self._played = await play(mix, self.condition.rate, seconds, self._subject.port, seed)
        finally:
            watch.cancel()
        used_s = sum(usage.cpu_s for usage in accounting.usage().values())
        self._cores = used_s / (time.monotonic() - begun)

    async def drain(self, most_s: float) -> None:
        """Wait until the shadow is done with all requests but the one that hangs, ``most_s`` after the load at most."""
        until_ns = self._played.ended_ns + round(most_s * 1e9)
        # The nodes are other processes, and say it in their files only.
        while self._left() and time.monotonic_ns() < until_ns:  # noqa: ASYNC110
            await asyncio.sleep(_POLL_S)
        self._waited_until_ns = time.monotonic_ns()

    def measured(self) -> Measured:
        """What the load came to until the end of `drain`."""
        now_ns = self._waited_until_ns
        played, factor = self._played, self.condition.factor
        primary, shadow = self._spans()
        steady_ns = played.begun_ns + round(played.longest_s * (1 + factor) * 1e9)
        # A load that is hardly longer than an answer has no steady part.
        if steady_ns >= played.sending_ended_ns:
            steady_ns = played.begun_ns
        at_once = [
            figures.at_once(spans.values(), steady_ns, played.sending_ended_ns) for spans in (primary, shadow)
        ]
        lost = losses(self._subject.proxies, self._before)
        return Measured(
            sent=played.sent,
            given=figures.arrived(shadow.values(), played.begun_ns, played.sending_ended_ns),
            lags=figures.lags(primary, shadow, now_ns),
            backlog=figures.backlog(primary, shadow, played.ended_ns),
            done_after=figures.done_after(primary, shadow, played.ended_ns, now_ns),
            primary=at_once[0],
            shadow=at_once[1],
            longest_s=played.longest_s,
            left=len(figures.missing(primary, shadow)),
            repeated=self._nodes[1].records.repeated,
            failures=dict(played.failures),
            losses=lost,
            waits=dict(self._waits),
            late_s=played.late_s,
            cores=self._cores,
        )

    def _left(self) -> list[int]:
        return figures.missing(*self._spans())

    def _spans(self) -> tuple[Spans, Spans]:
        primary, shadow = (figures.without(node.records.read(), {HUNG}) for node in self._nodes)
        return primary, shadow

    async def _watch(self) -> None:
        """Note again and again what the primary's proxy says about what waits."""
        while True:
            await asyncio.sleep(_SAMPLE_S)
            counters = await asyncio.to_thread(self._subject.proxies[0].counters_now)
            if counters is None:
                return
            self._note(counters)

    def _note(self, counters: Mapping[str, int]) -> None:
        for name in _WAITS:
            if name in counters:
                self._waits[name] = max(self._waits.get(name, 0), counters[name])


@contextmanager
def running_system(
    engine: Engine, variant: Variant, condition: Condition, ports: list[int]
) -> Iterator[System]:
    """Start the nodes and both proxies; all are removed in the end, whatever still waits."""
    with (
        memory_folder() as folder,
        timed_node(folder, ports[0], "primary", 1) as primary,
        timed_node(folder, ports[1], "shadow", condition.factor) as shadow,
        capture_and_mirror(
            engine, variant.images, (ports[2], ports[3]), (primary, shadow), variant.deployment
        ) as subject,
    ):
        yield System(variant, condition, subject, (primary, shadow))
