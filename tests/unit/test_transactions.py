"""Joining HAProxy's events into transactions."""

import base64
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent import transactions as transactions_module
from agent.lines import End, Unanswered, parse_line
from agent.messages import Request, Response
from agent.parts import Proxy
from agent.primary_ids import PrimaryIds
from agent.spop.values import Value
from agent.transactions import LOST, Transactions
from record.transaction import Transaction
from service.haproxy_lines import END, UNANSWERED, UNANSWERED_WORD

ROOM = 64512


def request(
    identifier: bytes, *, headers: bytes = b"host: a\r\n\r\n", body: bytes = b"", size: int | None = None
) -> Request:
    values: list[Value] = [
        identifier, b"POST", b"/i/_doc", b"1.1", headers, body, len(body) if size is None else size, 3, 5, 6, b"\x7f\0\0\1", 99,
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
        identifier, status, b"1.1", headers, body, announced, 4, 7, b"0/0/0/1", b"node1", b"\x0a\0\0\1",
    ]  # fmt: skip
    return Response(values)


def line(identifier: bytes = b"id-1", **changes: bytes) -> bytes:
    """A line of a transaction with a short request and a short answer, changed as told."""
    fields = {
        "id": identifier,
        "status": b"201",
        "termination": b"--",
        "bytes_to_client": b"221",
        "timers": b"0/0/0/1/3",
        "error": b"-",
        "client": b"127.0.0.1:99",
        "request_version": b"1.1",
        "method": b"POST",
        "known": b"3",
        "completion": b"4",
        "received": b"5",
        "arrived": b"6",
        "answered": b"7",
        "server": b"node1",
        "server_address": b"10.0.0.1",
        "response_version": b"1.1",
        "url": b64(b"/i/_doc?q=a b"),
        "request_headers": b64(b"host: a\r\ncontent-length: 2\r\n\r\n"),
        "request_body": b64(b"{}"),
        "response_headers": b64(b"content-length: 4\r\n\r\n"),
        "response_body": b64(b"\0ok\xff"),
        "through_tee": b"-",
    }
    assert list(fields) == [field.name for field in END]
    return b" ".join((fields | changes).values())


def b64(data: bytes) -> bytes:
    return base64.b64encode(data) or b"-"


NO_REQUEST = {"url": b"-", "request_headers": b"-", "request_body": b"-"}
NO_ANSWER = {
    "completion": b"-",
    "answered": b"-",
    "server": b"<NOSRV>",
    "server_address": b"-",
    "response_version": b"-",
    "response_headers": b"-",
    "response_body": b"-",
}


def end(identifier: bytes, **changes: bytes) -> End:
    parsed = parse_line(line(identifier, **changes))
    assert isinstance(parsed, End)
    return parsed


def open_transactions(max_bytes: int = 1 << 20, *, mirrored: bool = False) -> Transactions:
    return Transactions(Proxy(ROOM, mirrored=mirrored), max_bytes, 10**9)


def test_a_line_has_the_whole_of_a_short_transaction() -> None:
    transactions = open_transactions()
    ended = transactions.end(end(b"1"), 10, 20)
    assert ended is not None
    assert (ended.method, ended.url, ended.request_version) == (b"POST", b"/i/_doc?q=a b", b"1.1")
    assert (ended.request_headers, ended.request_body) == (b"host: a\r\ncontent-length: 2\r\n\r\n", b"{}")
    assert (ended.status, ended.response_headers) == (201, b"content-length: 4\r\n\r\n")
    assert (ended.response_body, ended.response_version) == (b"\0ok\xff", b"1.1")
    assert (ended.client, ended.client_port) == (b"\x7f\0\0\1", 99)
    assert (ended.server, ended.server_address) == (b"node1", b"\x0a\0\0\1")
    assert (ended.earlier_completions, ended.completion) == (3, 4)
    assert (ended.received_us, ended.arrived_us, ended.answered_us) == (5, 6, 7)
    assert ended.request_whole
    assert ended.response_whole
    # "--" says nothing that the whole answer does not.
    assert (ended.termination, ended.bytes_to_client) == (b"", 0)
    assert (len(transactions), transactions.held_bytes) == (0, 0)


def test_a_long_request_and_its_answer_and_their_end_are_one_transaction() -> None:
    transactions = open_transactions()
    opened, _ = transactions.request(request(b"1", body=b"{}"), 10)
    answered = transactions.response(response(b"1"))
    assert answered is opened
    assert answered is not None
    assert (answered.method, answered.url, answered.request_body) == (b"POST", b"/i/_doc", b"{}")
    assert (answered.status, answered.response_body, answered.server) == (200, b"{}", b"node1")
    assert (answered.received_us, answered.arrived_us, answered.answered_us) == (5, 6, 7)
    assert len(transactions) == 1
    ended = transactions.end(end(b"1", **NO_REQUEST, **NO_ANSWER), 30, 40)
    assert ended is opened
    assert (answered.url, answered.status, answered.completion) == (b"/i/_doc", 200, 4)
    assert answered.timers == b"0/0/0/1/3"
    assert (len(transactions), transactions.held_bytes) == (0, 0)


def test_a_long_request_with_a_short_answer_is_one_transaction() -> None:
    transactions = open_transactions()
    opened, _ = transactions.request(request(b"1", body=b"x" * 20000), 10)
    ended = transactions.end(end(b"1", **NO_REQUEST), 30, 40)
    assert ended is opened
    assert ended is not None
    assert (len(ended.request_body), ended.response_body) == (20000, b"\0ok\xff")


def test_a_long_answer_to_a_request_that_was_not_shown_is_one_transaction() -> None:
    transactions = open_transactions()
    assert transactions.response(response(b"1", body=b"y" * 20000, size=20000)) is None
    ended = transactions.end(end(b"1", **NO_ANSWER), 30, 40)
    assert ended is not None
    assert (ended.request_body, len(ended.response_body), ended.status) == (b"{}", 20000, 200)


def test_late_or_repeated_news_change_nothing() -> None:
    transactions = open_transactions()
    transactions.request(request(b"1"), 10)
    assert transactions.response(response(b"1")) is not None
    assert transactions.response(response(b"1")) is None
    assert transactions.end(end(b"1"), 30, 40) is not None
    assert transactions.request(request(b"1"), 50) == (None, None)
    assert transactions.response(response(b"1")) is None
    assert transactions.end(end(b"1"), 50, 60) is None
    assert len(transactions) == 0


def test_an_end_without_an_answer_says_why() -> None:
    transactions = open_transactions()
    ended = transactions.end(
        end(b"1", status=b"503", termination=b"SC", timers=b"0/0/-1/-1/3", **NO_ANSWER), 30, 40
    )
    assert ended is not None
    assert (ended.status, ended.termination, ended.timers) == (503, b"SC", b"0/0/-1/-1/3")
    assert ended.answered_us == 0
    assert ended.request_whole


def test_a_client_that_broke_off_its_body_sent_no_whole_request() -> None:
    block = b64(b"transfer-encoding: chunked\r\n\r\n")
    ended = open_transactions().end(
        end(b"1", status=b"-1", termination=b"CR", arrived=b"-", request_headers=block, **NO_ANSWER), 30, 40
    )
    assert ended is not None
    assert (ended.status, ended.request_body, ended.request_whole) == (0, b"{}", False)


def test_an_end_of_a_request_that_was_never_shown_is_a_transaction_too() -> None:
    ended = open_transactions().end(
        end(b"1", status=b"-1", termination=b"CR", **NO_REQUEST, **NO_ANSWER), 30, 40
    )
    assert ended is not None
    assert (ended.method, ended.url, ended.request_version, ended.status) == (b"POST", b"", b"1.1", 0)
    assert not ended.request_whole


def test_an_answer_that_is_read_before_its_request_is_kept_for_it() -> None:
    transactions = open_transactions()
    assert transactions.response(response(b"1")) is None
    opened, early = transactions.request(request(b"1"), 20)
    assert opened is not None
    assert early is not None
    assert transactions.response(early) is opened


def test_answers_that_never_get_a_request_are_bounded_and_counted() -> None:
    transactions = open_transactions()
    for number in range(1000):
        transactions.response(response(b"%d" % number))
    assert transactions.orphans == 1000 - 256


def test_memory_is_bounded_by_ending_the_oldest() -> None:
    transactions = open_transactions(max_bytes=100_000)
    for number in range(100):
        transactions.request(request(b"%d" % number, body=b"x" * 9000), 10)
        for lost in transactions.overdue(10):
            assert lost.termination == LOST
    assert transactions.held_bytes <= 100_000
    assert transactions.lost == 100 - len(transactions)
    assert len(transactions) > 5


def unanswered(identifier: bytes, **changes: bytes) -> Unanswered:
    fields = {
        "unanswered": b"unanswered",
        "id": identifier,
        "client": b"127.0.0.1:99",
        "request_version": b"1.1",
        "method": b"POST",
        "known": b"3",
        "received": b"5",
        "arrived": b"6",
        "url": b64(b"/i/_doc"),
        "request_headers": b64(b"content-length: 2\r\n\r\n"),
        "request_body": b64(b"{}"),
        "through_tee": b"-",
    }
    assert list(fields) == [UNANSWERED_WORD, *[field.name for field in UNANSWERED]]
    parsed = parse_line(b" ".join((fields | changes).values()))
    assert isinstance(parsed, Unanswered)
    return parsed


def test_what_haproxy_keeps_silent_about_ends_a_while_after_its_node_closed() -> None:
    transactions = open_transactions()
    opened = transactions.unanswered(unanswered(b"1"), 10)
    assert opened is not None
    assert (opened.method, opened.url, opened.request_body) == (b"POST", b"/i/_doc", b"{}")
    assert (opened.request_whole, opened.earlier_completions) == (True, 3)
    assert transactions.silent(9) == []
    assert [(t.id, t.termination, t.status) for t in transactions.silent(10)] == [(b"1", b"SH", 0)]
    assert (len(transactions), transactions.held_bytes, transactions.lost) == (0, 0, 0)
    assert transactions.silent(1000) == []


def test_a_502_is_told_after_its_node_closed() -> None:
    transactions = open_transactions()
    opened = transactions.unanswered(unanswered(b"1"), 10)
    ended = transactions.end(end(b"1", status=b"502", termination=b"SH", **NO_ANSWER), 20, 30)
    assert ended is opened
    assert ended is not None
    assert (ended.status, ended.termination) == (502, b"SH")
    assert transactions.silent(1000) == []


def test_a_long_request_that_got_no_answer_keeps_its_body() -> None:
    transactions = open_transactions()
    opened, _ = transactions.request(request(b"1", body=b"x" * 20000), 10)
    assert transactions.unanswered(unanswered(b"1", **NO_REQUEST), 20) is None
    [silent] = transactions.silent(20)
    assert silent is opened
    assert len(silent.request_body) == 20000


def test_an_answer_that_its_node_broke_off_is_not_whole() -> None:
    chunked = b64(b"transfer-encoding: chunked\r\n\r\n")
    ended = open_transactions().end(end(b"1", termination=b"SD", response_headers=chunked), 0, 0)
    assert ended is not None
    assert (ended.response_whole, ended.termination) == (False, b"SD")


def test_a_transaction_is_not_waited_for_for_ever() -> None:
    transactions = open_transactions()
    transactions.request(request(b"1"), 0)
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
    opened, _ = open_transactions().request(event, 0)
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
    event.fill(transaction, Proxy(ROOM, mirrored=False))
    assert (transaction.response_whole, transaction.response_body_bytes) == (whole, size)


def told_by_each(transactions: Transactions, identifier: bytes) -> list[Transaction | None]:
    """Transactions of that name (after the slash: the primary's), told by a line, by a message, without an answer, and by a copy alone."""
    return [
        transactions.end(end(b"1/" + identifier), 0, 0),
        transactions.request(request(b"2/" + identifier), 0)[0],
        transactions.unanswered(unanswered(b"3/" + identifier), 0),
        transactions.unheard_of(b"4/" + identifier, 0),
    ]


def test_the_shadow_knows_a_mirrored_request_by_the_primarys_identifier() -> None:
    transactions = open_transactions(mirrored=True)
    for transaction in told_by_each(transactions, b"primary-7"):
        assert transaction is not None
        assert transaction.capture_id == b"primary-7"
    assert transactions.primary_ids.untrusted == 0


@pytest.mark.parametrize("named", [b"", b"-", b"untrusted"])
def test_a_request_that_names_nothing_or_is_not_believed_has_a_name_of_its_own(named: bytes) -> None:
    transactions = open_transactions(mirrored=True)
    told = told_by_each(transactions, named)
    assert [transaction and transaction.capture_id for transaction in told] == [b"1", b"2", b"3", b"4"]
    assert [transaction and transaction.repeated for transaction in told] == [False] * 4
    assert transactions.primary_ids.untrusted == (4 if named == b"untrusted" else 0)


def test_what_comes_again_is_marked() -> None:
    transactions = open_transactions(mirrored=True)
    told = told_by_each(transactions, b"primary-7")
    assert [transaction and transaction.repeated for transaction in told] == [False, True, True, True]
    other = transactions.end(end(b"5/primary-8"), 0, 0)
    assert other is not None
    assert not other.repeated
    assert transactions.primary_ids.repeated == 3


def test_what_its_mirror_may_have_sent_before_says_so_whether_it_came_or_not() -> None:
    transactions = open_transactions(mirrored=True)
    told = told_by_each(transactions, b"primary-7/perhaps")
    assert [transaction and transaction.capture_id for transaction in told] == [b"primary-7"] * 4
    assert [transaction and transaction.perhaps_repeated for transaction in told] == [True] * 4
    assert [transaction and transaction.repeated for transaction in told] == [False, True, True, True]


def test_how_many_are_remembered_is_bounded() -> None:
    ids = PrimaryIds()

    def named(number: int) -> bool:
        transaction = Transaction(b"own/%d" % number)
        ids.name(transaction)
        return transaction.repeated

    assert not any(named(number) for number in range(200_000))
    assert all(named(number) for number in range(200_000 - 65_536, 200_000))
    assert not named(0)


def test_the_primary_takes_an_identifier_as_it_is() -> None:
    told = open_transactions().end(end(b"1/2", request_headers=b64(b"x-capture-id: forged\r\n\r\n")), 0, 0)
    assert told is not None
    assert told.capture_id == b"1/2"
    assert told.request_headers == b"x-capture-id: forged\r\n\r\n"


@pytest.mark.parametrize(
    "text", [b"", b"id-1 503 SC 221", line() + b" more", b"3 events dropped", b"unanswered a"]
)
def test_what_is_no_news(text: bytes) -> None:
    assert parse_line(text) is None


@pytest.mark.parametrize(
    "changes",
    [{"status": b"x"}, {"known": b"x"}, {"bytes_to_client": b"x", "termination": b"CD"}, {"url": b"a"}],
)
def test_an_end_that_cannot_be_read_is_refused(changes: dict[str, bytes]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - binascii's, or int's
        open_transactions().end(end(b"1", **changes), 0, 0)


def test_haproxys_code_of_what_went_wrong_with_the_filter() -> None:
    assert not end(b"1").late
    assert end(b"1", error=b"2").late


events = st.lists(st.tuples(st.sampled_from(("request", "response", "end")), st.integers(0, 5)), max_size=60)


@given(events, st.booleans())
def test_every_transaction_ends_once_whatever_the_order(history: list[tuple[str, int]], tight: bool) -> None:
    transactions = open_transactions(max_bytes=4000 if tight else 1 << 20)
    ended: Counter[bytes] = Counter()
    for kind, number in history:
        identifier = b"%d" % number
        finished: Transaction | None = None
        if kind == "request":
            opened, early = transactions.request(request(identifier), 0)
            if opened is not None and early is not None:
                transactions.response(early)
        elif kind == "end":
            finished = transactions.end(end(identifier), 1, 1)
        else:
            transactions.response(response(identifier))
        if finished is not None:
            ended[finished.id] += 1
        ended.update(t.id for t in transactions.overdue(1))
    still_open = {t.id for t in transactions.abandon()}
    assert all(count == 1 for count in ended.values())
    assert not still_open & set(ended)
    shown = {b"%d" % number for kind, number in history if kind in ("request", "end")}
    assert set(ended) | still_open == shown
    assert transactions.held_bytes == 0


def test_a_line_that_comes_hours_after_its_transaction_was_given_up_is_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(transactions_module, "_REMEMBERED", 10)
    transactions = open_transactions()
    transactions.request(request(b"slow"), 0)
    transactions.unheard_of(b"copied", 0)
    assert [one.id for one in transactions.overdue(2 * 10**9)] == [b"slow"]
    for number in range(50):
        identifier = b"other-%d" % number
        assert transactions.end(end(identifier), 0, 0) is not None
    # That of the first ones has been forgotten: HAProxy writes one line only.
    assert transactions.end(end(b"other-0"), 0, 0) is not None
    assert transactions.end(end(b"slow"), 0, 0) is None
    assert transactions.end(end(b"copied"), 0, 0) is None
