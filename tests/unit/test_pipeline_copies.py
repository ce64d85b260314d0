"""Transactions through the tee, in the pipeline: in their place in the order whenever the copy comes, and recorded once."""

from collections.abc import Callable, Iterator

import pytest

from agent import pipeline as pipeline_module
from agent import transactions as transactions_module
from agent.copied import Copied, CopiedMessage
from agent.copied_body import CopiedBody
from agent.footprints.footprint import Footprint
from agent.joining import Copy
from agent.mirror_connection import Job
from agent.order import Order
from agent.order_mode import STRICT, WRITE_SETS
from agent.parts import Proxy
from agent.pipeline import Pipeline
from agent.placing import Placing
from agent.refcount import RefCount
from agent.status import Status
from agent.transactions import Transactions
from record.transaction import Transaction
from tests.unit.exchanges import Counted
from tests.unit.test_order_histories import entries
from tests.unit.test_transactions import b64, line

SECOND = 10**9
HEADERS = b"host: a\r\ncontent-length: 70000\r\n\r\n"


class Driven:
    """A pipeline whose shadow does at once what it may."""

    def __init__(self, max_open_bytes: int = 1 << 26, order: str = STRICT) -> None:
        proxy = Proxy(65536, mirrored=False)
        self.order: Order[Job] = Order()
        self.status = Status()
        transactions = Transactions(proxy, max_open_bytes, 7200 * SECOND)
        self.placing = Placing(order)
        self.pipeline = Pipeline(proxy, transactions, self.order, self._submit, self.status, self.placing)
        self.now_ns = 0
        self.names: dict[Job, bytes] = {}
        self.started: list[bytes] = []
        self.released: dict[bytes, Counted] = {}

    def _submit(self, transaction: Transaction, completion: int, footprint: Footprint, _done: object) -> bool:
        job = Job(b"", False, transaction.earlier_completions, completion, footprint)
        self.names[job] = transaction.id
        self.order.wait(job)
        return True

    def line(
        self,
        identifier: bytes,
        known: int,
        completion: int | None,
        *,
        tee: bool = False,
        target: bytes = b"/i/_doc",
    ) -> None:
        changes = {"server": b"tee", "through_tee": b"1", "response_headers": b"-"} if tee else {}
        number = b"-" if completion is None else b"%d" % completion
        told = line(identifier, known=b"%d" % known, completion=number, url=b64(target), **changes)
        self.pipeline.ends([told], self.now_ns, 0)
        self.shadow()

    def copy(
        self,
        identifier: bytes,
        last_us: int = 1,
        chunks: Callable[[], Iterator[bytes]] = lambda: iter([bytes(70000)]),
    ) -> None:
        body = CopiedBody(chunks, 0, 70000, 70000, chunked=False, ended=True)
        request = CopiedMessage(b"POST /_bulk HTTP/1.1", HEADERS, body)
        self.released[identifier] = Counted()
        refcount = RefCount(self.released[identifier])
        self.pipeline.copy(Copy(Copied(identifier, request, None, None, last_us), refcount), self.now_ns)
        self.shadow()

    def ask(self, *under_way: bytes) -> None:
        self.pipeline.answered(self.pipeline.asked(), under_way)
        self.shadow()

    def seconds(self, count: int, step: int = 1) -> None:
        for _ in range(0, count, step):
            self.now_ns += step * SECOND
            self.pipeline.tick(self.now_ns)
            self.shadow()

    def records(self, identifier: bytes) -> list[tuple[bytes, str | None]]:
        return [(one.termination, one.mirror) for one in self.pipeline.ended if one.id == identifier]

    def read_all(self) -> None:
        while self.pipeline.is_reading:
            self.pipeline.read_on()
        self.shadow()

    def shadow(self) -> None:
        """It does at once what it may."""
        while self.order.ready:
            job = self.order.ready.popleft()
            self.started.append(self.names.pop(job))
            self.order.finish(job.completion)


@pytest.fixture
def driven(monkeypatch: pytest.MonkeyPatch) -> Driven:
    # A busy proxy has more within minutes than are remembered.
    monkeypatch.setattr(transactions_module, "_REMEMBERED", 100)
    driven = Driven()
    driven.line(b"first", 0, 1)
    return driven


@pytest.mark.parametrize("late_s", [0, 1, 3, 12, 3600])
def test_what_depends_on_an_answer_waits_for_its_copy_however_late(driven: Driven, late_s: int) -> None:
    driven.line(b"bulk", 1, 2, tee=True)
    driven.line(b"get", 2, 3)
    for _ in range(late_s):
        driven.seconds(1)
        driven.ask(b"bulk")
    assert driven.started == [b"first"]
    driven.copy(b"bulk")
    assert driven.started == [b"first", b"bulk", b"get"]
    assert driven.records(b"bulk") == [(b"--", "")]
    assert (driven.status.order_given_up, driven.status.copies_missing) == (0, 0)


def test_the_completion_is_the_lines_so_nothing_is_taken_for_lost(driven: Driven) -> None:
    driven.line(b"get", 2, 3)
    # Its number is the second, and the third one is known already.
    driven.line(b"bulk", 1, 2, tee=True)
    driven.seconds(60)
    assert driven.order.missing == 0
    assert driven.started == [b"first"]


def test_what_the_tee_has_not_holds_nothing_up(driven: Driven) -> None:
    driven.line(b"bulk", 1, 2, tee=True)
    driven.line(b"get", 2, 3)
    driven.seconds(1)
    assert driven.pipeline.is_to_ask(driven.now_ns)
    driven.ask()
    driven.pipeline.count()
    assert driven.started == [b"first", b"get"]
    assert driven.records(b"bulk") == [(b"--", "not sent: the request is not whole")]
    assert (driven.status.order_given_up, driven.status.copies_missing) == (0, 1)
    assert not driven.pipeline.is_to_ask(driven.now_ns + SECOND)


def test_a_client_that_reads_for_hours_is_one_transaction(driven: Driven) -> None:
    driven.copy(b"slow")
    number = 1
    for _ in range(1300):
        driven.line(b"other-%d" % number, number, number + 1)
        number += 1
        driven.seconds(10, step=10)
    driven.line(b"slow", 1, number + 1, tee=True)
    assert [mirror for _, mirror in driven.records(b"slow")] == [""]
    assert (driven.status.copies_unclaimed, driven.status.copies_missing) == (0, 0)


def test_a_line_that_comes_after_its_copy_was_given_up_makes_no_second_record(driven: Driven) -> None:
    driven.copy(b"slow")
    driven.pipeline.lines_lost(1, driven.now_ns)
    driven.seconds(601, step=10)
    assert driven.records(b"slow") == [(b"??", "not sent: its end is unknown")]
    number = 1
    for _ in range(250):
        driven.line(b"other-%d" % number, number, number + 1)
        number += 1
    driven.line(b"slow", 1, number + 1, tee=True)
    driven.line(b"dependent", number + 1, number + 2)
    assert len(driven.records(b"slow")) == 1
    # Its answer's number is none that anybody waits for.
    assert driven.started[-1] == b"dependent"
    assert driven.order.missing == 0


def test_without_a_mirror_they_are_joined_too() -> None:
    driven = Driven()
    driven.pipeline._submit = None
    driven.line(b"bulk", 1, 2, tee=True)
    driven.copy(b"bulk")
    assert driven.records(b"bulk") == [(b"--", None)]
    assert driven.order.latest == 0


class Unreadable:
    """A body whose reading has a defect, at once or after a while."""

    def __init__(self, good: int) -> None:
        self.good = good

    def __call__(self) -> Iterator[bytes]:
        for _ in range(self.good):
            yield b"{}\n"
        message = "a defect"
        raise ValueError(message)


@pytest.mark.parametrize("good", [0, 1, 3])
def test_a_defect_in_reading_makes_a_footprint_wider_and_holds_up_nobody_for_ever(good: int) -> None:
    driven = Driven(order=WRITE_SETS)
    driven.line(b"first", 0, 1)
    driven.line(b"bulk", 1, 2, tee=True, target=b"/a/_update_by_query")
    driven.copy(b"bulk", chunks=Unreadable(good))
    driven.line(b"dependent", 2, 3)
    driven.read_all()
    driven.pipeline.count()
    assert driven.records(b"bulk") == [(b"--", "")]
    assert driven.status.order_unread == 1
    assert driven.started == [b"first", b"bulk", b"dependent"]
    assert not driven.pipeline._completions
    assert entries(driven.order) == 0


@pytest.mark.parametrize("broken", ["of", "without_bodies", "needs_long_bodies"])
@pytest.mark.parametrize("tee", [False, True])
def test_a_defect_in_a_footprint_costs_no_record(
    monkeypatch: pytest.MonkeyPatch, broken: str, *, tee: bool
) -> None:
    def defect(*_: object) -> None:
        message = "a defect"
        raise ValueError(message)

    driven = Driven(order=WRITE_SETS)
    monkeypatch.setattr(driven.placing._footprints, broken, defect)
    driven.line(b"one", 0, 1, tee=tee)
    if tee:
        driven.copy(b"one")
    driven.line(b"dependent", 1, 2)
    driven.read_all()
    assert [len(driven.records(name)) for name in (b"one", b"dependent")] == [1, 1]
    assert driven.started == [b"one", b"dependent"]
    assert not driven.pipeline._completions
    assert entries(driven.order) == 0
    assert driven.status.protocol_errors == 0


def test_a_copy_that_makes_no_sense_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    def defect(*_: object) -> bool:
        message = "a defect"
        raise ValueError(message)

    monkeypatch.setattr(pipeline_module, "put_copied", defect)
    driven = Driven()
    driven.line(b"bulk", 0, 1, tee=True)
    driven.line(b"get", 1, 2)
    driven.copy(b"bulk")
    assert driven.started == [b"get"]
    assert driven.records(b"bulk") == [(b"--", "not sent: the request is not whole")]
    assert driven.released[b"bulk"].count == 1
    assert driven.status.copies_unreadable == 1
    assert not driven.pipeline._completions


@pytest.mark.parametrize("end", ["copy", "none", "memory", "abandon"])
def test_however_it_ends_nothing_stays_in_the_order(driven: Driven, end: str) -> None:
    driven.line(b"bulk", 1, 2, tee=True)
    driven.line(b"get", 2, 3)
    assert driven.pipeline._completions == {b"bulk": 2}
    if end == "copy":
        driven.copy(b"bulk")
    elif end == "none":
        driven.ask()
    elif end == "memory":
        driven.pipeline._joining._max_bytes = 0
        driven.seconds(1)
    else:
        driven.pipeline.abandon()
        driven.shadow()
    assert driven.started[-1] == b"get"
    assert not driven.pipeline._completions
    assert entries(driven.order) == 0


@pytest.mark.parametrize("reading", [False, True])
def test_a_line_that_comes_again_after_hours_does_not_lose_the_number_of_the_first(
    monkeypatch: pytest.MonkeyPatch, *, reading: bool
) -> None:
    monkeypatch.setattr(transactions_module, "_REMEMBERED", 100)
    driven = Driven(order=WRITE_SETS)
    driven.line(b"bulk", 0, 1, tee=True, target=b"/a/_bulk")
    if reading:
        driven.copy(b"bulk")
        assert driven.pipeline.is_reading
    for number in range(2, 252):
        driven.line(b"other-%d" % number, 0, number)
    driven.line(b"bulk", 0, 1, tee=True, target=b"/a/_bulk")
    if not reading:
        driven.copy(b"bulk")
    driven.read_all()
    assert len(driven.records(b"bulk")) == 1
    assert driven.started.count(b"bulk") == 1
    assert driven.pipeline.waiting_for_copies == 0
    assert not driven.pipeline._completions
    assert entries(driven.order) == 0


def test_what_has_no_number_is_mirrored_and_nobody_waits_for_it(driven: Driven) -> None:
    driven.line(b"unanswered", 1, None, tee=True)
    assert not driven.pipeline._completions
    driven.line(b"get", 1, 2)
    assert driven.started == [b"first", b"get"]
    driven.copy(b"unanswered")
    assert driven.started == [b"first", b"get", b"unanswered"]
    assert entries(driven.order) == 0


def test_without_a_mirror_a_line_that_comes_again_counts_its_bytes_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(transactions_module, "_REMEMBERED", 100)
    driven = Driven()
    driven.pipeline._submit = None
    driven.line(b"bulk", 0, 1, tee=True)
    for number in range(2, 252):
        driven.line(b"other-%d" % number, 0, number)
    driven.line(b"bulk", 0, 1, tee=True)
    driven.copy(b"bulk")
    assert len(driven.records(b"bulk")) == 1
    assert driven.pipeline._joining._ended_bytes == 0
