"""One run: everything is started, measured in interleaved rounds, and removed."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.environment import environment
from benchmarks.envoy import envoy, envoy_image
from benchmarks.host_process import free_ports, memory_folder
from benchmarks.images import built_images
from benchmarks.measure import QUICK, Bench, Durations, Measured
from benchmarks.node import cluster_node
from benchmarks.ours import (
    Deployment,
    Images,
    capture_and_mirror,
    capture_only,
    haproxy_alone,
    mirror_straight,
)
from benchmarks.programs import ensure_envoy, ensure_programs
from benchmarks.prototype.proxy import prototype
from benchmarks.quiet import BUSY_CORES, QuietMachine
from benchmarks.subject import Subject
from capture.console import SILENT, Console
from capture.engine import Engine, connect

DIRECT = "direct"
HAPROXY = "haproxy"
CAPTURE = "capture"
STRAIGHT = "straight"
MIRROR = "mirror"
ENVOY = "envoy"
PROTOTYPE = "prototype"
SUBJECTS = {
    DIRECT: "direct to the node",
    HAPROXY: "HAProxy alone",
    CAPTURE: "ours, capture",
    STRAIGHT: "ours, no shadow proxy",
    MIRROR: "ours, capture + mirror",
    ENVOY: "Envoy, mirror",
    PROTOTYPE: "prototype, capture + mirror",
}
"""Name -> what it is called in the tables. A round measures them in this order."""

# For the machine to become quiet, in all.
_PATIENCE_S = 90.0


@dataclass(frozen=True)
class RunSettings:
    """What is measured, and how often."""

    rounds: int = 3
    quick: bool = False
    skip: frozenset[str] = frozenset()
    """Names of subjects that are left out."""
    images: Images | None = None
    """Images to measure; None: they are built, and removed after the run."""
    deployment: Deployment = field(default_factory=Deployment)


@dataclass(frozen=True)
class RunResult:
    """Raw figures: for every subject one `Measured` a round."""

    environment: dict[str, str]
    rounds: dict[str, list[Measured]]


def run(settings: RunSettings, console: Console = SILENT) -> RunResult:
    """Measure.

    Raises:
        UserError: a program is missing, no Docker engine answers, or a part of the run failed.
    """
    subjects = [name for name in SUBJECTS if name not in settings.skip]
    ensure_programs(console.progress)
    binary = ensure_envoy(console.progress) if ENVOY in subjects else None
    with ExitStack() as stack:
        engine = connect()
        stack.callback(engine.close)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="capture-bench-")))
        nodes = stack.enter_context(memory_folder())
        images = settings.images or stack.enter_context(built_images(engine, folder / "workspace", console))
        ports = free_ports(10)
        bench = Bench(
            stack.enter_context(cluster_node(nodes / "primary", ports[0])),
            stack.enter_context(cluster_node(nodes / "shadow", ports[1])),
            QUICK if settings.quick else Durations(),
            console.detail,
        )
        found = environment(engine, images.primary, settings.deployment, binary)
        parts = _Subjects(engine, images, bench, ports, settings.deployment)
        if binary is not None:
            parts.envoy_image = stack.enter_context(
                envoy_image(engine, images.primary, binary, folder / "envoy")
            )
        for name in (ENVOY, PROTOTYPE):
            if name in subjects:
                parts.threads[name] = _best_threads(bench, parts, name, console)
                found[f"threads of {name}"] = str(parts.threads[name])
        quiet = QuietMachine(_PATIENCE_S)
        rounds: dict[str, list[Measured]] = {name: [] for name in subjects}
        for number in range(settings.rounds):
            for name in subjects:
                earlier = [one.maximum for one in rounds[name] if one.maximum]
                with parts.start(name) as subject:
                    quiet.wait()
                    measured = bench.measure(subject, earlier[-1] if earlier else None)
                rounds[name].append(measured)
                console.progress(
                    f"round {number + 1}/{settings.rounds}  {SUBJECTS[name]:24} {_short(measured)}"
                )
        if quiet.busiest > BUSY_CORES:
            console.progress(
                f"warning: others used {quiet.busiest:.1f} cores just before a measurement; compare figures of one round at most"
            )
        found["cores used by others just before a measurement"] = f"{quiet.busiest:.1f}"
        return RunResult(found, rounds)


class _Subjects:
    """Starts the subjects by name."""

    def __init__(
        self,
        engine: Engine,
        images: Images,
        bench: Bench,
        ports: list[int],
        deployment: Deployment,
    ) -> None:
        self._engine = engine
        self._images = images
        self._bench = bench
        self._ports = ports
        self._deployment = deployment
        self.envoy_image = ""
        self.threads = {ENVOY: 1, PROTOTYPE: 1}
        """Of those whose best number is looked for; for the prototype, of each HAProxy."""

    def start(self, name: str) -> AbstractContextManager[Subject]:
        """Run the subject ``name`` for the time of a ``with`` block."""
        engine, images, ports = self._engine, self._images, self._ports
        primary, shadow = self._bench.primary, self._bench.shadow
        starts: dict[str, Callable[[], AbstractContextManager[Subject]]] = {
            DIRECT: self._direct,
            HAPROXY: lambda: haproxy_alone(engine, images.primary, ports[2], primary),
            CAPTURE: lambda: capture_only(engine, images, ports[3], primary, self._deployment),
            STRAIGHT: lambda: mirror_straight(engine, images, ports[7], (primary, shadow), self._deployment),
            MIRROR: lambda: capture_and_mirror(
                engine, images, (ports[4], ports[5]), (primary, shadow), self._deployment
            ),
            ENVOY: lambda: envoy(engine, self.envoy_image, ports[6], primary, shadow, self.threads[ENVOY]),
            PROTOTYPE: lambda: prototype(
                engine,
                images.primary,
                (ports[8], ports[9]),
                (primary, shadow),
                self.threads[PROTOTYPE],
                self._deployment.shadow_cpu_shares,
            ),
        }
        return starts[name]()

    @contextmanager
    def _direct(self) -> Iterator[Subject]:
        yield Subject(self._bench.primary.port, dict)


def _best_threads(bench: Bench, parts: _Subjects, name: str, console: Console) -> int:
    """The best number of threads for a rival: one for every core, or just one."""
    rates = {}
    for threads in sorted({1, len(os.sched_getaffinity(0))}):
        parts.threads[name] = threads
        with parts.start(name) as subject:
            rates[threads] = bench.burst(subject)
    best = max(rates, key=lambda threads: rates[threads])
    tried = ", ".join(f"{threads}: {rate:,.0f} req/s" for threads, rate in rates.items())
    console.progress(f"{SUBJECTS[name]}, by threads: {tried}; {best} it is")
    return best


def _short(measured: Measured) -> str:
    maximum = f"{measured.maximum:,.0f}" if measured.maximum else "none"
    low = measured.latency
    return (
        f"p50 {low.p50_ms:.2f} ms, p99 {low.p99_ms:.2f} ms, max {maximum} req/s, "
        f"burst {measured.burst.rate:,.0f} ({measured.burst.behind:,} behind)"
    )
