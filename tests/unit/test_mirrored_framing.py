"""What the shadow reads of a mirrored request is one request, the primary's, whatever the client's headers say: judged by h11."""

from collections.abc import Iterator

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.copied import Copied, CopiedMessage
from agent.copied_body import CopiedBody
from agent.mirrored import mirrored_request, repeated
from agent.parts import Proxy
from agent.put_copied import put_copied
from record.transaction import Transaction

PROXY = Proxy(64512, mirrored=False)
LONG = 64 * 1024 + 1

# What belongs to the hop and not to the request (RFC 9110 7.6.1), how the body is framed, and what is ours.
OF_THE_HOP = frozenset(
    (b"connection", b"proxy-connection", b"keep-alive", b"te", b"upgrade", b"expect", b"content-length", b"transfer-encoding",
     b"x-capture-id", b"x-capture-repeated"),
)  # fmt: skip

PLAIN_NAMES = [
    b"host", b"authorization", b"content-type", b"content-encoding", b"x-drop", b"cookie", b"trailer", b"accept", b"x-opaque-id",
    b"content-length-hint", b"x-transfer-encoding",
]  # fmt: skip
HOP_NAMES = [
    b"keep-alive",
    b"te",
    b"upgrade",
    b"expect",
    b"proxy-connection",
    b"x-capture-id",
    b"x-capture-repeated",
]
LISTED = [
    *PLAIN_NAMES,
    b"content-length",
    b"transfer-encoding",
    b"close",
    b"keep-alive",
    b"x-capture-id",
    b"",
    b"Content-Length",
]

values = st.from_regex(rb"(?:[!-~\x80-\xff](?:[ -~\t\x80-\xff]{0,20}[!-~\x80-\xff])?)?", fullmatch=True)
lines = st.one_of(
    st.tuples(st.sampled_from(PLAIN_NAMES[1:] + HOP_NAMES), values),
    st.tuples(st.just(b"connection"), st.lists(st.sampled_from(LISTED), max_size=4).map(b", ".join)),
)
bodies = st.one_of(
    st.binary(max_size=60), st.just(b"x" * LONG), st.just(b"PUT /smuggled HTTP/1.1\r\nhost: x\r\n\r\n" * 2000)
)
methods = st.sampled_from([b"GET", b"POST", b"PUT", b"DELETE", b"HEAD", b"OPTIONS", b"REPORT"])
urls = st.sampled_from([b"/", b"/i/_bulk?refresh=true", b"/%2F//x?a=b?c", b"http://other:1/i?q", b"*"])
framings = st.sampled_from(["length", "chunked", "neither", "both"])


def transaction_of(
    method: bytes, url: bytes, fields: list[tuple[bytes, bytes]], framing: str, body: bytes
) -> Transaction:
    """As it comes from HAProxy's line and, where it is long, from the tee's copy."""
    fields = [(b"host", b"a:9200"), *fields]
    if framing in ("length", "both"):
        fields.insert(len(fields) // 2, (b"content-length", b"%d" % len(body)))
    if framing in ("chunked", "both"):
        fields.append((b"transfer-encoding", b"chunked"))
    block = b"".join(name + b": " + value + b"\r\n" for name, value in fields) + b"\r\n"
    made = Transaction(b"id-1")
    made.method, made.url, made.request_headers, made.request_whole = method, url, block, True
    made.request_version = b"2.0" if framing == "neither" else b"1.1"
    if len(body) < LONG:
        made.request_body = body
        return made
    chunked = framing != "length"
    wire = (
        b"8000\r\n%b\r\n%x\r\n%b\r\n0\r\n\r\n" % (body[:0x8000], len(body) - 0x8000, body[0x8000:])
        if chunked
        else body
    )
    copied = CopiedBody(
        lambda: in_parts(wire), 0, len(wire), None if chunked else len(body), chunked=chunked, ended=False
    )
    put_copied(
        made,
        Copied(b"id-1", CopiedMessage(method + b" " + url + b" HTTP/1.1", block, copied), None, None, 1),
        PROXY,
    )
    assert made.request_whole
    return made


def in_parts(data: bytes) -> Iterator[bytes]:
    return iter([data[start : start + 50_000] for start in range(0, len(data), 50_000)])


def on_the_wire(transaction: Transaction) -> bytes:
    rest = b"" if transaction.request_wire is None else b"".join(transaction.request_wire.framed())
    return mirrored_request(transaction) + rest


def read(wire: bytes) -> tuple[h11.Request, bytes, bytes]:
    """The request, its body, and what is behind it."""
    server = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
    server.receive_data(wire)
    request = server.next_event()
    assert isinstance(request, h11.Request)
    body = b""
    while not isinstance(event := server.next_event(), h11.EndOfMessage):
        assert isinstance(event, h11.Data), event
        body += bytes(event.data)
    return request, body, server.trailing_data[0]


@given(methods, urls, st.lists(lines, max_size=6), framings, bodies, st.booleans())
def test_the_shadow_reads_the_primarys_request_and_no_other(
    method: bytes, url: bytes, fields: list[tuple[bytes, bytes]], framing: str, body: bytes, again: bool
) -> None:
    given_request = transaction_of(method, url, fields, framing, body)
    wire = on_the_wire(given_request)
    request, seen, behind = read(repeated(wire) if again else wire)
    assert (request.method, request.target) == (
        method,
        b"/i?q" if framing == "neither" and url.startswith(b"http") else url,
    )
    assert seen == body
    assert behind == b""
    passed = [(name, value) for name, value in request.headers if name not in OF_THE_HOP]
    assert passed == [
        (name, value) for name, value in [(b"host", b"a:9200"), *fields] if name not in OF_THE_HOP
    ]
    ours = [value for name, value in request.headers if name == b"x-capture-id"]
    assert ours == [b"id-1"]
    assert [value for name, value in request.headers if name == b"x-capture-repeated"] == [b"perhaps"] * again
    framed_by = [name for name, _ in request.headers if name in (b"content-length", b"transfer-encoding")]
    assert len(framed_by) == (0 if framing == "neither" and not body else 1)


@pytest.mark.parametrize("size", [90_000, 100])
@pytest.mark.parametrize(
    "listed", [b"content-length", b"close, Content-Length", b"transfer-encoding, content-length"]
)
def test_a_client_that_lists_its_own_framing_smuggles_nothing(size: int, listed: bytes) -> None:
    hidden = b"PUT /smuggled/_doc/1 HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}"
    body = hidden + b"x" * (size - len(hidden))
    _, seen, behind = read(
        on_the_wire(transaction_of(b"POST", b"/i/_bulk", [(b"connection", listed)], "length", body))
    )
    assert (seen, behind) == (body, b"")


def test_what_stands_behind_a_chunked_body_is_not_sent_on() -> None:
    """Where client and node have left HTTP."""
    chunked = (
        b"%x\r\n%b\r\n0\r\n\r\n" % (LONG, b"x" * LONG)
        + b"PUT /smuggled HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\n\r\nx"
    )
    copied = CopiedBody(lambda: in_parts(chunked), 0, len(chunked), None, chunked=True, ended=False)
    assert b"".join(copied.chunks()) == b"x" * LONG
    block = b"host: a\r\ntransfer-encoding: chunked\r\n\r\n"
    made = Transaction(b"id-1")
    put_copied(made, Copied(b"id-1", CopiedMessage(b"POST / HTTP/1.1", block, copied), None, None, 1), PROXY)
    assert made.request_wire is None
    assert not made.request_whole


def test_trailers_pass_as_they_came() -> None:
    body = b"3\r\nabc\r\n0\r\nx-checksum: 1\r\n\r\n"
    copied = CopiedBody(lambda: in_parts(body), 0, len(body), None, chunked=True, ended=False)
    block = b"host: a\r\ntrailer: x-checksum\r\ntransfer-encoding: chunked\r\n\r\n"
    made = Transaction(b"id-1")
    put_copied(made, Copied(b"id-1", CopiedMessage(b"POST / HTTP/1.1", block, copied), None, None, 1), PROXY)
    assert on_the_wire(made).endswith(b"\r\n\r\n" + body)
