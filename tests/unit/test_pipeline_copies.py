"""Transactions through the tee, in the pipeline: in their place in the order whenever the copy comes, and recorded once."""

import pytest

from agent import transactions as transactions_module
from agent.copied import Copied, CopiedMessage
from agent.copied_body import CopiedBody
from agent.footprints.footprint import Footprint
from agent.joining import Copy
from agent.lease import Lease
from agent.mirror_connection import Job
from agent.order import Order
from agent.order_mode import STRICT
from agent.parts import Proxy
from agent.pipeline import Pipeline
from agent.placing import Placing
from agent.status import Status
from agent.transactions import Transactions
from record.transaction import Transaction
from tests.unit.exchanges import Counted
from tests.unit.test_transactions import line

SECOND = 10**9
HEADERS = b"host: a\r\ncontent-length: 70000\r\n\r\n"


class Driven:
    """A pipeline whose shadow does at once what it may."""

    def __init__(self, max_open_bytes: int = 1 << 26, order: str = STRICT) -> None:
        proxy = Proxy(65536, mirrored=False)
        self.order: Order[Job] = Order()
        self.status = Status()
        transactions = Transactions(proxy, max_open_bytes, 7200 * SECOND)
        self.pipeline = Pipeline(proxy, transactions, self.order, self._submit, self.status, Placing(order))
        self.now_ns = 0
        self.names: dict[Job, bytes] = {}
        self.started: list[bytes] = []
        self.released: dict[bytes, Counted] = {}

    def _submit(self, transaction: Transaction, completion: int, footprint: Footprint, _done: object) -> bool:
        job = Job(b"", False, transaction.earlier_completions, completion, footprint)
        self.names[job] = transaction.id
        self.order.wait(job)
        return True

    def line(self, identifier: bytes, known: int, completion: int, *, tee: bool = False) -> None:
        changes = {"server": b"tee", "through_tee": b"1", "response_headers": b"-"} if tee else {}
        told = line(identifier, known=b"%d" % known, completion=b"%d" % completion, **changes)
        self.pipeline.ends([told], self.now_ns, 0)
        self._shadow()

    def copy(self, identifier: bytes, last_us: int = 1) -> None:
        body = CopiedBody(lambda: iter([bytes(70000)]), 0, 70000, 70000, chunked=False, ended=True)
        request = CopiedMessage(b"POST /_bulk HTTP/1.1", HEADERS, body)
        self.released[identifier] = Counted()
        lease = Lease(self.released[identifier])
        self.pipeline.copy(Copy(Copied(identifier, request, None, None, last_us), lease), self.now_ns)
        self._shadow()

    def ask(self, *under_way: bytes) -> None:
        self.pipeline.answered(self.pipeline.asked(), under_way)
        self._shadow()

    def seconds(self, count: int, step: int = 1) -> None:
        for _ in range(0, count, step):
            self.now_ns += step * SECOND
            self.pipeline.tick(self.now_ns)
            self._shadow()

    def records(self, identifier: bytes) -> list[tuple[bytes, str | None]]:
        return [(one.termination, one.mirror) for one in self.pipeline.ended if one.id == identifier]

    def _shadow(self) -> None:
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
