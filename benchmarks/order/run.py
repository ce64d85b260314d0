"""One run: all conditions, several at the same time, each for ours and its rival at the same time."""

import asyncio
import itertools
import math
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks.environment import environment
from benchmarks.host_process import free_ports
from benchmarks.images import built_images
from benchmarks.order import interruptible
from benchmarks.order.mixes import MIXES
from benchmarks.order.results import Condition, Row
from benchmarks.order.system import PORTS, System, Variant, running_system
from benchmarks.order.tables import short
from benchmarks.ours import Deployment, Images
from benchmarks.programs import ensure_programs
from benchmarks.quiet import IdleShare, QuietMachine
from capture.console import SILENT, Console
from capture.engine import connect

OURS = "ours"
RIVAL = "rival"
STRICT: Mapping[str, str] = {"CAPTURE_ORDER": "strict"}
"""What makes the rival of our own images: the order from before."""

# A pair of proxies takes 0.36 of a core for 300 reads a second, all mirrored (docs/benchmark.md), and the client and its nodes take some too.
_READS_PER_CORE = 300
# With the writers beside reads a pair took 0.06 of a core more.
_WRITERS_AS_READS = 50

_PATIENCE_S = 60.0
_SEED = 17


@dataclass(frozen=True)
class RunSettings:
    """What is measured."""

    mixes: tuple[str, ...] = tuple(MIXES)
    rates: tuple[float, ...] = (100, 300)
    factors: tuple[float, ...] = (0.5, 1, 1.5, 2)
    seconds: float = 60
    side_by_side: int | None = None
    """Conditions that are measured at the same time; None: as many as leave half of the machine idle."""
    drain_s: float = 20
    """How long after a load the shadow is waited for."""
    images: Images | None = None
    """Images to measure; None: they are built, and removed after the run."""
    rival: Images | None = None
    """Images to compare with; None: the same with `STRICT`."""
    alone: bool = False
    """Whether nothing is compared."""
    deployment: Deployment = field(default_factory=Deployment)


@dataclass(frozen=True)
class RunResult:
    """A row for each condition and system."""

    environment: dict[str, str]
    rows: list[Row]


def conditions(settings: RunSettings) -> list[Condition]:
    """All of a run. Where nothing is read the rate is no matter."""
    return [
        Condition(mix, rate, factor)
        for mix in settings.mixes
        for rate in (settings.rates if MIXES[mix].reads else (0,))
        for factor in settings.factors
    ]


def batches(settings: RunSettings, cores: int) -> Iterator[list[Condition]]:
    """What is measured at the same time: conditions of one mix and rate, which take equally long."""
    for _, same in itertools.groupby(conditions(settings), lambda one: (one.mix, one.rate)):
        all_same = list(same)
        most = settings.side_by_side or fitting(all_same[0], 1 if settings.alone else 2, cores)
        # As many in each as can be: 2 and 2, not 3 and 1.
        size = math.ceil(len(all_same) / math.ceil(len(all_same) / most))
        for first in range(0, len(all_same), size):
            yield all_same[first : first + size]


def fitting(condition: Condition, systems: int, cores: int) -> int:
    """How many of such conditions a machine takes at the same time, each measured with so many systems; 1 at least."""
    reads = condition.rate + (_WRITERS_AS_READS if MIXES[condition.mix].writers else 0)
    return max(1, int(_READS_PER_CORE * cores / (reads * systems)))


def run(settings: RunSettings, console: Console = SILENT) -> RunResult:
    """Measure.

    Raises:
        UserError: no Docker engine answers, or a container does not start.
    """
    ensure_programs(console.progress)
    with ExitStack() as stack:
        engine = connect()
        stack.callback(engine.close)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="capture-bench-")))
        images = settings.images or stack.enter_context(built_images(engine, folder / "workspace", console))
        variants = _variants(settings, images)
        quiet = QuietMachine(_PATIENCE_S)
        rows: list[Row] = []
        for batch in batches(settings, os.cpu_count() or 1):
            with ExitStack() as running:
                systems = _start(running, variants, batch)
                quiet.wait()
                found = _load(systems, settings)
            for row in found:
                console.progress(short(row))
            rows += found
        found_environment = environment(engine, images.primary, settings.deployment)
        found_environment["cores used by others just before a load"] = f"{quiet.busiest:.1f}"
        return RunResult(found_environment, rows)


def _variants(settings: RunSettings, images: Images) -> list[Variant]:
    ours = Variant(OURS, images, settings.deployment)
    if settings.alone:
        return [ours]
    if settings.rival is not None:
        return [ours, Variant(RIVAL, settings.rival, settings.deployment)]
    strict = {**settings.deployment.environment, **STRICT}
    return [ours, Variant(RIVAL, images, replace(settings.deployment, environment=strict))]


def _start(running: ExitStack, variants: Sequence[Variant], batch: Sequence[Condition]) -> list[System]:
    """Start a system for each condition and variant, all at the same time; ``running`` ends them."""
    pairs = [(condition, variant) for condition in batch for variant in variants]
    ports = iter(free_ports(PORTS * len(pairs)))
    own_ports = [[next(ports) for _ in range(PORTS)] for _ in pairs]

    def start(number: int, stack: ExitStack) -> System:
        condition, variant = pairs[number]
        # An engine's connections are no thread's but its own.
        engine = connect()
        stack.callback(engine.close)
        return stack.enter_context(running_system(engine, variant, condition, own_ports[number]))

    # Ended at the same time, too.
    stacks = [ExitStack() for _ in pairs]
    running.callback(_end, stacks)
    with ThreadPoolExecutor(len(pairs), "start") as pool:
        return list(pool.map(start, range(len(pairs)), stacks))


def _end(stacks: Sequence[ExitStack]) -> None:
    with ThreadPoolExecutor(len(stacks), "end") as pool:
        for ended in [pool.submit(stack.close) for stack in stacks]:
            ended.result()


def _load(systems: Sequence[System], settings: RunSettings) -> list[Row]:
    """Load all systems at the same time, and wait for their shadows."""
    idle_share = interruptible.run(lambda: _play(systems, settings))
    return [Row(system.condition, system.variant.title, system.measured(), idle_share) for system in systems]


async def _play(systems: Sequence[System], settings: RunSettings) -> float:
    idle = IdleShare()
    async with asyncio.TaskGroup() as group:
        for system in systems:
            group.create_task(system.load(settings.seconds, _SEED))
    idle_share = idle()
    async with asyncio.TaskGroup() as group:
        for system in systems:
            group.create_task(system.drain(settings.drain_s))
    return idle_share
