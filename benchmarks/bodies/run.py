"""One run: everything is started, measured in interleaved rounds, and removed."""

import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.bodies.measure import LARGE, QUICK, Amounts, Bench, Measured
from benchmarks.bodies.sink import sink
from benchmarks.environment import environment
from benchmarks.host_process import free_ports, memory_folder
from benchmarks.images import built_images
from benchmarks.ours import Deployment, Images, capture_and_mirror, capture_only, haproxy_alone, haproxy_twice
from benchmarks.programs import ensure_programs
from benchmarks.quiet import BUSY_CORES, QuietMachine
from benchmarks.subject import Subject
from capture.console import SILENT, Console
from capture.engine import connect

HAPROXY = "haproxy"
TWICE = "twice"
CAPTURE = "capture"
MIRROR = "mirror"
SUBJECTS = {
    HAPROXY: "HAProxy alone",
    TWICE: "two HAProxy hops",
    CAPTURE: "ours, capture",
    MIRROR: "ours, capture + mirror",
}
"""Name -> what it is called in the tables. A round measures them in this order."""

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
        UserError: a program is missing, no Docker engine answers, a part of the run failed, or an answer was not what it should be.
    """
    subjects = [name for name in SUBJECTS if name not in settings.skip]
    ensure_programs(console.progress)
    with ExitStack() as stack:
        engine = connect()
        stack.callback(engine.close)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="capture-bench-")))
        images = settings.images or stack.enter_context(built_images(engine, folder / "workspace", console))
        nodes = stack.enter_context(memory_folder())
        ports = free_ports(7)
        primary, shadow = (
            stack.enter_context(sink(nodes / role, port))
            for role, port in zip(("primary", "shadow"), ports, strict=False)
        )
        bench = Bench(shadow, QUICK if settings.quick else Amounts(), console.detail)
        starts: dict[str, Callable[[], AbstractContextManager[Subject]]] = {
            HAPROXY: lambda: haproxy_alone(engine, images.primary, ports[2], primary),
            TWICE: lambda: haproxy_twice(engine, images.primary, ports[3], primary),
            CAPTURE: lambda: capture_only(engine, images, ports[4], primary, settings.deployment),
            MIRROR: lambda: capture_and_mirror(
                engine, images, (ports[5], ports[6]), (primary, shadow), settings.deployment
            ),
        }
        found = environment(engine, images.primary, settings.deployment)
        quiet = QuietMachine(_PATIENCE_S)
        rounds: dict[str, list[Measured]] = {name: [] for name in subjects}
        for number in range(settings.rounds):
            for name in subjects:
                with starts[name]() as subject:
                    quiet.wait()
                    measured = bench.measure(subject)
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


def _short(measured: Measured) -> str:
    large = measured.sequential[LARGE]
    rates = ", ".join(f"{rate.mb_per_s:,.0f}" for rate in measured.sustained.values())
    return (
        f"12 MB {large.back_to_back_ms:.1f} ms ({large.drained_ms:.1f} drained), {rates} MB/s, "
        f"mix p99 {measured.mix.p99_ms:.1f} ms ({measured.mix.stolen_ms:.0f} ms stolen)"
    )
