"""The loads with large bodies: one client after another's answer, many at once, and at a fixed rate."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from benchmarks.raw_client import Answer, Connection
from capture.errors import UserError

Address = tuple[str, int]


@dataclass(frozen=True)
class Bulk:
    """A request that lies ready in memory."""

    whole: bytes
    body_bytes: int

    def check(self, answer: Answer) -> Answer:
        """The answer, if it is the sink's and says that the whole body came.

        Raises:
            UserError: it is not, or does not.
        """
        if answer.status != 200 or answer.number("X-Body-Bytes") != self.body_bytes:
            raise UserError(
                f"a request with a body of {self.body_bytes:,} bytes was not answered as it should",
                hint="the node answers 200, and how many bytes it received",
                detail=(answer.head + answer.body_start).decode(errors="replace"),
            )
        return answer


def one_by_one(
    address: Address, bulk: Bulk, count: int, before_each: Callable[[], object] = lambda: None
) -> list[Answer]:
    """``count`` requests over one connection, each sent when ``before_each`` has returned."""
    with Connection(address) as connection:
        answers = []
        for _ in range(count):
            before_each()
            answers.append(bulk.check(connection.exchange(bulk.whole)))
        return answers


def at_once(
    address: Address, bulk: Bulk, clients: int, *, seconds: float = 0, each: int = 1
) -> tuple[int, float]:
    """So many clients, each of which sends the next request as soon as it has its answer; requests, and how long they took in s.

    They begin no more after ``seconds``, and each sends ``each`` requests at least.
    """
    begun = time.monotonic()

    def send() -> int:
        done = 0
        with Connection(address) as connection:
            while done < each or time.monotonic() - begun < seconds:
                bulk.check(connection.exchange(bulk.whole))
                done += 1
        return done

    with ThreadPoolExecutor(clients, "bulk client") as pool:
        sent = [pool.submit(send) for _ in range(clients)]
        requests = sum(one.result() for one in sent)
    return requests, time.monotonic() - begun


def late_by(due: Sequence[float], begun: Sequence[float]) -> float:
    """By how much the latest request of a schedule was late, in s. 0 when none was."""
    return max((max(0.0, at - wanted) for wanted, at in zip(due, begun, strict=True)), default=0.0)


class PacedBulks:
    """Bulks at a fixed rate for the time of a ``with`` block, whether or not earlier ones were answered (32 at once at most)."""

    _CONNECTIONS = 32

    def __init__(self, address: Address, bulk: Bulk, rate: float) -> None:
        self._bulk = bulk
        self._interval_s = 1 / rate
        self._address = address
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._next = 0
        self._start = 0.0
        self._pool = ThreadPoolExecutor(self._CONNECTIONS, "paced bulk")
        self._due: list[float] = []
        self._begun: list[float] = []
        self.answers: list[Answer] = []
        """In the order in which they came."""

    @property
    def late_s(self) -> float:
        """By how much the latest request was late, for want of a free connection or of a core. Large: it was no fixed rate."""
        return late_by(self._due, self._begun)

    def __enter__(self) -> Self:
        self._start = time.monotonic()
        self._clients = [self._pool.submit(self._send) for _ in range(self._CONNECTIONS)]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._pool.shutdown()
        if error is None:
            for client in self._clients:
                client.result()

    def _send(self) -> None:
        with Connection(self._address) as connection:
            while (due := self._take()) is not None:
                if self._ended.wait(max(0.0, due - time.monotonic())):
                    return
                begun = time.monotonic()
                answer = self._bulk.check(connection.exchange(self._bulk.whole))
                with self._lock:
                    self._due.append(due)
                    self._begun.append(begun)
                    self.answers.append(answer)

    def _take(self) -> float | None:
        """When the next request is due, by `time.monotonic`; None: there is none any more."""
        with self._lock:
            if self._ended.is_set():
                return None
            self._next += 1
            return self._start + (self._next - 1) * self._interval_s
