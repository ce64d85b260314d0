"""Writes that the shadow has not done yet, by the name of what they write, and who waits for them. No I/O."""

from collections.abc import Iterable, Iterator
from heapq import heappop, heappush

from agent.footprints.footprint import Footprint

# A heap may hold so many numbers that are done besides as many as are pending.
_DONE_IN_HEAP = 16


class Waiter:
    """A request that waits for writes.

    Args:
        job: the request.
        footprint: what it reads and writes.
        earlier_completions: it waits for writes with numbers up to this one.
        obstacles: the names that it has to wait at, one after the other. What it has passed stands in its way again only where a write was
            registered late.
        late: how many had been registered late when it began with these obstacles.
    """

    __slots__ = ("earlier_completions", "footprint", "job", "late", "obstacles")

    def __init__(
        self,
        job: object,
        footprint: Footprint,
        earlier_completions: int,
        obstacles: "Iterator[tuple[PendingWrites, bytes]]",
        late: int,
    ) -> None:
        self.job = job
        self.footprint = footprint
        self.late = late
        self.earlier_completions = earlier_completions
        self.obstacles = obstacles


class _Crowd:
    """The pending writes of one name: several, or one that somebody waits for."""

    __slots__ = ("_heap", "numbers", "waiting")

    def __init__(self, number: int) -> None:
        self.numbers = {number}
        self._heap = [number]
        self.waiting: list[tuple[int, int, Waiter]] = []
        """A heap by what they wait for."""

    def least(self) -> int:
        """The earliest completion of them; 0: all are done."""
        heap = self._heap
        while heap and heap[0] not in self.numbers:
            heappop(heap)
        return heap[0] if heap else 0

    def add(self, number: int) -> None:
        if number not in self.numbers:
            self.numbers.add(number)
            heappush(self._heap, number)

    def remove(self, number: int) -> None:
        self.numbers.discard(number)
        # What is done goes when it comes to the top: behind one write that hangs that could be any number of them.
        if len(self._heap) > 2 * len(self.numbers) + _DONE_IN_HEAP:
            self._heap = sorted(self.numbers)


class PendingWrites:
    """Pending writes by name.

    Most names have one write, and nobody waits for it: those are in a dictionary of numbers.
    """

    __slots__ = ("_crowds", "_single", "_turn")

    def __init__(self) -> None:
        self._single: dict[bytes, int] = {}
        self._crowds: dict[bytes, _Crowd] = {}
        self._turn = 0

    def __len__(self) -> int:
        """How many names have pending writes, or somebody who waits."""
        return len(self._single) + len(self._crowds)

    def add(self, names: Iterable[bytes], number: int) -> None:
        """Completion ``number`` writes all these."""
        single, crowds = self._single, self._crowds
        if not self.has_any(names):
            single.update(dict.fromkeys(names, number))
            return
        for name in names:
            crowd = crowds.get(name)
            if crowd is None:
                other = single.setdefault(name, number)
                if other == number:
                    continue
                crowd = self._crowd(name, other)
            crowd.add(number)

    def remove(self, names: Iterable[bytes], number: int) -> list[bytes]:
        """Completion ``number``, which wrote all these, is done; at which of them somebody waits, who may perhaps go on (`released`)."""
        single, crowds = self._single, self._crowds
        awaited = []
        for name in names:
            if single.get(name) == number:
                del single[name]
                continue
            crowd = crowds.get(name) if crowds else None
            if crowd is not None:
                crowd.remove(number)
                if crowd.waiting:
                    awaited.append(name)
                elif not crowd.numbers:
                    del crowds[name]
        return awaited

    def has_any(self, names: Iterable[bytes]) -> bool:
        """Whether one of these has a pending write."""
        if self._single and not self._single.keys().isdisjoint(names):
            return True
        return bool(self._crowds) and not self._crowds.keys().isdisjoint(names)

    def blocks(self, name: bytes, earlier_completions: int) -> bool:
        """Whether one of the completions up to ``earlier_completions`` writes this and is pending."""
        number = self._single.get(name, 0)
        if number == 0 and self._crowds:
            crowd = self._crowds.get(name)
            if crowd is not None:
                number = crowd.least()
        return 0 < number <= earlier_completions

    def wait(self, name: bytes, waiter: Waiter) -> None:
        """Put a request where something `blocks` it; `released` gives it back."""
        crowd = self._crowds.get(name)
        if crowd is None:
            crowd = self._crowd(name, self._single[name])
        self._turn += 1
        heappush(crowd.waiting, (waiter.earlier_completions, self._turn, waiter))

    def released(self, name: bytes, most: int) -> list[Waiter]:
        """Those whom nothing of this name blocks any longer, at most so many."""
        crowd = self._crowds.get(name)
        if crowd is None:
            return []
        least, waiting = crowd.least(), crowd.waiting
        released: list[Waiter] = []
        while waiting and len(released) < most and (least == 0 or waiting[0][0] < least):
            released.append(heappop(waiting)[2])
        if least == 0 and not waiting:
            del self._crowds[name]
        return released

    def _crowd(self, name: bytes, number: int) -> _Crowd:
        """Make a crowd of a single one."""
        del self._single[name]
        crowd = self._crowds[name] = _Crowd(number)
        return crowd
