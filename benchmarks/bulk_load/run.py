"""One run: two clusters are started, loaded in turns through ours and through HAProxy alone, compared, and removed."""

import secrets
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from benchmarks.bulk_load.comparison import Compared, compare, sent
from benchmarks.bulk_load.loading import load, load_both
from benchmarks.bulk_load.target import Target, active, started
from benchmarks.documents import INDEX, MEGABYTE, bulks
from benchmarks.environment import environment
from benchmarks.host_process import free_ports
from benchmarks.images import built_images
from benchmarks.losses import losses, not_mirrored
from benchmarks.ours import Deployment, Images, capture_and_mirror, haproxy_alone
from benchmarks.programs import ensure_programs
from benchmarks.quiet import BUSY_CORES, QuietMachine
from benchmarks.raw_client import request
from benchmarks.subject import Subject
from capture.console import SILENT, Console
from capture.elasticsearch_image import ensure_elasticsearch_image
from capture.engine import Engine, connect

_WARM_UP_SHARE = 0.05
_PATIENCE_S = 60.0
_MIRROR_S = 300.0
_POLL_S = 0.2


@dataclass(frozen=True)
class LoadSettings:
    """What is loaded, and how often."""

    documents: int = 1_000_000
    bulk_bytes: int = 10 * MEGABYTE
    clients: int = 1
    """Clients that load at once."""
    nodes: int = 1
    """Of each cluster."""
    heap: str = "512m"
    rounds: int = 3
    images: Images | None = None
    """Images to measure; None: they are built, and removed after the run."""
    deployment: Deployment = field(default_factory=Deployment)


@dataclass(frozen=True)
class Loaded:
    """One load of both clusters."""

    primary_s: float
    """From the first byte sent to the last answer, for the client of the primary."""
    shadow_later_s: float | None
    """How long after that the shadow had answered everything; None: it was not given everything."""
    counts: tuple[int, int]
    """Documents of the primary, of the shadow."""
    losses: dict[str, int] = field(default_factory=dict)
    """What our proxies counted as lost."""
    compared: tuple[Compared, Compared] | None = None
    """The primary and the shadow beside what the client sent."""


@dataclass(frozen=True)
class LoadResult:
    """Raw figures, one a round."""

    environment: dict[str, str]
    documents: int
    haproxy: list[Loaded]
    ours: list[Loaded]

    @property
    def ratio(self) -> float:
        """Time for the client through ours, of that through HAProxy alone; medians."""
        return median(one.primary_s for one in self.ours) / median(one.primary_s for one in self.haproxy)

    @property
    def ratios(self) -> list[float]:
        """The same of each round."""
        return [ours.primary_s / alone.primary_s for ours, alone in zip(self.ours, self.haproxy, strict=True)]


def run(settings: LoadSettings, console: Console = SILENT) -> LoadResult:
    """Measure.

    Raises:
        UserError: no Docker engine answers, a cluster does not start, or a bulk was not indexed.
    """
    ensure_programs(console.progress)
    with ExitStack() as stack:
        engine = connect()
        stack.callback(engine.close)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="capture-bench-")))
        images = settings.images or stack.enter_context(built_images(engine, folder / "workspace", console))
        elasticsearch = ensure_elasticsearch_image(engine, console)
        token = secrets.token_hex(4)
        console.progress("Starting two clusters")
        clusters = [
            stack.enter_context(
                started(engine, f"capture-bench-{token}-{role}", elasticsearch, settings.nodes, settings.heap)
            )
            for role in ("primary", "shadow")
        ]
        targets = [stack.enter_context(active(cluster)) for cluster in clusters]
        measurement = _Measurement(engine, images, settings, (targets[0], targets[1]), console)
        measurement.warm_up()
        quiet = QuietMachine(_PATIENCE_S)
        haproxy: list[Loaded] = []
        ours: list[Loaded] = []
        for number in range(settings.rounds):
            turns = [
                ("HAProxy alone", haproxy, measurement.through_haproxy),
                ("ours, capture + mirror", ours, measurement.through_ours),
            ]
            # Whatever ages in the clusters ages for both.
            for title, results, measure in turns if number % 2 == 0 else turns[::-1]:
                quiet.wait()
                results.append(measure())
                console.progress(f"round {number + 1}/{settings.rounds}  {title:24} {_short(results[-1])}")
        if quiet.busiest > BUSY_CORES:
            console.progress(
                f"warning: others used {quiet.busiest:.1f} cores just before a load; a ratio of a few hundredths means nothing then"
            )
        found = environment(engine, images.primary, settings.deployment)
        found["cores used by others just before a measurement"] = f"{quiet.busiest:.1f}"
        return LoadResult(found, settings.documents, haproxy, ours)


class _Measurement:
    """Loads both clusters in one way or the other."""

    def __init__(
        self,
        engine: Engine,
        images: Images,
        settings: LoadSettings,
        targets: tuple[Target, Target],
        console: Console,
    ) -> None:
        self._engine = engine
        self._images = images
        self._settings = settings
        self._targets = targets
        console.progress(f"Making {settings.documents:,} documents")
        # Before anything is timed, and once: making them takes as long as some loads.
        self._bulks = [
            request("POST", f"/{INDEX}/_bulk", body)
            for body in bulks(settings.documents, settings.bulk_bytes)
        ]
        self._ports = free_ports(2)

    def warm_up(self) -> None:
        """Load a little, so that Java has compiled what a load needs when the first one is timed."""
        few = self._bulks[: max(1, int(len(self._bulks) * _WARM_UP_SHARE))]
        for target in self._targets:
            target.create_index()
            host, port = target.addresses[0].rsplit(":", 1)
            load((host, int(port)), few, self._settings.clients)

    def through_haproxy(self) -> Loaded:
        """The primary through one plain HAProxy, the shadow through another, at the primary's pace."""
        self._create_indices()
        with (
            haproxy_alone(self._engine, self._images.primary, self._ports[0], self._targets[0]) as primary,
            haproxy_alone(self._engine, self._images.primary, self._ports[1], self._targets[1]) as shadow,
        ):
            took, later = load_both(_address(primary), _address(shadow), self._bulks, self._settings.clients)
        return Loaded(took, later, self._counts())

    def through_ours(self) -> Loaded:
        """The primary through our proxy, and the shadow by its mirror."""
        self._create_indices()
        ports = (self._ports[0], self._ports[1])
        with capture_and_mirror(
            self._engine, self._images, ports, self._targets, self._settings.deployment
        ) as subject:
            before = [proxy.counters() for proxy in subject.proxies]
            took = load(_address(subject), self._bulks, self._settings.clients)
            later = self._await_mirror(subject, before)
            lost = losses(subject.proxies, before)
        compared = [compare(target.documents(), sent(self._settings.documents)) for target in self._targets]
        return Loaded(took, later, self._counts(), lost, (compared[0], compared[1]))

    def _await_mirror(self, subject: Subject, before: Sequence[Mapping[str, int]]) -> float | None:
        ended = time.monotonic()
        primary = subject.proxies[0]
        while time.monotonic() < ended + _MIRROR_S:
            mirrored = primary.counters()["mirrored"] - before[0]["mirrored"]
            if mirrored >= len(self._bulks):
                return time.monotonic() - ended
            if mirrored + not_mirrored(losses(subject.proxies, before)) >= len(self._bulks):
                return None
            time.sleep(_POLL_S)
        return None

    def _create_indices(self) -> None:
        for target in self._targets:
            target.create_index()

    def _counts(self) -> tuple[int, int]:
        return self._targets[0].count(), self._targets[1].count()


def _address(subject: Subject) -> tuple[str, int]:
    return "127.0.0.1", subject.port


def _short(loaded: Loaded) -> str:
    later = "never" if loaded.shadow_later_s is None else f"{loaded.shadow_later_s:.1f} s later"
    return f"{loaded.primary_s:.2f} s, the shadow {later}, documents {loaded.counts[0]:,} and {loaded.counts[1]:,}"
