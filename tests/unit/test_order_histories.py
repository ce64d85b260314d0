"""The order against its definition, by arbitrary histories.

After every single step those that were put into `Order.ready` are exactly those that nothing holds back by the definition: a job waits while
there is a completion that its client may have known that is not done on the shadow, and that writes what it reads or writes. One that the agent
has not been told may write everything, until it is given up; when it is told after that, all that have not started wait for it as for any other.

``ORDER_HISTORIES=20000 pytest tests/unit/test_order_histories.py`` looks deeper.
"""

import os
from dataclasses import dataclass, field
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from agent.footprints.footprint import EVERYTHING, NOTHING, Footprint, must_wait
from agent.order import Order, OrderedJob
from agent.pending_writes import PendingWrites
from tests.unit.footprint_universe import footprints, is_narrower

WRAP = 1 << 32
PATIENCE = 10

# As `agent.counter` numbers HAProxy's first counter: lines of so many completions before it may still come.
BEFORE_THE_FIRST = 1024

J = TypeVar("J", bound=OrderedJob)

picks = st.integers(0, 63)


@dataclass(eq=False)
class Job:
    """A request for the shadow."""

    earlier_completions: int
    completion: int
    footprint: Footprint
    waits_for: int = 0
    """What it is to wait for, when it is given to the order."""


def tables(order: Order[J]) -> list[PendingWrites]:
    sets = order._writes
    return [sets._everything, sets._whole, sets._added, sets._written, *sets._documents.values()]


def entries(order: Order[J]) -> int:
    """All that the order keeps in memory, but for what is done and not yet swept from heaps; of that there is little in each of them."""
    told, sets = order._told, order._writes
    kept = (
        len(told._beyond)
        + len(told._seen)
        + len(order._untold)
        + len(sets._footprints)
        + len(sets._documents)
    )
    for table in tables(order):
        kept += len(table._single)
        for crowd in table._crowds.values():
            kept += 1 + len(crowd.numbers) + len(crowd.waiting)
            assert len(crowd._heap) <= 2 * len(crowd.numbers) + 16
    return kept


def names(footprint: Footprint) -> int:
    """What the order needs at most for a pending write: itself, and twice (a crowd and its number) for each of its names."""
    if not footprint.writes:
        return 0
    indices = len(footprint.writes_indices) + len(footprint.adds_to)
    documents = sum(4 * len(documents.ids) + 4 for documents in footprint.writes_documents)
    return 1 + 4 + 2 + 4 * indices + documents


@dataclass
class Model:
    """What is known, kept in the plainest way."""

    untold: set[int] = field(default_factory=set)
    """Given, and neither told nor given up."""
    pending: dict[int, Footprint] = field(default_factory=dict)
    """What is told and not done."""
    given_up: set[int] = field(default_factory=set)
    """Given up, and not told since."""
    first_seen: dict[int, int] = field(default_factory=dict)
    """Of those that are not told: when the order could first see that they had been given."""
    latest: int = 0
    counted_from: int = 0
    missing: int = 0

    def reveal(self, number: int) -> None:
        self.untold.update(range(self.latest + 1, number + 1))
        self.latest = max(self.latest, number)

    def tick(self, now: int) -> bool:
        for number in self.untold:
            self.first_seen.setdefault(number, now)
        late = {number for number in self.untold if now - self.first_seen[number] >= PATIENCE}
        self.untold -= late
        self.given_up |= late
        self.missing += sum(1 for number in late if number > self.counted_from)
        return bool(late)

    def holds_back(self, job: Job, first_untold: int) -> bool:
        """The definition."""
        if first_untold <= job.waits_for and must_wait(job.footprint, EVERYTHING):
            return True
        return any(n <= job.waits_for and must_wait(job.footprint, f) for n, f in self.pending.items())


class Histories(RuleBasedStateMachine):
    """Each rule is one call of the order, or none."""

    def __init__(self) -> None:
        super().__init__()
        self.order: Order[Job] = Order()
        self.model = Model()
        self.now = 0
        self.counter = 0
        """HAProxy's."""
        self.ahead = 0
        """What to add to it for the order's number."""
        self.unsent: list[Job] = []
        """Told, and not given to the order yet: their copies are on their way."""
        self.held: list[Job] = []
        self.running: list[Job] = []
        self.started: set[int] = set()

    @initialize(
        start=st.sampled_from((0, 0, 1, 5, 3000, WRAP - 3)),
        earlier=st.lists(st.tuples(footprints, st.integers(0, 6)), max_size=4),
    )
    def begin(self, start: int, earlier: list[tuple[Footprint, int]]) -> None:
        count = len(earlier)
        if earlier:
            self.order.resume([footprint for footprint, _ in earlier])
        for number, (footprint, known) in enumerate(earlier, 1):
            self.model.pending[number] = footprint
            self.unsent.append(Job(known, number, footprint))
        self.model.latest = self.model.counted_from = count
        self.counter = start
        self.ahead = count - max(start - BEFORE_THE_FIRST, 0)
        self.arrive(start)

    def number(self, counter: int) -> int:
        return counter + self.ahead

    def arrive(self, known: int) -> int:
        if known < 0:
            assert self.order.arrive(-1) == self.model.latest
            return self.model.latest
        self.model.reveal(self.number(known))
        if not self.completed:
            self.model.counted_from = self.model.latest
        earlier_completions = self.order.arrive(known % WRAP)
        assert earlier_completions == max(self.number(known), 0)
        return earlier_completions

    completed = False
    """Whether a line has named a completion yet."""

    def complete(self, counter: int, footprint: Footprint) -> int:
        number = self.number(counter)
        self.model.reveal(number)
        if not self.completed:
            self.completed = True
            self.model.counted_from = self.model.latest
        new = number in self.model.untold or number in self.model.given_up
        given = self.order.complete(counter % WRAP, 0, footprint)
        assert given == (number if new else 0)
        if new:
            self.model.untold.discard(number)
            self.model.given_up.discard(number)
            self.model.pending[number] = footprint
        return given

    @rule(count=st.integers(1, 3))
    def the_primary_answers(self, count: int) -> None:
        self.counter += count

    def answered(self, pick: int) -> int:
        """A counter that HAProxy gave, mostly one of the newest."""
        return max(self.counter - pick % 8, 0)

    @rule(pick=picks, known=picks, footprint=footprints)
    def a_line_is_told(self, pick: int, known: int, footprint: Footprint) -> None:
        # Now and then it says that its client knew its own answer, or later ones: the order must not wait for ever.
        earlier_completions = self.arrive(-1 if known == 9 else self.answered(known))
        number = self.complete(self.answered(pick), footprint)
        self.unsent.append(Job(earlier_completions, number, footprint))

    @precondition(lambda self: self.model.given_up)
    @rule(pick=picks, known=picks, footprint=footprints)
    def a_line_is_told_after_it_was_given_up(self, pick: int, known: int, footprint: Footprint) -> None:
        """A client has read a long answer slowly. Mostly one of the latest, which others depend on."""
        newest = sorted(self.model.given_up)[-8:]
        counter = newest[pick % len(newest)] - self.ahead
        earlier_completions = self.arrive(max(counter - 1 - known % 4, 0))
        number = self.complete(counter, footprint)
        assert number
        self.unsent.append(Job(earlier_completions, number, footprint))

    @rule(known=st.integers(0, 3), footprint=footprints)
    def a_request_is_answered_told_and_sent(self, known: int, footprint: Footprint) -> None:
        """As most are: at once."""
        self.counter += 1
        earlier_completions = self.arrive(max(self.counter - 1 - known, 0))
        number = self.complete(self.counter, footprint)
        self.whatever_may_start_starts_and_nothing_else()
        self.unsent.append(Job(earlier_completions, number, footprint))
        self.a_request_is_to_be_sent(-1)

    @rule(write=footprints, late=footprints, later=footprints)
    def a_line_is_told_late_while_a_request_waits(
        self, write: Footprint, late: Footprint, later: Footprint
    ) -> None:
        self.counter += 1
        hole = self.counter
        self.a_request_is_answered_told_and_sent(0, write)
        self.whatever_may_start_starts_and_nothing_else()
        for _ in range(2):
            self.time_passes(PATIENCE)
            self.whatever_may_start_starts_and_nothing_else()
        self.a_request_is_answered_told_and_sent(0, later)
        self.whatever_may_start_starts_and_nothing_else()
        self.unsent.append(Job(self.arrive(hole - 1), self.complete(hole, late), late))

    @rule(pick=picks)
    def a_line_is_damaged(self, pick: int) -> None:
        self.finish(self.complete(self.answered(pick), NOTHING))

    @rule(known=picks, footprint=footprints)
    def a_node_breaks_off_without_an_answer(self, known: int, footprint: Footprint) -> None:
        self.unsent.append(Job(self.arrive(self.answered(known)), 0, footprint))

    @precondition(lambda self: self.unsent)
    @rule(pick=picks)
    def a_request_is_to_be_sent(self, pick: int) -> None:
        job = self.unsent.pop(pick % len(self.unsent))
        job.waits_for = min(job.earlier_completions, self.model.latest)
        if job.completion:
            job.waits_for = min(job.waits_for, job.completion - 1)
        self.held.append(job)
        self.order.wait(job)

    @precondition(lambda self: self.unsent)
    @rule(pick=picks)
    def a_request_is_not_sent(self, pick: int) -> None:
        """The queue is full, or it is not whole."""
        self.finish(self.unsent.pop(pick % len(self.unsent)).completion)

    @precondition(lambda self: self.model.pending)
    @rule(pick=picks, footprint=footprints)
    def a_body_is_read(self, pick: int, footprint: Footprint) -> None:
        number = sorted(self.model.pending)[pick % len(self.model.pending)]
        if is_narrower(footprint, self.model.pending[number]):
            self.model.pending[number] = footprint
            self.order.narrow(number, footprint)

    @precondition(lambda self: self.model.pending)
    @rule(pick=picks)
    def a_body_turns_out_to_be_read_only(self, pick: int) -> None:
        number = sorted(self.model.pending)[pick % len(self.model.pending)]
        self.model.pending[number] = NOTHING
        self.order.narrow(number, NOTHING)

    @precondition(lambda self: self.running)
    @rule(pick=picks)
    def the_shadow_is_done(self, pick: int) -> None:
        """It answered, or failed, or its time was over."""
        self.finish(self.running.pop(pick % len(self.running)).completion)

    @precondition(lambda self: self.running)
    @rule(pick=picks)
    def the_shadow_gets_it_again(self, pick: int) -> None:
        """It goes to the end of those that run: the order knows nothing of it."""
        self.running.append(self.running.pop(pick % len(self.running)))

    @rule(pick=picks, footprint=footprints)
    def what_is_done_is_done(self, pick: int, footprint: Footprint) -> None:
        """A second end, and a body that is read after the end, change nothing."""
        number = max(self.model.latest - pick % 8, 0)
        if number not in self.model.pending:
            self.order.narrow(number, footprint)
            self.order.finish(number)

    @rule(passed=st.integers(1, PATIENCE + 1))
    def time_passes(self, passed: int) -> None:
        self.now += passed
        late = self.model.tick(self.now)
        assert self.order.give_up_missing(self.now, PATIENCE) == late

    def finish(self, number: int) -> None:
        self.model.pending.pop(number, None)
        self.order.finish(number)

    @invariant()
    def whatever_may_start_starts_and_nothing_else(self) -> None:
        started = set(self.order.ready)
        assert len(started) == len(self.order.ready)
        first_untold = min(self.model.untold, default=self.model.latest + 1)
        assert started == {job for job in self.held if not self.model.holds_back(job, first_untold)}
        self.held = [job for job in self.held if job not in started]
        self.running.extend(self.order.ready)
        self.order.ready.clear()
        assert self.order.waiting == len(self.held)
        assert self.order.missing == self.model.missing
        assert self.order.latest == self.model.latest

    @invariant()
    def memory_is_bounded_by_what_is_under_way(self) -> None:
        writing = sum(names(footprint) for footprint in self.model.pending.values())
        untold = self.model.untold
        behind_untold = self.model.latest - min(untold) + 1 - len(untold) if untold else 0
        assert entries(self.order) <= writing + 2 * len(self.held) + behind_untold + PATIENCE + 1
        given_up = self.model.given_up
        assert len(self.order._told._given_up) == sum(1 for n in given_up if n - 1 not in given_up)

    def teardown(self) -> None:
        """No more is told, and everything comes to its end."""
        while self.unsent:
            self.a_request_is_to_be_sent(0)
            self.whatever_may_start_starts_and_nothing_else()
        for _ in range(2):
            self.time_passes(PATIENCE)
            self.whatever_may_start_starts_and_nothing_else()
        while self.running:
            self.the_shadow_is_done(0)
            self.whatever_may_start_starts_and_nothing_else()
        assert not self.held
        assert not self.model.pending
        assert entries(self.order) == 0


TestHistories = Histories.TestCase
# A failure is made smaller for minutes, and who looks deeper has the time.
pytest.mark.timeout(3600)(TestHistories)
TestHistories.settings = settings(
    max_examples=int(os.environ.get("ORDER_HISTORIES", "150")),
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
