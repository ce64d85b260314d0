"""The order, by single stories: who waits, for how long, and what that costs."""

import heapq
from collections.abc import Iterator

import pytest

from agent import pending_writes
from agent.footprints.footprint import (
    EVERYTHING,
    NO_INDEX,
    NOTHING,
    READS_EVERYTHING,
    Documents,
    Footprint,
    must_wait,
)
from agent.order import Order
from agent.order_mode import ORDER_MODES
from tests.unit.footprint_universe import GENERATED, READS, WRITES
from tests.unit.test_order_histories import Job, entries

SECOND = 10**9
BULK = 10_000


def update(*names: bytes, index: bytes = b"a") -> Footprint:
    return Footprint(writes_documents=(Documents(index, names),))


def get(*names: bytes, index: bytes = b"a") -> Footprint:
    return Footprint(reads_documents=(Documents(index, names),))


def search(*indices: bytes) -> Footprint:
    return Footprint(reads_indices=indices)


class Rig:
    """An order whose completions are told one after the other."""

    def __init__(self, mode: str = "write-sets") -> None:
        self.order: Order[Job] = Order()
        self.order.arrive(0)
        self.mode = ORDER_MODES[mode]
        self.counter = 0

    def put(self, footprint: Footprint, known: int | None = None) -> Job:
        """A request whose client knew the first ``known`` answers (None: all) is answered, told, and given to the order."""
        footprint = self.mode(footprint)
        earlier_completions = self.order.arrive(self.counter if known is None else known)
        self.counter += 1
        job = Job(earlier_completions, self.order.complete(self.counter, 0, footprint), footprint)
        self.order.wait(job)
        return job

    def started(self) -> list[Job]:
        """Those that may start since the last call."""
        for _ in turns(self.order):
            pass
        ready = list(self.order.ready)
        self.order.ready.clear()
        return ready

    def done(self, job: Job) -> list[Job]:
        """It is done on the shadow; those that may start now."""
        self.order.finish(job.completion)
        return self.started()


def test_of_two_requests_the_later_waits_when_the_definition_says_so() -> None:
    for earlier in (*WRITES, *READS):
        for later in (*WRITES, *READS):
            rig = Rig()
            first, second = rig.put(earlier), rig.put(later)
            waits = must_wait(later, earlier)
            assert rig.started() == ([first] if waits else [first, second]), (later, earlier)
            assert rig.done(first) == ([second] if waits else []), (later, earlier)


def test_what_overlapped_may_overlap() -> None:
    rig = Rig()
    jobs = [rig.put(update(b"1"), known=0), rig.put(update(b"1"), known=0)]
    assert rig.started() == jobs


def test_a_hung_request_holds_back_what_depends_on_it_and_nothing_else() -> None:
    rig = Rig()
    hung = rig.put(update(b"1"))
    slow_search = rig.put(search(b"b"))
    rig.started()
    depend = [rig.put(f) for f in (get(b"1"), update(b"1"), search(b"a"), READS_EVERYTHING, EVERYTHING)]
    assert rig.started() == []
    assert rig.done(slow_search) == []
    rig = Rig()
    hung = rig.put(update(b"1"))
    rig.started()
    for _ in range(1000):
        other = [rig.put(f) for f in (get(b"2"), update(b"2"), search(b"b"), get(b"1", index=b"b"), NOTHING)]
        assert set(rig.started()) | set(rig.done(other[1])) == set(other)
    # What is done behind it is not kept.
    assert entries(rig.order) < 20
    follower = rig.put(get(b"1"))
    assert rig.started() == []
    assert rig.done(hung) == [follower]
    assert depend


def test_a_slow_read_holds_back_nobody() -> None:
    rig = Rig()
    rig.put(READS_EVERYTHING)
    writer = rig.put(EVERYTHING)
    assert writer in rig.started()


def test_a_request_for_nothing_waits_for_nothing_not_even_for_lines() -> None:
    rig = Rig()
    job = Job(rig.order.arrive(5), 0, NOTHING)
    rig.order.wait(job)
    assert rig.started() == [job]


def test_a_line_that_is_late_holds_back_for_a_while_only() -> None:
    rig = Rig()
    rig.done(rig.put(NOTHING))
    rig.counter += 1
    job = rig.put(get(b"1"))
    assert not rig.order.give_up_missing(0, 2 * SECOND)
    assert rig.started() == []
    assert rig.order.waiting == 1
    assert rig.order.give_up_missing(2 * SECOND, 2 * SECOND)
    assert rig.started() == [job]
    assert (rig.order.waiting, rig.order.missing) == (0, 1)


def test_what_a_late_line_says_is_waited_for_before_it_is_given_up() -> None:
    rig = Rig()
    rig.counter += 1
    job, other = rig.put(get(b"1")), rig.put(get(b"2"))
    number = rig.order.complete(1, 0, update(b"1"))
    assert rig.started() == [other]
    rig.order.finish(number)
    assert rig.started() == [job]


@pytest.mark.parametrize(
    ("wide", "narrow"),
    [
        (EVERYTHING, update(b"2")),
        (update(b"1", b"2", index=NO_INDEX), update(b"1", b"2", index=b"b")),
        (Footprint(writes_indices=(b"a",)), Footprint(writes_indices=(b"b",))),
        (update(b"1", b"2"), update(b"2")),
        (EVERYTHING, NOTHING),
    ],
)
def test_who_waits_only_for_what_a_body_turns_out_not_to_write_goes_on(
    wide: Footprint, narrow: Footprint
) -> None:
    rig = Rig()
    writer = rig.put(wide)
    rig.started()
    reader = rig.put(get(b"1"))
    assert rig.started() == []
    rig.order.narrow(writer.completion, narrow)
    assert rig.started() == [reader]
    rig.done(writer)
    assert entries(rig.order) == 0


@pytest.mark.parametrize("wide", [Footprint(adds_to=(NO_INDEX,)), update(GENERATED, index=NO_INDEX)])
def test_a_request_still_waits_when_a_body_turns_out_to_write_just_its_document(wide: Footprint) -> None:
    rig = Rig()
    writer = rig.put(wide)
    rig.started()
    reader = rig.put(get(GENERATED))
    rig.order.narrow(writer.completion, update(GENERATED))
    assert rig.started() == []
    assert rig.done(writer) == [reader]


def test_nobody_waits_for_answers_that_were_never_given() -> None:
    rig = Rig()
    job = Job(50, 0, get(b"1"))
    rig.order.wait(job)
    assert rig.started() == [job]


def test_a_body_that_turns_out_to_write_more_is_waited_for_from_then_on() -> None:
    rig = Rig()
    writer = rig.put(update(b"1"))
    rig.started()
    waits_already = rig.put(get(b"1"))
    rig.order.narrow(writer.completion, update(b"1", b"2"))
    waits = rig.put(get(b"2"))
    assert rig.started() == []
    assert set(rig.done(writer)) == {waits_already, waits}
    assert entries(rig.order) == 0


def test_nobody_waits_for_himself() -> None:
    rig = Rig()
    footprint = update(b"1")
    first, second = (rig.order.complete(counter, 0, footprint) for counter in (1, 2))
    jobs = [Job(2, first, footprint), Job(7, second, footprint)]
    for job in reversed(jobs):
        rig.order.wait(job)
    assert rig.started() == jobs[:1]
    assert rig.done(jobs[0]) == jobs[1:]


def test_an_agent_that_resumes_does_the_old_first() -> None:
    order: Order[Job] = Order()
    order.resume([update(b"1"), get(b"1"), update(b"2")])
    old = [Job(0, 1, update(b"1")), Job(1, 2, get(b"1")), Job(0, 3, update(b"2"))]
    for job in old:
        order.wait(job)
    new = Job(order.arrive(0), order.complete(1, 0, get(b"1", b"2")), get(b"1", b"2"))
    order.wait(new)
    assert list(order.ready) == [old[0], old[2]]
    order.finish(1)
    assert list(order.ready) == [old[0], old[2], old[1]]
    order.finish(3)
    assert list(order.ready) == [old[0], old[2], old[1], new]


@pytest.mark.parametrize(
    ("mode", "started"),
    [
        ("write-sets", ["update", "get 2", "update 2", "ping"]),
        ("writes", ["update", "ping"]),
        ("strict", ["update"]),
        ("none", ["update", "get 1", "get 2", "update 2", "ping"]),
    ],
)
def test_what_starts_beside_a_write_in_each_mode(mode: str, started: list[str]) -> None:
    rig = Rig(mode)
    jobs = {"update": rig.put(update(b"1"))}
    for name, footprint in (
        ("get 1", get(b"1")),
        ("get 2", get(b"2")),
        ("update 2", update(b"2")),
        ("ping", NOTHING),
    ):
        jobs[name] = rig.put(footprint, known=1)
    assert rig.started() == [jobs[name] for name in started]
    # Everybody knew the update's answer, and nobody another one.
    assert len(rig.done(jobs["update"])) == len(jobs) - len(started)


class Counted:
    """Counts the comparisons of heaps, by their pushes and pops."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.operations = 0
        monkeypatch.setattr(pending_writes, "heappush", self._push)
        monkeypatch.setattr(pending_writes, "heappop", self._pop)

    def _push(self, heap: list[object], item: object) -> None:
        self.operations += 1
        heapq.heappush(heap, item)  # type: ignore[type-var]

    def _pop(self, heap: list[object]) -> object:
        self.operations += 1
        return heapq.heappop(heap)  # type: ignore[type-var]


def test_a_backlog_of_updates_of_one_document_costs_each_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = Counted(monkeypatch)
    rig = Rig()
    count = 30_000
    running = rig.put(update(b"1"))
    for _ in range(count - 1):
        rig.put(update(b"1"))
    assert rig.started() == [running]
    for _ in range(count - 1):
        (running,) = rig.done(running)
    assert rig.done(running) == []
    # For each: one wait, and its number in the heaps of the document, of its index, and of all, the document's once more without the index.
    assert counted.operations <= 10 * count
    assert entries(rig.order) == 0


def test_searches_that_wait_for_many_writes_wait_once(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = Counted(monkeypatch)
    rig = Rig()
    count = 20_000
    writers = [rig.put(update(b"%d" % n)) for n in range(count)]
    rig.started()
    searches = [rig.put(search(b"a")) for _ in range(count)]
    assert rig.started() == []
    for writer in reversed(writers[1:]):
        assert rig.done(writer) == []
    assert set(rig.done(writers[0])) == set(searches)
    assert counted.operations <= 8 * count
    assert entries(rig.order) == 0


def test_searches_go_on_one_by_one_with_what_they_know(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = Counted(monkeypatch)
    rig = Rig()
    pairs = [(rig.put(update(b"%d" % n)), rig.put(search(b"a"))) for n in range(20_000)]
    assert rig.started() == [writer for writer, _ in pairs]
    for writer, follower in pairs:
        assert rig.done(writer) == [follower]
    assert counted.operations <= 8 * len(pairs)


def test_a_bulk_that_waits_for_a_bulk_waits_once(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig()
    bulk = update(*(b"%d" % n for n in range(BULK)))
    first = rig.put(bulk)
    rig.started()
    counted = Counted(monkeypatch)
    second = rig.put(bulk)
    numbers = counted.operations
    assert rig.done(first) == [second]
    # Wherever it waits: it is woken when the first one has left all its documents.
    assert counted.operations - numbers <= 2 * BULK + 10
    assert rig.order.waiting == 0


def test_a_bulk_that_waits_for_many_updates_goes_on_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig()
    count = 2000
    ids = [b"%d" % n for n in range(count)]
    writers = [rig.put(update(name)) for name in ids]
    rig.started()
    bulk = rig.put(get(*ids))
    looks = 0
    blocks = pending_writes.PendingWrites.blocks

    def counting(self: pending_writes.PendingWrites, name: bytes, earlier_completions: int) -> bool:
        nonlocal looks
        looks += 1
        return blocks(self, name, earlier_completions)

    monkeypatch.setattr(pending_writes.PendingWrites, "blocks", counting)
    for writer in writers[:-1]:
        assert rig.done(writer) == []
    assert rig.done(writers[-1]) == [bulk]
    assert looks <= count + 10


def test_behind_a_write_that_hangs_nothing_piles_up() -> None:
    rig = Rig()
    hung = rig.put(update(b"1"))
    most = 0
    for _ in range(5000):
        rig.done(rig.put(update(b"2")))
        crowds = rig.order._writes._written._crowds.values()
        most = max(most, *(len(crowd._heap) for crowd in crowds))
    assert most <= 20
    rig.done(hung)
    assert entries(rig.order) == 0


def test_who_waits_already_waits_for_what_is_told_late_too() -> None:
    rig = Rig()
    rig.order.arrive(1)
    rig.counter = 1
    first = rig.put(update(b"2"))
    rig.order.give_up_missing(0, SECOND)
    assert rig.order.give_up_missing(SECOND, SECOND)
    rig.started()
    # It has passed the whole index, and the document 1.
    mget = rig.put(get(b"1", b"2"))
    other = rig.put(get(b"2"))
    assert rig.started() == []
    number = rig.order.complete(1, 0, update(b"1"))
    assert number == 1
    assert rig.done(first) == [other]
    rig.order.finish(number)
    assert rig.started() == [mget]
    assert entries(rig.order) == 0


def test_a_thousand_late_lines_cost_who_waits_a_few_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig()
    rig.order.arrive(1000)
    rig.counter = 1000
    first = rig.put(update(b"2"))
    rig.order.give_up_missing(0, SECOND)
    assert rig.order.give_up_missing(SECOND, SECOND)
    rig.started()
    waiting = [rig.put(get(b"2")) for _ in range(1000)]
    counted = Counted(monkeypatch)
    for counter in range(1, 1001):
        assert rig.order.complete(counter, 0, update(b"3")) == counter
    assert rig.done(first) == waiting
    assert counted.operations <= 10 * 2000


def test_whom_one_write_releases_goes_on_in_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.write_sets._WAKE_AT_ONCE", 3)
    monkeypatch.setattr("agent.order._PLACED_AT_ONCE", 3)
    order: Order[Job] = Order()
    write = Footprint(writes_documents=(Documents(b"a", (b"1",)),))
    read = Footprint(reads_documents=(Documents(b"a", (b"1",)),))
    jobs = [Job(1, 0, read) for _ in range(10)]
    for job in jobs:
        order.arrive(1)
        order.wait(job)
    number = order.complete(1, 0, write)
    assert [order.waiting for _ in turns(order)] == [10, 10, 10]
    order.finish(number)
    assert [len(order.ready) for _ in turns(order)] == [6, 9, 10]
    assert (list(order.ready), order.waiting) == (jobs, 0)
    assert not order._writes._documents


def turns(order: Order[Job]) -> Iterator[None]:
    """The turns that it needs to look after all."""
    while order.is_going:
        order.go_on()
        yield
