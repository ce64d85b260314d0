"""Everything that is measured of one subject in one round."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median

from benchmarks.bodies.arrival import Arrival, Arrived
from benchmarks.bodies.clients import Bulk, PacedBulks, at_once, one_by_one
from benchmarks.bodies.idleness import wait_idle
from benchmarks.bodies.memory import PeakMemory
from benchmarks.bodies.sink import Sink
from benchmarks.documents import INDEX, MEGABYTE, bulk_of
from benchmarks.load import latency
from benchmarks.quiet import stolen_ms
from benchmarks.raw_client import Answer, request
from benchmarks.subject import Subject

BULK_PATH = f"/{INDEX}/_bulk"
SIZES = (1_000, 100_000, MEGABYTE, 12 * MEGABYTE, 99 * MEGABYTE)
"""Bodies of the sequential requests."""
LARGE = 12 * MEGABYTE
"""Body of the bulks of the other loads, and of the large answers."""
LARGEST = 99 * MEGABYTE
CLIENTS = (1, 4, 16)
"""Clients at once of the sustained loads."""
ANSWERS = {"search": ("GET", f"/{INDEX}/_search"), "mget": ("POST", f"/{INDEX}/_mget")}
"""Requests whose large answers are timed: one whose answer may be captured in part, and one whose answer is needed whole."""

_MEMORY_CLIENTS = 16


@dataclass(frozen=True)
class Amounts:
    """How much of everything."""

    back_to_back: tuple[int, ...] = (300, 200, 80, 24, 6)
    """Requests of each of `SIZES`."""
    drained: tuple[int, ...] = (40, 40, 20, 15, 5)
    answers: int = 10
    sustained_s: float = 4.0
    memory_each: int = 2
    """Requests of each of the 16 clients of the load whose memory is measured."""
    mix_s: int = 10
    mix_rate: int = 500
    """Small requests per second, a multiple of 10."""
    mix_bulks: float = 5.0
    """Bulks of 12 MB per second beside them: a twentieth to a tenth of what HAProxy alone can pass."""


QUICK = Amounts((100, 60, 20, 8, 2), (20, 20, 10, 5, 2), 4, 2.0, 1, 4)
"""For a first look."""


@dataclass(frozen=True)
class Sequential:
    """Medians of requests with bodies of one size, in ms from the first byte sent to the last one received."""

    drained_ms: float
    """Each sent when nothing was left to do of the one before."""
    back_to_back_ms: float
    """Each sent as soon as the one before was answered."""


@dataclass(frozen=True)
class FirstBytes:
    """Medians in ms, each request sent when nothing was left to do of the one before."""

    request_ms: float
    """From the client's first byte of a request of 12 MB to the node's."""
    answer_ms: dict[str, float]
    """From the node's first byte of an answer of 12 MB to the client's, by name in `ANSWERS`."""


@dataclass(frozen=True)
class Sustained:
    """A closed loop of bulks of 12 MB."""

    mb_per_s: float
    """As the clients see it."""
    settled_mb_per_s: float
    """The same bytes, over the time until everything was mirrored and captured too; 0: it never was."""


@dataclass(frozen=True)
class Peak:
    """Peak memory of one of our containers while 16 clients sent 99 MB each, in MB."""

    processes: dict[str, float]
    """``VmHWM`` of tee and agent. What they share counts in each."""
    together: float
    """Their ``Pss`` together, looked at ten times a second: what they share counts once."""


@dataclass(frozen=True)
class Mix:
    """Small requests beside bulks; ms."""

    p50_ms: float
    p99_ms: float
    bulk_p50_ms: float
    bulk_late_s: float
    """By how much the latest bulk was late: large when the subject does not sustain the rate."""
    stolen_ms: float
    """For how long the hypervisor kept a core meanwhile: what it keeps at once is in the p99, whoever the subject is."""


@dataclass(frozen=True)
class Measured:
    """The figures of one subject in one round."""

    sequential: dict[int, Sequential]
    first_bytes: FirstBytes
    sustained: dict[int, Sustained]
    """By number of clients."""
    memory: dict[str, Peak]
    """By role."""
    mix: Mix
    arrived: dict[str, Arrived]
    """What became of each load, by what it was."""
    not_idle: int
    """Drained requests that were sent though something was still being done after 20 s."""


class Bulks:
    """The requests with bodies, made once."""

    def __init__(self) -> None:
        self._made: dict[int, Bulk] = {}

    def of(self, body_bytes: int) -> Bulk:
        """A bulk with a body of so many bytes."""
        if body_bytes not in self._made:
            self._made[body_bytes] = Bulk(request("POST", BULK_PATH, bulk_of(body_bytes)), body_bytes)
        return self._made[body_bytes]


@dataclass
class Bench:
    """Where subjects are measured."""

    shadow: Sink
    amounts: Amounts
    progress: Callable[[str], None]
    bulks: Bulks = field(default_factory=Bulks)

    def measure(self, subject: Subject) -> Measured:
        """All the figures, of a subject that was just started."""
        return _Measurement(self, subject).run()


class _Measurement:
    """One subject in one round."""

    def __init__(self, bench: Bench, subject: Subject) -> None:
        self._bench = bench
        self._subject = subject
        self._address = ("127.0.0.1", subject.port)
        self._arrived: dict[str, Arrived] = {}
        self._not_idle = 0

    def run(self) -> Measured:
        amounts = self._bench.amounts
        with self._load("warm-up") as sent:
            for size in SIZES[:4]:
                sent.extend(one_by_one(self._address, self._bench.bulks.of(size), 5))
        back_to_back = {}
        for size, count in zip(SIZES, amounts.back_to_back, strict=True):
            with self._load(f"{size_name(size)} back to back") as sent:
                sent.extend(one_by_one(self._address, self._bench.bulks.of(size), count))
            back_to_back[size] = _median_ms(sent)
        drained: dict[int, list[Answer]] = {}
        with self._load("drained") as sent:
            for size, count in zip(SIZES, amounts.drained, strict=True):
                drained[size] = self._drained(self._bench.bulks.of(size), count)
                sent.extend(drained[size])
        return Measured(
            {size: Sequential(_median_ms(drained[size]), back_to_back[size]) for size in SIZES},
            FirstBytes(
                median((answer.number("X-First-Byte") - answer.begun_ns) / 1e6 for answer in drained[LARGE]),
                {name: self._first_byte_of_answer(name) for name in ANSWERS},
            ),
            {clients: self._sustained(clients) for clients in CLIENTS},
            self._memory(),
            self._mix(),
            self._arrived,
            self._not_idle,
        )

    @contextmanager
    def _load(self, name: str) -> Iterator[list[Answer]]:
        """A load whose answers go to the list; afterwards everything has arrived, or is known not to."""
        arrival = Arrival(self._subject, self._bench.shadow)
        answers: list[Answer] = []
        yield answers
        self._settle(name, arrival, len(answers))

    def _settle(self, name: str, arrival: Arrival, requests: int) -> Arrived:
        arrived = arrival.wait(requests)
        self._arrived[name] = arrived
        if self._subject.proxies:
            self._bench.progress(f"    {name}: {requests:,} requests, {arrived}")
        # The next load shall not pay for this one.
        wait_idle(self._subject.processes())
        return arrived

    def _drained(self, bulk: Bulk, count: int) -> list[Answer]:
        def drain() -> None:
            if not wait_idle(self._subject.processes()):
                self._not_idle += 1

        return one_by_one(self._address, bulk, count, drain)

    def _first_byte_of_answer(self, name: str) -> float:
        method, path = ANSWERS[name]
        body = b'{"ids":["1"]}' if method == "POST" else b""
        ask = Bulk(request(method, path, body, {"X-Answer-Bytes": str(LARGE)}), len(body))
        with self._load(f"answers of {path}") as answers:
            answers.extend(self._drained(ask, self._bench.amounts.answers))
        return median((answer.first_ns - answer.number("X-Answered")) / 1e6 for answer in answers)

    def _sustained(self, clients: int) -> Sustained:
        arrival = Arrival(self._subject, self._bench.shadow)
        requests, seconds = at_once(
            self._address, self._bench.bulks.of(LARGE), clients, seconds=self._bench.amounts.sustained_s
        )
        arrived = self._settle(f"{clients} clients", arrival, requests)
        megabytes = requests * LARGE / MEGABYTE
        if arrived.mirrored_s is None or arrived.captured_s is None:
            return Sustained(megabytes / seconds, 0.0)
        later = max(arrived.mirrored_s, arrived.captured_s)
        return Sustained(megabytes / seconds, megabytes / (seconds + later))

    def _memory(self) -> dict[str, Peak]:
        arrival = Arrival(self._subject, self._bench.shadow)
        with PeakMemory(self._subject.processes()) as memory:
            requests, _ = at_once(
                self._address,
                self._bench.bulks.of(LARGEST),
                _MEMORY_CLIENTS,
                each=self._bench.amounts.memory_each,
            )
            # Until all is mirrored and captured: that takes memory too.
            self._settle("16 clients with 99 MB", arrival, requests)
        return {
            role: Peak(memory.peaks_mb(role), memory.together_mb(role))
            for role in [proxy.name for proxy in self._subject.proxies]
        }

    def _mix(self) -> Mix:
        amounts, arrival = self._bench.amounts, Arrival(self._subject, self._bench.shadow)
        stolen = stolen_ms()
        with PacedBulks(self._address, self._bench.bulks.of(LARGE), amounts.mix_bulks) as bulks:
            small, load = latency(self._subject.url, amounts.mix_s, amounts.mix_rate)
        stolen = stolen_ms() - stolen
        self._settle("mix", arrival, load.requests + len(bulks.answers))
        return Mix(small.p50_ms, small.p99_ms, _median_ms(bulks.answers), bulks.late_s, stolen)


def size_name(size: int) -> str:
    """A size as people say it."""
    return f"{size // MEGABYTE} MB" if size >= MEGABYTE else f"{size // 1000} KB"


def _median_ms(answers: list[Answer]) -> float:
    return median(answer.took_ms for answer in answers)
