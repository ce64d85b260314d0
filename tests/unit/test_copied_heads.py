"""Heads one after the other: each byte is read once, and a node can't have them read without end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.copied import read_copied
from agent.copied_heads import MAX_BYTES, MAX_HEADS, CopiedHeads, UnboundedError
from agent.joining import Copy
from agent.mirror_connection import Job
from agent.order import Order
from agent.order_mode import NONE
from agent.parts import Proxy
from agent.pipeline import Pipeline
from agent.placing import Placing
from agent.refcount import RefCount
from agent.status import Status
from agent.transactions import Transactions
from service.haproxy_lines import END
from tests.unit.counted_bytes import Work, grows_no_faster
from tests.unit.exchanges import Kept, proxy_header

REQUEST = proxy_header(b"id-1") + b"GET / HTTP/1.1\r\n\r\n"
PROCESSING = b"HTTP/1.1 102 Processing\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
HEADS = st.lists(st.binary(max_size=40).map(lambda text: text.replace(b"\r", b"") + b"\r\n\r\n"), max_size=6)


@given(st.binary(max_size=50), HEADS, st.binary(max_size=30), st.integers(1, 60))
def test_heads_come_back_however_the_copy_is_split(
    before: bytes, heads: list[bytes], behind: bytes, size: int
) -> None:
    behind = behind.replace(b"\r", b"")
    read = CopiedHeads(Work().parts(before + b"".join(heads) + behind, size), len(before))
    ends = []
    for head in heads:
        assert read.next() == head
        ends.append(read.end)
    assert ends == [len(before) + sum(map(len, heads[: count + 1])) for count in range(len(heads))]
    assert read.next() is None


@pytest.mark.parametrize("size", [1, 27, 1000])
def test_every_byte_is_read_once_however_many_heads_there_are(size: int) -> None:
    def read(count: int) -> int:
        work = Work()
        heads = CopiedHeads(work.parts(PROCESSING * count + OK, size), 0)
        while heads.next() is not None:
            pass
        assert work.read == len(PROCESSING * count + OK)
        return work.joined

    assert grows_no_faster(read, 200)


def test_one_long_head_is_not_put_together_again_for_each_part() -> None:
    def joined(count: int) -> int:
        work = Work()
        head = b"HTTP/1.1 200 OK\r\nx: " + b"a" * (100 * count) + b"\r\n\r\n"
        assert CopiedHeads(work.parts(head, 100), 0).next() == head
        return work.joined

    assert grows_no_faster(joined, 200)


def test_what_is_behind_the_heads_is_not_read() -> None:
    work = Work()
    assert CopiedHeads(work.parts(OK + b"x" * 10_000, 100), 0).next() == OK[:-2]
    assert work.read == 100


def test_heads_without_an_end_are_given_up() -> None:
    work = Work()
    heads = CopiedHeads(work.parts(b"HTTP/1.1 200 OK\r\n" + b"a" * (3 * MAX_BYTES), 1 << 20), 0)
    with pytest.raises(UnboundedError):
        heads.next()
    assert work.read <= MAX_BYTES + 2 * (1 << 20)


def test_long_heads_count_together() -> None:
    long = b"HTTP/1.1 103 Early Hints\r\nlink: " + b"a" * (MAX_BYTES // 10) + b"\r\n\r\n"
    heads = CopiedHeads(Work().parts(long * 20, 1 << 20), 0)
    for _ in range(10):
        assert heads.next() == long
    with pytest.raises(UnboundedError):
        heads.next()


def test_an_exchange_is_read_a_bounded_number_of_times_whatever_its_interim_answers() -> None:
    def read(count: int) -> int:
        # These say that they have a body: nobody may look for its end.
        interim = b"HTTP/1.1 103 Early Hints\r\ntransfer-encoding: chunked\r\nx: 1\r\n\r\n"
        answer = interim * count + OK
        kept, work = Kept(REQUEST, answer), Work()
        copied = read_copied(
            kept.exchange,
            lambda stream: work.chunks(REQUEST if stream is kept.exchange.request else answer, 1000),
        )
        assert copied.response is not None
        assert copied.response.status == 200
        assert b"".join(copied.response.body.chunks()) == b"{}"
        assert not copied.unbounded
        return work.read + work.joined

    assert grows_no_faster(read, 100)


@pytest.mark.parametrize("interim", [0, 1, MAX_HEADS - 1])
def test_as_many_interim_answers_as_a_patient_node_sends(interim: int) -> None:
    copied = Kept(REQUEST, PROCESSING * interim + OK).read()
    assert copied.response is not None
    assert (copied.response.status, copied.unbounded) == (200, False)


def test_with_more_of_them_the_request_is_read_and_the_answer_is_not() -> None:
    copied = Kept(REQUEST, PROCESSING * MAX_HEADS + OK).read()
    assert copied.unbounded
    assert copied.response is None
    assert copied.request is not None
    assert copied.request.start_line == b"GET / HTTP/1.1"


def test_such_a_transaction_is_recorded_as_what_is_known_and_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    status, proxy = Status(), Proxy(65536, mirrored=False)
    order: Order[Job] = Order()
    pipeline = Pipeline(proxy, Transactions(proxy, 1 << 20, 10**9), order, None, status, Placing(NONE))
    known = {
        b"id": b"id-1",
        b"status": b"200",
        b"termination": b"--",
        b"bytes_to_client": b"9",
        b"timers": b"0/0/0/1/2",
        b"method": b"GET",
        b"answered": b"1700000000000000",
        b"server": b"tee",
        b"through_tee": b"1",
    }
    line = b" ".join(known.get(field.name.encode(), b"-") for field in END)
    released: list[bool] = []
    pipeline.ends([line], 0, 0)
    copied = Kept(REQUEST, PROCESSING * (MAX_HEADS + 5000) + OK).read()
    pipeline.copy(Copy(copied, RefCount(lambda: released.append(True))), 0)
    (transaction,) = pipeline.ended
    assert (transaction.method, transaction.status, transaction.response_whole) == (b"GET", 200, False)
    assert transaction.response_body == b""
    assert released == [True]
    assert (status.answers_not_reached, status.copied, status.copies_unreadable) == (1, 1, 0)
    assert "behind too many interim ones" in caplog.text


def test_haproxys_own_messages_are_read_however_many_digits_a_node_puts_into_them() -> None:
    """From each of a million digits to look through all that follow would take hours."""
    status, proxy = Status(), Proxy(65536, mirrored=False)
    order: Order[Job] = Order()
    pipeline = Pipeline(proxy, Transactions(proxy, 1 << 20, 10**9), order, None, status, Placing(NONE))
    pipeline.ends([b"1" * 1_000_000, b"12 events dropped", b"1" * 1_000_000 + b" events dropped"], 0, 0)
    assert status.ring_dropped == 12
