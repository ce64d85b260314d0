"""Which requests may start on the shadow: a request waits for the writes that it depends on. No I/O.

HAProxy numbers the primary's answers ("completions"), each before the client can have any of it. When a request comes it notes T, the
completions so far. A request waits for an earlier one when its client may have known that one's answer (its number is not above T), the
shadow is not done with it, and it writes something that the request reads or writes (`agent.footprints.footprint.must_wait`). A completion
that the agent has not been told yet may write everything: it is waited for until it is told, or given up (`agent.told`). One that is told after
it was given up is waited for again, by all that have not started. Nobody waits for a read, and what overlapped on the primary may overlap on the
shadow.

Requests never wait for each other in a circle: each waits for numbers below its own only, whenever those are told, and nobody waits for one
without a number. So of those that are not done the one with the smallest number may start.
"""

from collections import deque
from heapq import heappop, heappush
from typing import Final, Generic, Protocol, TypeVar

from agent.footprints.footprint import NOTHING, Footprint
from agent.told import Told
from agent.write_sets import WriteSets

# See `agent.write_sets`.
_PLACED_AT_ONCE: Final = 1000


class OrderedJob(Protocol):
    """What the order needs to know of a request for the shadow."""

    earlier_completions: int
    """T: the client may have known the answers up to this one."""
    completion: int
    """The number of its own answer; 0: nobody waits for it."""
    footprint: Footprint


J = TypeVar("J", bound=OrderedJob)


class Order(Generic[J]):
    """Says which requests may start on the shadow. No I/O; the caller says what time it is.

    Args:
        started_us: see `agent.told.Told`.
    """

    def __init__(self, started_us: int = 0) -> None:
        self.ready: deque[J] = deque()
        """Requests that may start, for the caller to take."""
        self._told = Told(started_us)
        self._writes: WriteSets[J] = WriteSets(self.ready)
        self._untold: list[tuple[int, int, J]] = []
        self._turn = 0

    @property
    def waiting(self) -> int:
        """Requests that the order holds back."""
        return len(self._untold) + self._writes.waiting

    @property
    def latest(self) -> int:
        """The largest number of a completion that is known to have been given."""
        return self._told.latest

    @property
    def missing(self) -> int:
        """Completions that were given up: their lines did not come in time. They count when they are given up, and stay counted when they come."""
        return self._told.missing

    def resume(self, footprints: list[Footprint]) -> None:
        """Completions of an earlier run come first, as 1, 2, 3 ...; none is done. To be called before anything else."""
        self._told.resume(len(footprints))
        for number, footprint in enumerate(footprints, 1):
            self._writes.register(number, footprint)

    def arrive(self, known: int, received_us: int = 0) -> int:
        """A request came at ``received_us`` (HAProxy's clock; 0: unknown) when HAProxy's counter was ``known``: its T.

        ``known`` below 0: nobody knows. Then the client may have had any answer that was given until now.
        """
        return self._told.arrive(known, received_us)

    def complete(self, counter: int, answered_us: int, footprint: Footprint) -> int:
        """The primary gave the answer that HAProxy numbered ``counter``: its number here, which `finish` is to be called with.

        0, which nobody waits for: it was told before, or was given up long ago.
        """
        settled = self._told.up_to
        number = self._told.complete(counter, answered_us)
        if 0 < number <= settled:
            # It was given up: some wait already for others, and have looked for nothing like this.
            self._writes.register_late(number, footprint)
        elif number:
            self._writes.register(number, footprint)
            if self._untold:
                self._place()
        return number

    def narrow(self, number: int, footprint: Footprint) -> None:
        """The bodies of completion ``number`` have been read: what it really writes."""
        self._writes.narrow(number, footprint)

    def wait(self, job: J) -> None:
        """Put a request into `ready` as soon as it may start."""
        if job.footprint == NOTHING:
            self.ready.append(job)
            return
        earlier = min(job.earlier_completions, self._told.latest)
        if job.completion:
            # Never for itself.
            earlier = min(earlier, job.completion - 1)
        if earlier > self._told.up_to:
            self._turn += 1
            heappush(self._untold, (earlier, self._turn, job))
        else:
            self._writes.wait(job, job.footprint, earlier)

    def finish(self, number: int) -> None:
        """The shadow is done with completion ``number``: answered, failed, or never to be sent."""
        self._writes.finish(number)

    def give_up_missing(self, now_ns: int, patience_ns: int) -> bool:
        """Wait no longer for completions that are known to have been given for ``patience_ns``, and that no line has named.

        Whether there were any. To be called now and then.
        """
        given_up = self._told.give_up_missing(now_ns, patience_ns)
        if given_up:
            self._place()
        return given_up

    @property
    def is_going(self) -> bool:
        """Whether more requests can go on: `go_on` is to be called when others have had their turn."""
        return self._writes.is_going or (bool(self._untold) and self._untold[0][0] <= self._told.up_to)

    def go_on(self) -> None:
        """Look after the next thousand."""
        self._writes.go_on()
        self._place()

    def _place(self) -> None:
        """All that these may depend on is known now."""
        untold, up_to = self._untold, self._told.up_to
        left = _PLACED_AT_ONCE
        while untold and untold[0][0] <= up_to and left > 0:
            earlier, _, job = heappop(untold)
            self._writes.wait(job, job.footprint, earlier)
            left -= 1
