"""Which requests may start on the shadow: a request waits for the writes that it depends on. No I/O.

HAProxy numbers the primary's answers ("completions"), each before the client can have any of it. When a request comes it notes T, the
completions so far. A request waits for an earlier one when its client may have known that one's answer (its number is not above T), the
shadow is not done with it, and it writes something that the request reads or writes (`agent.footprints.footprint.must_wait`). A completion
that the agent has not been told yet may write everything: it is waited for until it is told, or given up (`agent.told`). Nobody waits for a
read, and what overlapped on the primary may overlap on the shadow.
"""

from collections import deque
from heapq import heappop, heappush
from typing import Final, Generic, Protocol, TypeVar

from agent.counter import Counter
from agent.footprints.footprint import NOTHING, Footprint
from agent.told import Told
from agent.write_sets import WriteSets

# Up to so many holes in a row are stepped over one by one.
_STEPS: Final = 1024


class CausalOrder:
    """Keeps the completions that are known and the shadow's progress. No I/O; the caller says what time it is.

    W is the largest n such that the first n completions are all finished on the shadow; a request may start on the shadow when W >= T.

    Args:
        started_us: the agent's start, microseconds since 1970. Completions of before were perhaps told to another agent, and count as missing to nobody.
    """

    def __init__(self, started_us: int = 0) -> None:
        self.watermark = 0
        """W."""
        self.latest = 0
        """The largest number that is known to have been given."""
        self.missing = 0
        """Holes that were given up: their lines did not come in time, so that what came after them was not held back by them."""
        self._started_us = started_us
        self._counter = Counter()
        self._first = True
        self._counted_from = 0
        self._pending: set[int] = set()
        self._finished_beyond: set[int] = set()
        self._seen: deque[tuple[int, int]] = deque()
        self._given_up_to = 0

    def resume(self, count: int) -> None:
        """Completions of an earlier run come first, as 1 to ``count``. To be called before anything else."""
        self._counter.begin_behind(count)
        self._counted_from = self.latest = count
        self._pending.update(range(1, count + 1))

    def arrive(self, known: int, received_us: int = 0) -> int:
        """A request came at ``received_us`` (HAProxy's clock; 0: unknown) when HAProxy's counter was ``known``: its T.

        ``known`` below 0: nobody knows. Then the client may have had any answer that was given until now.
        """
        if known < 0:
            return self.latest
        return max(self._given(known, received_us), 0)

    def complete(self, counter: int, answered_us: int = 0) -> int:
        """The primary gave the answer that HAProxy numbered ``counter``: its number here, which `finish` is to be called with.

        0, which nobody waits for: it was given up and passed, or is known already.
        """
        number = self._given(counter, answered_us)
        if self._first:
            # What HAProxy had told before its first line to this agent it told another one.
            self._first = False
            self._counted_from = max(self._counted_from, number)
        if number <= self.watermark or number in self._pending or number in self._finished_beyond:
            return 0
        self._pending.add(number)
        return number

    def may_start(self, earlier_completions: int) -> bool:
        """Whether a request with that T may start on the shadow."""
        return self.watermark >= earlier_completions

    def finish(self, number: int) -> None:
        """The shadow is done with completion ``number``: answered, failed, or never to be sent."""
        if number == 0:
            return
        self._pending.discard(number)
        if number != self.watermark + 1:
            self._finished_beyond.add(number)
            return
        self.watermark = number
        self._advance()

    def give_up_missing(self, now_ns: int, patience_ns: int) -> bool:
        """Wait no longer for the holes that have been known for ``patience_ns``; whether the shadow may go on. To be called now and then."""
        seen = self._seen
        if not seen or seen[-1][1] < self.latest:
            seen.append((now_ns, self.latest))
        while seen and now_ns - seen[0][0] >= patience_ns:
            self._given_up_to = seen.popleft()[1]
        before = self.watermark
        self._advance()
        return self.watermark > before

    def _given(self, counter: int, at_us: int) -> int:
        """The number of HAProxy's counter; all up to it have been given."""
        number = self._counter.number(counter, at_us)
        self.latest = max(self.latest, number)
        if self._first or 0 < at_us < self._started_us:
            self._counted_from = max(self._counted_from, number)
        return number

    def _advance(self) -> None:
        """Pass what is finished, and the holes that are given up."""
        number = self.watermark + 1
        steps = 0
        while True:
            if number in self._finished_beyond:
                self._finished_beyond.remove(number)
                steps = 0
            elif number > self._given_up_to or number in self._pending:
                break
            elif steps < _STEPS:
                self._count_holes(number, number)
                steps += 1
            else:
                end = self._next_known(number) - 1
                self._count_holes(number, end)
                number, steps = end, 0
            number += 1
        self.watermark = number - 1

    def _next_known(self, number: int) -> int:
        """The first number behind a hole that is none, or is not given up."""
        known = self._given_up_to + 1
        for numbers in (self._pending, self._finished_beyond):
            for one in numbers:
                if number < one < known:
                    known = one
        return known

    def _count_holes(self, first: int, last: int) -> None:
        self.missing += max(last - max(first, self._counted_from + 1) + 1, 0)


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
        """Completions that were given up: their lines did not come in time."""
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

        0, which nobody waits for: it was given up, or was told before.
        """
        number = self._told.complete(counter, answered_us)
        if number:
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

    def held(self) -> list[J]:
        """The requests that wait, in any order: for an agent that stops."""
        return [job for _, _, job in self._untold] + self._writes.held()

    def _place(self) -> None:
        """All that these may depend on is known now."""
        untold, up_to = self._untold, self._told.up_to
        while untold and untold[0][0] <= up_to:
            earlier, _, job = heappop(untold)
            self._writes.wait(job, job.footprint, earlier)
