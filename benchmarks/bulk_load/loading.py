"""Loading an index by ``_bulk`` requests, and a second one at the pace of the first."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue

from benchmarks.raw_client import Connection
from capture.errors import UserError

Address = tuple[str, int]


def load(
    address: Address,
    bulks: Sequence[bytes],
    clients: int,
    answered: Callable[[bytes], object] = lambda _: None,
) -> float:
    """Send all of them, each client the next one as soon as it has its answer; seconds from the first byte to the last answer.

    ``answered`` is called with each when its answer is there.

    Raises:
        UserError: one was not indexed whole.
    """
    begun = time.monotonic()
    _send(address, _Shared(bulks), clients, answered)
    return time.monotonic() - begun


def load_both(primary: Address, shadow: Address, bulks: Sequence[bytes], clients: int) -> tuple[float, float]:
    """`load` the primary, and the shadow through its own door with the same bulks, each when the primary has answered it.

    That is when a mirror sends it: the same work in the same order at the same time on the shadow, and nothing of a mirror's in the way
    of the primary. Seconds that the primary's load took, and from its end to the shadow's.
    """
    ready: SimpleQueue[bytes | None] = SimpleQueue()
    with ThreadPoolExecutor(1, "shadow load") as pool:
        following: Future[None] = pool.submit(_send, shadow, _Shared(iter(ready.get, None)), clients)
        try:
            took = load(primary, bulks, clients, ready.put)
        finally:
            ready.put(None)
        ended = time.monotonic()
        following.result()
        return took, time.monotonic() - ended


class _Shared:
    """An iterator that several threads take from."""

    def __init__(self, items: Iterable[bytes]) -> None:
        self._items = iter(items)
        self._lock = threading.Lock()

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        with self._lock:
            return next(self._items)


def _send(
    address: Address,
    bulks: Iterable[bytes],
    clients: int,
    answered: Callable[[bytes], object] = lambda _: None,
) -> None:
    def send() -> None:
        with Connection(address, timeout_s=600) as connection:
            for bulk in bulks:
                answer = connection.exchange(bulk)
                if answer.status != 200 or b'"errors":false' not in answer.body_start:
                    raise UserError(
                        "a bulk was not indexed whole",
                        hint="fewer clients, smaller bulks, or a larger heap",
                        detail=(answer.head + answer.body_start).decode(errors="replace"),
                    )
                answered(bulk)

    with ThreadPoolExecutor(clients, "bulk client") as pool:
        for client in [pool.submit(send) for _ in range(clients)]:
            client.result()
