"""What must be so of every case: at the client, at both nodes, and in both capture logs.

What HAProxy itself changes on the way to a node, so that a test may not ask for it: names of header fields become lower case, blanks around
values go, chunk extensions and chunk sizes are HAProxy's own, ``Connection`` and ``Keep-Alive`` belong to its connection, ``Expect``
is answered where the body is waited for, and HTTP/2 becomes HTTP/1.1. So a plain HAProxy in front of a node of its own is the measure, and
beside it what was sent: body, target, and end-to-end fields.
"""

import functools
import gzip
import json
import zlib
from base64 import b64decode
from collections.abc import Callable
from typing import Any

import zstandard

from tests.integration.content import Content, content_of
from tests.integration.fidelity_cases import Case
from tests.integration.fidelity_client import Got
from tests.integration.proxies import Proxy
from tests.integration.raw_client import Request, header_fields
from tests.integration.recording_server import Recorded, parse_rule, render_answer
from tests.integration.rig import Entry, case_of

# RFC 9110 7.6.1. Expect is between HAProxy and its client once the body is awaited; framing is compared apart.
HOP_BY_HOP = frozenset(
    ("connection", "keep-alive", "proxy-connection", "te", "upgrade", "expect", "transfer-encoding", "x-foo")
)
# Between the mirror and the shadow's proxy; a client's own go to the primary's nodes, and no further.
MIRRORS_OWN = frozenset(("x-capture-id", "x-capture-key"))
REDACTED = frozenset(("authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key"))
# docs/capture-format.md: what a log keeps whole of one body. Of a longer one it has the beginning, the length and the SHA-256.
KEPT_WHOLE_BYTES = 16 * 1024 * 1024


def read_log(proxy: Proxy) -> dict[str, list[Entry]]:
    """The entries of a capture log by the case that they name; a body's ``text`` is its `Content`."""
    found: dict[str, list[Entry]] = {}
    for line in proxy.whole_lines():
        entry = json.loads(line)
        for part, encoding in (
            (entry["request"].get("postData"), "_encoding"),
            (entry["response"]["content"], "encoding"),
        ):
            if part is not None and "text" in part:
                text = part["text"]
                part["text"] = content_of(
                    b64decode(text, validate=True) if part.get(encoding) == "base64" else text.encode()
                )
        found.setdefault(case_of(entry), []).append(entry)
    return found


def check_client(expected: "list[Got] | Exception", got: "list[Got] | Exception", case: Case) -> None:
    """The client has its node's answers, and they are those that it has through a plain HAProxy."""
    assert isinstance(expected, list), f"plain HAProxy: {expected!r}"
    assert isinstance(got, list), repr(got)
    assert got == expected, "another answer than through a plain HAProxy"
    for request, one in zip(case.requests, got, strict=True):
        wire, _ = answer_content(request.method, request.answer)
        assert one.content == wire, "not the node's body"
        assert one.answer.status == parse_rule(request.answer).status


def check_primary(reference: list[Recorded], primary: list[Recorded], sent: Request) -> None:
    """The primary's node got the request once, as it was sent and as through a plain HAProxy."""
    (one,), (other,) = reference, primary
    assert other.content == content_of(sent.body)
    assert other.reader.trailers == list(sent.trailers)
    check_same(one, other)


def check_shadow(primary: list[Recorded], shadow: list[Recorded], *, trailers: bool) -> None:
    """The shadow's node got what the primary's did, once, and nothing of what is between the two proxies."""
    assert len(shadow) == 1, f"{len(shadow)} requests at the shadow's node"
    (one,), (other,) = primary, shadow
    assert [value for name in MIRRORS_OWN for value in other.values(name)] == []
    check_same(one, other, mirrored=True, trailers=trailers)


def check_same(one: Recorded, other: Recorded, *, mirrored: bool = False, trailers: bool = True) -> None:
    """Both nodes got the same request, byte for byte, but for what belongs to a connection."""
    # The mirror always speaks HTTP/1.1.
    assert one.line == other.line or (mirrored and one.line.replace(b" HTTP/1.0", b" HTTP/1.1") == other.line)
    ours = HOP_BY_HOP | MIRRORS_OWN if mirrored else HOP_BY_HOP
    assert lines_but(one.lines, ours) == lines_but(other.lines, ours)
    assert one.content == other.content
    assert one.framing == other.framing
    assert not trailers or one.reader.trailers == other.reader.trailers


def check_log(
    entries: list[Entry], cluster: str, case: Case, sent: Request, got: Got, at_node: Recorded
) -> None:
    """There is one entry, and it tells what was really sent and answered."""
    assert len(entries) == 1, f"{len(entries)} entries"
    (entry,) = entries
    request, response = entry["request"], entry["response"]
    assert entry["_cluster"] == cluster
    cut = case.answer_may_be_cut and "_truncated" in entry
    assert entry.get("_truncated", []) == (["response"] if cut else [])
    assert request["method"] == sent.method
    target = sent.target.decode("latin-1")
    if sent.target.startswith(b"/"):
        # docs/capture-format.md: the host that an HTTP/1.0 client need not name.
        assert request["url"] == f"http://{sent.host.decode() or 'unknown.invalid'}{target}"
    elif sent.target.startswith(b"http"):
        # "http://host" and "http://host/" are the same (RFC 9110 4.2.3).
        assert request["url"].removesuffix("/") == target.removesuffix("/")
    version = "2.0" if case.http2 else sent.version
    assert request["httpVersion"] == ("HTTP/1.1" if cluster == "shadow" else f"HTTP/{version}")
    # Of HTTP/2 HAProxy makes lines in an order of its own.
    expected = redacted(header_fields(at_node.lines if case.http2 else sent.head_lines))
    if cluster == "shadow":
        expected = [(name, value) for name, value in expected if name not in MIRRORS_OWN]
    assert fields_of(request) == expected
    assert request["bodySize"] == len(sent.body)
    if sent.body:
        coding = next((value for name, value in expected if name == "content-encoding"), "")
        decoded = content_of(without_coding(sent.body, coding))
        check_logged_body(request["postData"], content_of(sent.body), decoded)
    else:
        assert "postData" not in request

    assert response["status"] == got.answer.status
    # What HAProxy adds for its client's sake comes after the capture.
    assert fields_of(response) == redacted(got.answer.fields)
    wire, decoded = answer_content(sent.method, sent.answer)
    if cut:
        check_beginning(response, wire)
        return
    assert response["bodySize"] == wire.size
    assert response["content"]["size"] == decoded.size
    check_logged_body(response["content"], wire, decoded)


def check_beginning(response: dict[str, Any], wire: Content) -> None:
    """There is a beginning of the answer's body, as it was sent; and how long the whole is, where the node said so."""
    text = response["content"]["text"]
    assert 0 < text.size < wire.size
    assert wire.beginning.startswith(text.beginning)
    if any(field["name"] == "content-length" for field in response["headers"]):
        assert response["bodySize"] == response["content"]["size"] == wire.size


def check_logged_body(part: dict[str, Any], wire: Content, decoded: Content) -> None:
    """The body is there whole; of one beyond the limit the beginning, the length and the SHA-256."""
    text = part.get("text", content_of(b""))
    if wire.size > KEPT_WHOLE_BYTES:
        assert part["_sha256"] == wire.sha256
        assert part.get("_size", part.get("size")) == wire.size
        assert 0 < text.size <= KEPT_WHOLE_BYTES
        assert wire.beginning.startswith(text.beginning[: 1 << 16])
    else:
        assert text == decoded
        assert "_sha256" not in part


@functools.lru_cache(maxsize=512)
def answer_content(method: str, answer: str) -> tuple[Content, Content]:
    """The body that the node sends, and the same without its content coding."""
    rule = parse_rule(answer)
    wire = render_answer(method.encode(), rule)[1]
    return content_of(wire), content_of(rule.body() if wire else b"")


def lines_but(lines: list[bytes], names: frozenset[str]) -> list[bytes]:
    """The header lines as they came, without those of ``names``."""
    return [line for line in lines if line.partition(b":")[0].decode("latin-1") not in names]


def fields_of(message: Entry) -> list[tuple[str, str]]:
    """Name and value of a logged message's end-to-end headers."""
    return [(h["name"], h["value"]) for h in message["headers"] if h["name"] not in HOP_BY_HOP]


def redacted(fields: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The fields as they are to be logged."""
    shown = [(name, "[redacted]" if name in REDACTED else value) for name, value in fields]
    return [(name, value) for name, value in shown if name not in HOP_BY_HOP]


def without_coding(body: bytes, coding: str) -> bytes:
    """The body without its content coding, where that is sound."""
    decoders: dict[str, Callable[[bytes], bytes]] = {
        "gzip": gzip.decompress,
        "deflate": zlib.decompress,
        "zstd": zstandard.decompress,
    }
    try:
        return decoders[coding](body) if coding in decoders and body else body
    except (gzip.BadGzipFile, EOFError, zlib.error):
        return body
