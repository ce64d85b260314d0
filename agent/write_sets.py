"""Which pending writes a request has to wait for, found without comparing it with each of them. No I/O.

`agent.footprints.footprint.must_wait` is the definition. Here every write stands under the names of what it writes, and a request looks at
the names that clash with what it reads and writes. It waits at one of them at a time: when the earliest write of that name is later than what
it waits for, it goes on to its next one. So a request that waits is one entry in one heap, and the end of a write wakes only who can go on.
"""

from collections import deque
from collections.abc import Iterator
from typing import Final, Generic, TypeVar, cast

from agent.footprints.footprint import CURSOR, NO_INDEX, Footprint, is_generated
from agent.pending_writes import PendingWrites, Waiter

# In the place of an index: all of them, those that are not known too, but not the cursors. No index has this name.
_ANY: Final = b"*"

# Waking so many takes some milliseconds; after that others have their turn.
_WAKE_AT_ONCE: Final = 1000

J = TypeVar("J")


class WriteSets(Generic[J]):
    """The writes that the shadow has not done yet, and the requests that wait for them.

    Args:
        ready: where requests that may start are put.
    """

    def __init__(self, ready: deque[J]) -> None:
        self.waiting = 0
        """Requests that wait for a write."""
        self._ready = ready
        self._late = 0
        """Writes that were registered late."""
        self._awake: deque[tuple[PendingWrites, bytes]] = deque()
        """Names of which somebody can go on."""
        self._left_over = False
        """Not all of these were woken at once: tables may be empty that nobody has forgotten."""
        self._footprints: dict[int, Footprint] = {}
        # By index; `NO_INDEX` and `_ANY` besides.
        self._written = PendingWrites()
        """Anything in it."""
        self._whole = PendingWrites()
        self._added = PendingWrites()
        self._documents: dict[bytes, PendingWrites] = {}
        """By document."""
        self._everything = PendingWrites()
        """Under `_ANY`."""

    def register(self, number: int, footprint: Footprint) -> None:
        """Completion ``number`` is to be done on the shadow."""
        if footprint.writes:
            self._footprints[number] = footprint
            self._add(number, footprint)

    def register_late(self, number: int, footprint: Footprint) -> None:
        """Completion ``number`` is to be done, though requests wait here that it should have been registered before: they look for it too."""
        if footprint.writes:
            self._late += 1
            self.register(number, footprint)

    def narrow(self, number: int, footprint: Footprint) -> None:
        """Completion ``number`` writes this, not what it was registered with; nothing where it is done.

        Where it writes more than was thought, requests that have passed what is new do not wait for that.
        """
        before = self._footprints.get(number)
        if before is None:
            return
        awaited = self._remove(number, before)
        if footprint.writes:
            self._footprints[number] = footprint
            self._add(number, footprint)
        else:
            del self._footprints[number]
        self._wake(awaited)
        self._forget(before)

    def finish(self, number: int) -> None:
        """Completion ``number`` is done."""
        footprint = self._footprints.pop(number, None)
        if footprint is not None:
            self._wake(self._remove(number, footprint))
            self._forget(footprint)

    def wait(self, job: J, footprint: Footprint, earlier_completions: int) -> None:
        """Make a request ready when the writes up to ``earlier_completions`` that it depends on are done.

        All of these are registered, but for those that come by `register_late`.
        """
        written = self._written
        if not written.blocks(_ANY, earlier_completions) and not written.blocks(CURSOR, earlier_completions):
            self._ready.append(job)
            return
        obstacles = self._obstacles(footprint, earlier_completions)
        self._go_on(Waiter(job, footprint, earlier_completions, obstacles, self._late))

    def _go_on(self, waiter: Waiter) -> None:
        """Wait at the next name, or no longer."""
        obstacle = next(waiter.obstacles, None)
        if obstacle is None and waiter.late < self._late:
            # Among the names that it has passed there may be one of a late write now.
            waiter.late = self._late
            waiter.obstacles = self._obstacles(waiter.footprint, waiter.earlier_completions)
            obstacle = next(waiter.obstacles, None)
        if obstacle is None:
            self._ready.append(cast(J, waiter.job))
            return
        self.waiting += 1
        obstacle[0].wait(obstacle[1], waiter)

    @property
    def is_going(self) -> bool:
        """Whether more can go on than were woken until now: see `go_on`."""
        return bool(self._awake)

    def go_on(self) -> None:
        """Wake the next thousand that can go on. The end of one write may release hundreds of thousands."""
        awake = self._awake
        left = _WAKE_AT_ONCE
        while awake and left > 0:
            writes, name = awake[0]
            released = writes.released(name, left)
            if len(released) < left:
                awake.popleft()
            left -= len(released)
            self.waiting -= len(released)
            for waiter in released:
                self._go_on(waiter)
        if not awake and self._left_over:
            self._left_over = False
            for index in [index for index, writes in self._documents.items() if not len(writes)]:
                del self._documents[index]
        elif awake:
            self._left_over = True

    def _wake(self, awaited: list[tuple[PendingWrites, bytes]]) -> None:
        if awaited:
            self._awake.extend(awaited)
            self.go_on()

    def _add(self, number: int, footprint: Footprint) -> None:
        for writes, names in self._places(footprint):
            writes.add(names, number)

    def _remove(self, number: int, footprint: Footprint) -> list[tuple[PendingWrites, bytes]]:
        """Take it from all its names, then wake: who waits for many of its names is not to stop at each of them."""
        return [
            (writes, name)
            for writes, names in self._places(footprint)
            for name in writes.remove(names, number)
        ]

    def _places(self, footprint: Footprint) -> list[tuple[PendingWrites, tuple[bytes, ...]]]:
        """All names under which it writes."""
        if footprint.writes_everything:
            return [(self._everything, (_ANY,)), (self._written, (_ANY,))]
        written: list[bytes] = []
        places: list[tuple[PendingWrites, tuple[bytes, ...]]] = []
        if footprint.writes_indices:
            written.extend(footprint.writes_indices)
            places.append((self._whole, _with_any(footprint.writes_indices)))
        if footprint.adds_to:
            written.extend(footprint.adds_to)
            places.append((self._added, _with_any(footprint.adds_to)))
        for documents in footprint.writes_documents:
            index = documents.index_name
            written.append(index)
            places.append((self._documents_of(index), documents.ids))
            if index != CURSOR:
                places.append((self._documents_of(_ANY), documents.ids))
        places.append((self._written, _with_any(tuple(written))))
        return places

    def _obstacles(self, footprint: Footprint, earlier: int) -> Iterator[tuple[PendingWrites, bytes]]:
        """The names at which it has to wait, each looked at when it has passed the one before.

        The wide ones come first: a write that is narrowed meanwhile is then under names that the request still comes to.
        """
        everything = footprint.reads_everything or footprint.writes_everything
        if everything and self._written.blocks(_ANY, earlier):
            yield self._written, _ANY
        if self._everything.blocks(_ANY, earlier):
            yield self._everything, _ANY
        for index in (*footprint.reads_indices, *footprint.writes_indices):
            for near in _near(index):
                if self._written.blocks(near, earlier):
                    yield self._written, near
        for index in footprint.adds_to:
            for near in _near(index):
                if self._whole.blocks(near, earlier):
                    yield self._whole, near
        for documents in (*footprint.reads_documents, *footprint.writes_documents):
            indices = _near(documents.index_name)
            for near in indices:
                if self._whole.blocks(near, earlier):
                    yield self._whole, near
            for near in indices:
                if self._added.blocks(near, earlier) and any(map(is_generated, documents.ids)):
                    yield self._added, near
            for near in indices:
                writes = self._documents.get(near)
                if writes is not None and writes.has_any(documents.ids):
                    for name in documents.ids:
                        if writes.blocks(name, earlier):
                            yield writes, name

    def _documents_of(self, index: bytes) -> PendingWrites:
        writes = self._documents.get(index)
        if writes is None:
            writes = self._documents[index] = PendingWrites()
        return writes

    def _forget(self, footprint: Footprint) -> None:
        """Drop the tables that it leaves empty."""
        if not footprint.writes_documents:
            return
        for index in (_ANY, *(documents.index_name for documents in footprint.writes_documents)):
            writes = self._documents.get(index)
            if writes is not None and not len(writes):
                del self._documents[index]


def _with_any(indices: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """The names, and `_ANY` if any of them is one of an index."""
    for index in indices:
        if index != CURSOR:
            return (_ANY, *indices)
    return indices


def _near(index: bytes) -> tuple[bytes, ...]:
    """Under which indices' names there may be a write to this one."""
    if index == NO_INDEX:
        return (_ANY,)
    return (index,) if index == CURSOR else (NO_INDEX, index)
