"""Joining HAProxy's events into transactions."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.events import End, Request, Response, parse_end
from agent.live_clients import read_sessions
from agent.spop.values import Value
from agent.transactions import LOST, Transactions
from record.transaction import Transaction

ROOM = 64512


def request(
    identifier: bytes, *, headers: bytes = b"host: a\r\n\r\n", body: bytes = b"", size: int | None = None
) -> Request:
    values: list[Value] = [
        identifier, b"POST", b"/i/_doc", b"1.1", headers, body, len(body) if size is None else size, 5, b"\x7f\0\0\1", 99,
    ]  # fmt: skip
    return Request(values)


def response(
    identifier: bytes,
    *,
    status: int = 200,
    headers: bytes = b"content-length: 2\r\n\r\n",
    body: bytes = b"{}",
    size: int | None = None,
) -> Response:
    announced = len(body) if size is None else size
    values: list[Value] = [
        identifier, status, b"1.1", headers, body, announced, b"0/0/0/1", b"node1", b"\x0a\0\0\1",
    ]  # fmt: skip
    return Response(values)


def end(
    identifier: bytes, status: int = 503, termination: bytes = b"SC", timers: bytes = b"0/0/-1/-1/3"
) -> End:
    return End(
        identifier, status, termination, 221, timers, False, b"127.0.0.1:99", b"HTTP/1.1", b"POST", b"/i/_doc"
    )


def open_transactions(max_bytes: int = 1 << 20, **kinds: bool) -> Transactions:
    return Transactions(ROOM, max_bytes, 10**9, **kinds)


def test_a_request_and_its_answer_are_one_transaction() -> None:
    transactions = open_transactions()
    opened, _ = transactions.request(request(b"1", body=b"{}"), 10, 20)
    answered = transactions.response(response(b"1"), 30)
    assert answered is opened
    assert answered is not None
    assert (answered.arrived_ns, answered.arrived_us, answered.answered_ns) == (10, 20, 30)
    assert (answered.method, answered.url, answered.request_body) == (b"POST", b"/i/_doc", b"{}")
    assert (answered.status, answered.response_body, answered.server) == (200, b"{}", b"node1")
    assert answered.request_whole
    assert answered.response_whole
    transactions.close(answered)
    assert (len(transactions), transactions.held_bytes) == (0, 0)


def test_late_or_repeated_news_change_nothing() -> None:
    transactions = open_transactions()
    transactions.request(request(b"1"), 10, 20)
    answered = transactions.response(response(b"1"), 30)
    assert answered is not None
    assert transactions.response(response(b"1"), 40) is None
    transactions.close(answered)
    assert transactions.request(request(b"1"), 50, 60) == (None, None)
    assert transactions.response(response(b"1"), 50) is None
    assert transactions.end(end(b"1"), 50, 60) is None
    assert len(transactions) == 0


def test_an_end_without_an_answer_says_why() -> None:
    transactions = open_transactions()
    transactions.request(request(b"1"), 10, 20)
    ended = transactions.end(end(b"1"), 30, 40)
    assert ended is not None
    assert (ended.status, ended.termination, ended.timers) == (503, b"SC", b"0/0/-1/-1/3")
    assert ended.answered_ns == 0
    assert len(transactions) == 0


def test_an_end_of_a_request_that_was_never_shown_is_a_transaction_too() -> None:
    ended = open_transactions().end(end(b"1", status=-1, termination=b"CR"), 30, 40)
    assert ended is not None
    assert (ended.method, ended.url, ended.request_version, ended.status) == (b"POST", b"/i/_doc", b"1.1", 0)
    assert (ended.client, ended.client_port) == (b"\x7f\0\0\1", 99)
    assert not ended.request_whole


def test_an_answer_that_is_read_before_its_request_is_kept_for_it() -> None:
    transactions = open_transactions()
    assert transactions.response(response(b"1"), 10) is None
    opened, early = transactions.request(request(b"1"), 20, 30)
    assert opened is not None
    assert early is not None
    assert transactions.response(early, 40) is opened


def test_answers_that_never_get_a_request_are_bounded_and_counted() -> None:
    transactions = open_transactions()
    for number in range(1000):
        transactions.response(response(b"%d" % number), 10)
    assert transactions.orphans == 1000 - 256


def test_memory_is_bounded_by_ending_the_oldest() -> None:
    transactions = open_transactions(max_bytes=100_000)
    for number in range(100):
        transactions.request(request(b"%d" % number, body=b"x" * 9000), 10, 20)
        for lost in transactions.overdue(10):
            assert lost.termination == LOST
    assert transactions.held_bytes <= 100_000
    assert transactions.lost == 100 - len(transactions)
    assert len(transactions) > 5


def test_what_haproxy_no_longer_works_on_has_ended() -> None:
    transactions = open_transactions()
    transactions.request(request(b"1"), 10, 0)
    client = (b"\x7f\0\0\1", 99)
    assert transactions.oldest_ns() == 10
    assert transactions.vanished({client}, 20) == []
    # It may have arrived after HAProxy was asked.
    assert transactions.vanished(set(), 10) == []
    assert [t.termination for t in transactions.vanished({(client[0], 98)}, 20)] == [LOST]
    assert transactions.oldest_ns() is None


def test_whose_sessions_haproxy_lists() -> None:
    answer = (
        b"0x7f: proto=tcpv4 src=127.0.0.1:34844 fe=clients be=nodes srv=node1 ts=00 epoch=0 age=1s\n"
        b"0x80: proto=tcpv6 src=::1:34845 fe=clients be=nodes srv=<none> ts=00\n"
        b"0x81: proto=unix_stream src=unix:1 fe=GLOBAL be=<NONE> srv=<none> ts=00\n"
        b"0x82: proto=? ts=00 epoch=0 age=3s calls=1\n\n"
    )
    assert read_sessions(answer) == {(b"\x7f\0\0\1", 34844), (b"\0" * 15 + b"\1", 34845)}


def test_a_transaction_is_not_waited_for_for_ever() -> None:
    transactions = open_transactions()
    transactions.request(request(b"1"), 0, 0)
    assert transactions.overdue(10**9) == []
    assert [t.id for t in transactions.overdue(10**9 + 1)] == [b"1"]


@pytest.mark.parametrize(
    ("event", "whole"),
    [
        (request(b"1", headers=b"content-length: 3\r\n\r\n", body=b"abc"), True),
        (request(b"1", headers=b"content-length: 3\r\n\r\n", body=b"ab", size=3), False),
        (request(b"1", headers=b"content-length: 64000\r\n\r\n", body=b"x" * 64000), True),
        (request(b"1", headers=b"transfer-encoding: chunked\r\n\r\n", body=b"abc"), True),
        # Chunked, and so near to the buffer's end that more may have come behind it.
        (request(b"1", headers=b"transfer-encoding: chunked\r\n\r\n", body=b"x" * 62000), False),
        (request(b"1", headers=b"x: " + b"y" * 40000 + b"\r\n\r\n", body=b""), True),
    ],
)
def test_whether_a_request_is_whole(event: Request, whole: bool) -> None:
    opened, _ = open_transactions().request(event, 0, 0)
    assert opened is not None
    assert opened.request_whole is whole


@pytest.mark.parametrize(
    ("method", "event", "whole", "size"),
    [
        (b"GET", response(b"1"), True, 2),
        (b"GET", response(b"1", body=b"x", size=2), False, 2),
        (b"GET", response(b"1", headers=b"transfer-encoding: chunked\r\n\r\n", body=b"x" * 100), True, 100),
        (
            b"GET",
            response(b"1", headers=b"transfer-encoding: chunked\r\n\r\n", body=b"x" * 62000),
            False,
            62000,
        ),
        (b"GET", response(b"1", headers=b"\r\n", body=b"until close"), True, 11),
        (b"HEAD", response(b"1", headers=b"content-length: 9\r\n\r\n", body=b"", size=9), True, 0),
        (b"GET", response(b"1", status=304, headers=b"content-length: 9\r\n\r\n", body=b"", size=9), True, 0),
        (b"GET", response(b"1", status=204, body=b"", size=0), True, 0),
    ],
)
def test_whether_an_answer_is_whole(method: bytes, event: Response, whole: bool, size: int) -> None:
    transaction = Transaction(b"1")
    transaction.method = method
    event.fill(transaction, ROOM)
    assert (transaction.response_whole, transaction.response_body_bytes) == (whole, size)


def test_the_shadow_knows_a_mirrored_request_by_the_primarys_identifier() -> None:
    transactions = open_transactions(mirrored=True)
    opened, _ = transactions.request(
        request(b"1", headers=b"host: a\r\nx-capture-id: primary-7\r\ncontent-length: 0\r\n\r\n"), 0, 0
    )
    assert opened is not None
    assert opened.capture_id == b"primary-7"
    assert opened.request_headers == b"host: a\r\ncontent-length: 0\r\n\r\n"
    bare, _ = transactions.request(request(b"3", headers=b"x-capture-id: primary-8\r\n\r\n"), 0, 0)
    assert bare is not None
    assert (bare.capture_id, bare.request_headers) == (b"primary-8", b"\r\n")
    direct, _ = transactions.request(request(b"2"), 0, 0)
    assert direct is not None
    assert direct.capture_id == b"2"


def test_the_primary_does_not_believe_a_clients_identifier() -> None:
    opened, _ = open_transactions().request(
        request(b"1", headers=b"host: a\r\nx-capture-id: forged\r\n\r\n"), 0, 0
    )
    assert opened is not None
    assert opened.capture_id == b"1"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            b"id-1 503 SC 221 0/0/-1/-1/3 - 10.0.0.1:99 HTTP/1.1 POST /a b\n",
            End(
                b"id-1", 503, b"SC", 221, b"0/0/-1/-1/3", False, b"10.0.0.1:99", b"HTTP/1.1", b"POST", b"/a b"
            ),
        ),
        # HAProxy's code of what went wrong with the filter: a time-out.
        (
            b"id-1 200 -- 221 0/0/0/1/3 2 10.0.0.1:99 HTTP/1.1 GET /",
            End(b"id-1", 200, b"--", 221, b"0/0/0/1/3", True, b"10.0.0.1:99", b"HTTP/1.1", b"GET", b"/"),
        ),
        (b"id-1 503 SC 221", None),
        (b"id-1 x SC 221 0/0/-1/-1/3 2 10.0.0.1:99 HTTP/1.1 POST /", None),
        (b"", None),
    ],
)
def test_the_news_of_an_end(line: bytes, expected: End | None) -> None:
    assert parse_end(line) == expected


events = st.lists(st.tuples(st.sampled_from(("request", "response", "end")), st.integers(0, 5)), max_size=60)


@given(events, st.booleans())
def test_every_transaction_ends_once_whatever_the_order(history: list[tuple[str, int]], tight: bool) -> None:
    transactions = open_transactions(max_bytes=4000 if tight else 1 << 20)
    ended: Counter[bytes] = Counter()
    for kind, number in history:
        identifier = b"%d" % number
        finished: Transaction | None = None
        if kind == "request":
            opened, early = transactions.request(request(identifier), 0, 0)
            if opened is not None and early is not None:
                finished = transactions.response(early, 1)
        elif kind == "end":
            ended.update(t.id for t in [transactions.end(end(identifier), 1, 1)] if t is not None)
        else:
            finished = transactions.response(response(identifier), 1)
        if finished is not None:
            transactions.close(finished)
            ended[finished.id] += 1
        ended.update(t.id for t in transactions.overdue(1))
    still_open = {t.id for t in transactions.abandon()}
    assert all(count == 1 for count in ended.values())
    assert not still_open & set(ended)
    shown = {b"%d" % number for kind, number in history if kind in ("request", "end")}
    assert set(ended) | still_open == shown
    assert transactions.held_bytes == 0
