"""Exchanges read as requests and answers: whatever the framing, wherever the copy is cut or split."""

import re
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.copied import CopiedMessage, read_copied
from agent.parts import Proxy
from agent.put_copied import put_copied
from record.transaction import Transaction
from tests.unit.counted_bytes import Work, grows_no_faster
from tests.unit.exchanges import LOCAL, Kept, chunked, proxy_header

HEADER = proxy_header(b"id-1")
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
SPLITS = st.lists(st.integers(1, 300), min_size=1, max_size=5)


@dataclass(frozen=True)
class Message:
    """What was sent, and what must be read of it when all of it was copied."""

    head: bytes
    framed: bytes
    body: bytes
    announced: int | None
    """None: not said; what is there is all that is known."""


@st.composite
def bodies(draw: st.DrawFn) -> tuple[bytes, bytes, bytes, int | None]:
    """Field lines, the framed body, the body, its announced length."""
    body = draw(st.binary(max_size=400))
    if draw(st.booleans()):
        return b"content-length: %d\r\n" % len(body), body, body, len(body)
    framed = chunked(
        body,
        draw(st.lists(st.integers(1, 100), max_size=4)),
        draw(st.sampled_from((b"", b";a=b"))),
        draw(st.sampled_from(((), (b"x-sum: 1",), (b"a: 1", b"b: 2")))),
    )
    return b"transfer-encoding: chunked\r\n", framed, body, None


@st.composite
def requests(draw: st.DrawFn) -> Message:
    if draw(st.booleans()):
        return Message(b"GET /a?b HTTP/1.1\r\nhost: a\r\n\r\n", b"", b"", 0)
    lines, framed, body, announced = draw(bodies())
    return Message(b"POST /_bulk HTTP/1.1\r\nhost: a\r\n" + lines + b"\r\n", framed, body, announced)


@st.composite
def answers(draw: st.DrawFn) -> Message:
    interim = b"".join(
        draw(
            st.lists(
                st.sampled_from(
                    (b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n")
                ),
                max_size=3,
            )
        )
    )
    lines, framed, body, announced = draw(bodies())
    return Message(interim + b"HTTP/1.1 201 Created\r\n" + lines + b"\r\n", framed, body, announced)


def body_of(message: CopiedMessage) -> bytes:
    body = b"".join(message.body.chunks())
    assert len(body) == message.body.wire_bytes
    # Again and again.
    assert b"".join(message.body.chunks()) == body
    assert sum(map(len, message.body.framed())) == message.body.framed_bytes
    return body


def check(read: CopiedMessage | None, sent: Message, cut: int) -> None:
    """``cut``: so many bytes of the message were copied."""
    if cut < len(sent.head):
        assert read is None
        return
    assert read is not None
    body, whole = body_of(read), cut == len(sent.head) + len(sent.framed)
    assert sent.body.startswith(body)
    assert read.body.whole == whole
    if whole:
        assert body == sent.body
        assert b"".join(read.body.framed()) == sent.framed
    if sent.announced is not None:
        assert read.body.announced_bytes == sent.announced
        assert body == sent.framed[: cut - len(sent.head)]
    else:
        assert read.body.announced_bytes == len(body)


@given(st.data(), requests(), SPLITS)
def test_a_request_cut_anywhere_and_split_anywhere(
    data: st.DataObject, sent: Message, sizes: list[int]
) -> None:
    wire = sent.head + sent.framed
    cut = data.draw(st.one_of(st.just(len(wire)), st.integers(0, len(wire))))
    copied = Kept(HEADER + wire[:cut], OK, sizes=sizes, incomplete=("memory_full", "")).read()
    assert copied.id == b"id-1"
    check(copied.request, sent, cut)
    assert copied.response is not None
    assert (copied.response.status, body_of(copied.response)) == (200, b"{}")


@given(st.data(), answers(), SPLITS)
def test_an_answer_cut_anywhere_and_split_anywhere(
    data: st.DataObject, sent: Message, sizes: list[int]
) -> None:
    wire = sent.head + sent.framed
    cut = data.draw(st.one_of(st.just(len(wire)), st.integers(0, len(wire))))
    copied = Kept(HEADER + b"POST / HTTP/1.1\r\n\r\n", wire[:cut], sizes=sizes).read()
    check(copied.response, sent, cut)
    if copied.response is not None:
        assert copied.response.status == 201


@pytest.mark.parametrize(
    ("method", "status"), [(b"HEAD", b"200 OK"), (b"GET", b"204 No Content"), (b"GET", b"304 Not Modified")]
)
@pytest.mark.parametrize("framing", [b"content-length: 1000\r\n", b"transfer-encoding: chunked\r\n", b""])
def test_answers_that_have_no_body_whatever_they_say(method: bytes, status: bytes, framing: bytes) -> None:
    head = b"HTTP/1.1 " + status + b"\r\n" + framing + b"\r\n"
    copied = Kept(HEADER + method + b" / HTTP/1.1\r\n\r\n", head, endings=("end", "reset")).read()
    assert copied.response is not None
    assert (body_of(copied.response), copied.response.body.whole) == (b"", True)
    assert copied.response.body.announced_bytes == 0


@pytest.mark.parametrize(
    ("ending", "incomplete", "whole"),
    [("end", "", True), ("reset", "", False), ("receiver_closed", "", False), ("end", "spool_full", False)],
)
def test_an_answer_without_a_length_is_whole_when_its_sender_came_to_the_end(
    ending: str, incomplete: str, whole: bool
) -> None:
    copied = Kept(
        HEADER + b"GET / HTTP/1.1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nsome text",
        endings=("end", ending),  # type: ignore[arg-type]
        incomplete=("", incomplete),
    ).read()
    assert copied.response is not None
    assert (body_of(copied.response), copied.response.body.whole) == (b"some text", whole)


def test_a_length_counts_however_the_connection_ends() -> None:
    copied = Kept(HEADER + b"GET / HTTP/1.1\r\n\r\n", OK, endings=("reset", "receiver_closed")).read()
    assert copied.response is not None
    assert copied.response.body.whole


def test_switching_protocols_is_an_answer() -> None:
    copied = Kept(HEADER + b"GET / HTTP/1.1\r\n\r\n", b"HTTP/1.1 101 Switching\r\n\r\n\x00\x01").read()
    assert copied.response is not None
    assert (copied.response.status, body_of(copied.response)) == (101, b"\x00\x01")


@pytest.mark.parametrize("damaged", [b"zz\r\nabc\r\n0\r\n\r\n", b"3\r\nabcd\r\n0\r\n\r\n"])
def test_chunks_that_are_none_end_the_body(damaged: bytes) -> None:
    head = b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n"
    request = Kept(HEADER + head + b"2\r\n{}\r\n" + damaged, b"").read().request
    assert request is not None
    assert not request.body.whole
    assert body_of(request).startswith(b"{}")


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        (b"host: a\r\nconnection: close\r\n\r\n", b"host: a\r\n\r\n"),
        (b"connection: close\r\nhost: a\r\n\r\n", b"host: a\r\n\r\n"),
        (b"connection: close\r\n\r\n", b"\r\n"),
        (b"proxy-connection: close\r\nhost: a\r\n\r\n", b"proxy-connection: close\r\nhost: a\r\n\r\n"),
        (b"host: a\r\nx-connection: close\r\n\r\n", b"host: a\r\nx-connection: close\r\n\r\n"),
        (b"connection: upgrade\r\n\r\n", b"connection: upgrade\r\n\r\n"),
    ],
)
def test_what_haproxy_adds_is_not_the_clients(given_: bytes, expected: bytes) -> None:
    request = Kept(HEADER + b"GET / HTTP/1.1\r\n" + given_, b"").read().request
    assert request is not None
    assert request.headers == expected


def test_the_node_is_the_inner_sections_word_and_not_the_answers() -> None:
    named = OK.replace(
        b"content-length", b"x-cluster-traffic-capture-node: node2 10.0.0.2 --\r\ncontent-length"
    )
    copied = Kept(HEADER + b"GET / HTTP/1.1\r\n\r\n", named).read()
    assert copied.node is not None
    assert copied.response is not None
    assert (copied.node.name, copied.node.address, copied.node.answered) == (b"node2", b"10.0.0.2", True)
    assert copied.response.headers == b"content-length: 2\r\n\r\n"
    assert Kept(HEADER + b"GET / HTTP/1.1\r\n\r\n", OK).read().node is None


@pytest.mark.parametrize("request_", [proxy_header(b"", LOCAL) + b"GET / HTTP/1.1\r\n\r\n", b""])
def test_a_health_check_and_what_was_not_copied_have_no_identifier(request_: bytes) -> None:
    assert Kept(request_, OK).read().id == b""


def test_what_has_no_proxy_header_is_none_of_haproxys() -> None:
    with pytest.raises(ValueError, match="no PROXY header"):
        Kept(b"GET / HTTP/1.1\r\nhost: aaaaaaaaa\r\n\r\n", OK).read()


def test_the_time_is_that_of_the_last_byte_of_both() -> None:
    assert Kept(HEADER + b"GET / HTTP/1.1\r\n\r\n", OK).read().last_us == 40


def test_a_body_in_tiny_chunks_comes_in_no_more_parts_than_the_copy_does() -> None:
    def parts(count: int) -> int:
        head = b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n"
        framed = chunked(b"x" * count, [1])
        request = Kept(HEADER + head + framed, b"", sizes=[600]).read().request
        assert request is not None
        found = list(request.body.chunks())
        assert b"".join(found) == b"x" * count
        return len(found) * 600

    # A chunk of one byte has six bytes.
    assert parts(1000) <= 6 * 1000 + 2 * 600
    assert grows_no_faster(parts, 1000)


@given(bodies(), SPLITS)
def test_whether_trailers_follow_the_last_chunk(
    body: tuple[bytes, bytes, bytes, int | None], sizes: list[int]
) -> None:
    lines, framed, _, _ = body
    request = (
        Kept(HEADER + b"POST / HTTP/1.1\r\n" + lines + b"\r\n" + framed, b"", sizes=sizes).read().request
    )
    assert request is not None
    # The last chunk's line may have an extension, which is no trailer.
    without = re.search(rb"(?:\A|\r\n)0(?:;[^\r\n]*)?\r\n\r\n\Z", framed) is not None
    if request.body.chunked and request.body.whole:
        assert request.body.trailers == (not without)


@pytest.mark.parametrize("end", [b"0\r\n\r\n", b"0\r\nx-sum: 1\r\n\r\n"])
def test_long_framing_is_not_read_by_the_event_loop(end: bytes) -> None:
    """Ten bytes in megabytes of chunk extensions are a long body: another process reads it."""

    def read(count: int) -> int:
        head = b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n"
        framed = (b"1;" + b"e" * count + b"\r\nx\r\n") * 10 + end
        kept, work = Kept(HEADER + head + framed, OK), Work()
        data = {True: HEADER + head + framed, False: OK}
        copied = read_copied(
            kept.exchange, lambda stream: work.chunks(data[stream is kept.exchange.request], 1 << 20)
        )
        transaction, before = Transaction(b"id-1"), work.read
        assert put_copied(transaction, copied, Proxy(65536, mirrored=False))
        assert transaction.request_long is not None
        assert transaction.request_wire is not None
        assert b"".join(transaction.request_long.chunks()) == b"x" * 10
        return work.read - before - 10 * count

    # But for the reading of this test's own.
    assert grows_no_faster(read, 150_000)
    assert read(600_000) < 4096 + (1 << 20)
