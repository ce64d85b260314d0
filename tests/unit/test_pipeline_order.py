"""What the pipeline tells the causal order: of lines that are late, damaged, lost, or none of ours."""

import pytest

from agent.footprints.footprint import Footprint
from agent.mirror_connection import Job
from agent.order import Order
from agent.order_mode import STRICT, WRITE_SETS
from agent.parts import Proxy
from agent.pipeline import Pipeline
from agent.placing import Placing
from agent.status import Status
from agent.transactions import Transactions
from record.transaction import Transaction
from service.haproxy_lines import END
from tests.unit.test_transactions import b64, line

SECOND = 10**9
PROXY = Proxy(64512, mirrored=False)


class Rig:
    """A pipeline whose shadow takes everything and finishes nothing by itself."""

    def __init__(self, order: str = STRICT) -> None:
        self.order: Order[Job] = Order()
        self.status = Status()
        self.submitted: list[Transaction] = []
        self.jobs: dict[bytes, Job] = {}
        transactions = Transactions(PROXY, 1 << 20, 3600 * SECOND)
        self.pipeline = Pipeline(PROXY, transactions, self.order, self._submit, self.status, Placing(order))

    def _submit(self, transaction: Transaction, completion: int, footprint: Footprint, _done: object) -> bool:
        self.submitted.append(transaction)
        job = Job(b"", False, transaction.earlier_completions, completion, footprint)
        self.jobs[transaction.id] = job
        self.order.wait(job)
        return True

    def lines(self, *lines: bytes, now_ns: int = 0) -> None:
        self.pipeline.ends(list(lines), now_ns, 0)

    def done(self, identifier: bytes) -> None:
        self.order.finish(self.jobs[identifier].completion)

    def may_start(self, identifier: bytes) -> bool:
        return self.jobs[identifier] in self.order.ready


def uuid(number: int) -> bytes:
    return b"00000000-0000-4000-8000-%012x" % number


def ended(number: int, known: int | None, completion: int) -> bytes:
    said = b"-" if known is None else b"%d" % known
    return line(uuid(number), known=said, completion=b"%d" % completion)


def cut(whole: bytes) -> bytes:
    """As HAProxy cuts a line that is too long."""
    return whole[: whole.rindex(b" ")]


def spoilt(whole: bytes) -> bytes:
    """With base64 that is none."""
    fields = whole.split(b" ")
    fields[[field.name for field in END].index("request_headers")] = b"A"
    return b" ".join(fields)


@pytest.mark.parametrize("damage", [cut, spoilt])
def test_a_line_that_cannot_be_read_is_counted_and_leaves_no_hole(damage: object) -> None:
    assert callable(damage)
    rig = Rig()
    rig.lines(ended(1, 0, 1), damage(ended(2, 1, 2)), ended(3, 2, 3))
    assert rig.status.protocol_errors == 1
    rig.done(uuid(1))
    assert rig.may_start(uuid(3))
    assert rig.order.missing == 0


@pytest.mark.parametrize("number", [b"x", b"1" * 5000, b"-"])
def test_a_damaged_number_is_no_number(number: bytes) -> None:
    rig = Rig()
    rig.lines(ended(1, 0, 1), cut(line(uuid(2), completion=number)))
    assert rig.order.latest == rig.jobs[uuid(1)].completion


@pytest.mark.parametrize(
    "text",
    [
        cut(ended(2, None, 2).replace(b" 2 ", b" - ")),
        cut(line(b"00000000-0000-4000-8000-000000000002/primarys-name", completion=b"-")),
        uuid(2),
        b"unanswered " + uuid(2) + b" 127.0.0.1:99",
    ],
    ids=["no number", "on the shadow", "cut early", "unanswered"],
)
def test_a_line_about_a_transaction_that_is_cut_is_counted_whatever_is_left_of_it(text: bytes) -> None:
    rig = Rig()
    rig.lines(text)
    assert rig.status.protocol_errors == 1


def test_who_knows_nothing_of_what_its_client_knew_waits_for_all_before_it_and_never_for_itself() -> None:
    rig = Rig()
    rig.lines(ended(1, 0, 1), ended(3, 2, 3), ended(2, None, 2))
    assert not rig.may_start(uuid(2))
    rig.done(uuid(1))
    assert rig.may_start(uuid(2))
    assert not rig.may_start(uuid(3))
    rig.done(uuid(2))
    assert rig.may_start(uuid(3))


@pytest.mark.parametrize(
    ("text", "dropped"),
    [
        (b"25 events dropped", 25),
        (b"1 event dropped\0", 1),
        (b"Server clients/node1 is DOWN, reason: Layer7 wrong status, info: \"7 events dropped\", check duration: 2ms.", 0),
        (b"Server clients/node1 is DOWN, reason: Layer7 wrong status, info: \"9 events dropped", 0),
    ],
)  # fmt: skip
def test_only_haproxys_own_line_says_that_the_ring_was_full(text: bytes, dropped: int) -> None:
    rig = Rig()
    rig.lines(text)
    assert rig.status.ring_dropped == dropped
    assert rig.status.protocol_errors == 0


def test_what_was_given_up_is_counted_when_it_was() -> None:
    rig = Rig()
    rig.lines(ended(1, 0, 1))
    rig.lines(ended(3, 2, 3))
    rig.pipeline.tick(0)
    rig.pipeline.tick(1 * SECOND)
    assert rig.status.order_given_up == 0
    # Number 2 has been known to be given for 2 s.
    rig.pipeline.tick(2 * SECOND)
    assert rig.status.order_given_up == 1


@pytest.mark.parametrize("changes", [{"method": b"CONNECT"}, {"status": b"101"}])
def test_what_leaves_http_is_not_mirrored(changes: dict[str, bytes]) -> None:
    rig = Rig()
    rig.lines(line(uuid(1), known=b"0", completion=b"1", **changes), ended(2, 1, 2))
    assert [t.id for t in rig.submitted] == [uuid(2)]
    assert rig.status.not_mirrored_tunnels == 1
    assert rig.pipeline.ended[0].mirror == "not sent: client and node left HTTP"
    assert rig.may_start(uuid(2))


def test_the_answer_that_the_counter_comes_round_with_is_one() -> None:
    rig = Rig()
    last = (1 << 32) - 1
    rig.lines(ended(1, last - 1, last), ended(2, last, 0), ended(3, 0, 1))
    for second in range(4):
        # What was before the first line is another agent's.
        rig.pipeline.tick(second * SECOND)
    rig.done(uuid(1))
    assert rig.may_start(uuid(2))
    assert not rig.may_start(uuid(3))
    rig.done(uuid(2))
    assert rig.may_start(uuid(3))
    assert rig.order.missing == 0


def write(number: int, document: bytes, known: int, completion: int) -> bytes:
    """A PUT of a document."""
    return line(
        uuid(number),
        known=b"%d" % known,
        completion=b"%d" % completion,
        method=b"PUT",
        url=b64(b"/a/_doc/" + document),
    )


def read(number: int, document: bytes, known: int, completion: int) -> bytes:
    """A GET of a document."""
    return line(
        uuid(number),
        known=b"%d" % known,
        completion=b"%d" % completion,
        method=b"GET",
        url=b64(b"/a/_doc/" + document),
    )


def test_a_client_that_reads_its_writes_answer_for_five_seconds_finds_the_write_on_the_shadow() -> None:
    rig = Rig(WRITE_SETS)
    rig.lines(read(1, b"x", 0, 1))
    # HAProxy has given the write's answer as number 2, and its client is still reading it.
    rig.lines(read(3, b"x", 2, 3))
    for second in range(5):
        rig.pipeline.tick(second * SECOND)
    assert rig.may_start(uuid(3))
    rig.lines(write(2, b"x", 1, 2), now_ns=5 * SECOND)
    assert rig.may_start(uuid(2))
    # The same client's next requests.
    rig.lines(read(4, b"x", 3, 4), read(5, b"y", 3, 5), read(6, b"x", 1, 6), now_ns=5 * SECOND)
    assert not rig.may_start(uuid(4))
    assert rig.may_start(uuid(5))
    assert rig.may_start(uuid(6))
    # Twice, or cut: nothing is done for that.
    rig.lines(write(7, b"z", 1, 2), cut(write(8, b"x", 1, 2)), now_ns=6 * SECOND)
    rig.done(uuid(7))
    assert not rig.may_start(uuid(4))
    rig.done(uuid(2))
    assert rig.may_start(uuid(4))
    rig.pipeline.count()
    assert rig.status.order_given_up == 1


def test_a_damaged_line_that_comes_late_holds_up_nothing() -> None:
    rig = Rig()
    rig.lines(ended(1, 0, 1), ended(3, 1, 3))
    for second in range(4):
        rig.pipeline.tick(second * SECOND)
    rig.done(uuid(1))
    rig.done(uuid(3))
    rig.lines(cut(ended(2, 1, 2)), ended(4, 3, 4), now_ns=5 * SECOND)
    assert rig.may_start(uuid(4))
