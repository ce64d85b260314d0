"""Whatever a client sends arrives on the shadow as on the primary, is in both capture logs, and is answered as by a plain HAProxy."""

import gzip
import time
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from capture.engine import Engine
from tests.integration.proxies import Images
from tests.integration.raw_client import Answer, RawClient, Request, header_fields
from tests.integration.recording_server import Recorded
from tests.integration.rig import PATIENT, Entry, Rig, Setting, entries_by_case, open_rig, poll, status_of

# RFC 9110 7.6.1. Expect is between HAProxy and its client once the body is awaited; framing is compared apart.
HOP_BY_HOP = frozenset(
    ("connection", "keep-alive", "proxy-connection", "te", "upgrade", "expect", "transfer-encoding", "x-foo")
)
REDACTED = frozenset(("authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key"))

SMALL = b'{"query": {"match": {"title": "caf\xc3\xa9"}}}\n'
GZIPPED = gzip.compress(SMALL * 20, mtime=0)
BINARY = bytes(range(256)) * 8


@dataclass(frozen=True)
class Case:
    """What is sent on one connection, and how."""

    name: str
    requests: tuple[Request, ...]
    how: str = "keep-alive"
    """``keep-alive``: one after the other's answer; ``pipelined``; ``half-close``: and nothing more; ``pieces``: a few bytes a
    segment; ``expect``: the body after the interim answer."""
    closes: bool = False
    """The proxy ends the connection after the last answer."""


def one(name: str, *arguments: Any, how: str = "keep-alive", closes: bool = False, **more: Any) -> Case:
    """A case of one request."""
    return Case(name, (Request(*arguments, **more),), how, closes)


def cases() -> Iterator[Case]:
    """The table."""
    yield from methods_and_bodies()
    yield from targets()
    yield from headers()
    yield from connections()
    yield from answers()


def methods_and_bodies() -> Iterator[Case]:
    for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "BREW"):
        json = b"Content-Type: application/json"
        yield one(f"{method}-no-body", method, b"/i/_doc/1")
        yield one(f"{method}-small", method, b"/i/_search", [json], SMALL)
        yield one(f"{method}-gzip", method, b"/i/_search", [json, b"Content-Encoding: gzip"], GZIPPED)
        yield one(
            f"{method}-chunked", method, b"/i/_search", [json], SMALL * 3, "chunked", chunk_sizes=(1, 7, 30)
        )
        yield one(f"{method}-binary", method, b"/i", [b"Content-Type: application/cbor"], BINARY)
        yield one(f"{method}-length-0", method, b"/i", [json], b"", "length")
    yield one("chunked-empty", "POST", b"/i", [], b"", "chunked")
    yield one("chunked-gzip", "POST", b"/i", [b"Content-Encoding: gzip"], GZIPPED, "chunked")
    yield one("60-kb", "POST", b"/_bulk", [b"Content-Type: application/x-ndjson"], b'{"index":{}}\n' * 4600)
    yield one("50-kb-chunked", "PUT", b"/_bulk", [], b"x" * 50_000, "chunked", chunk_sizes=(8000,) * 6)
    yield one("not-quite-gzip", "POST", b"/i", [b"Content-Encoding: gzip"], SMALL)


def targets() -> Iterator[Case]:
    for name, target in (
        ("percent-encoded", b"/%E4%B8%AD/_doc/a%20b%3Fc"),
        ("slash-encoded", b"/a%2Fb/%2f/_doc/x"),
        ("lower-and-upper-hex", b"/%c3%a9%C3%A9"),
        ("percent-that-is-none", b"/100%/%zz"),
        ("double-slashes", b"//i//_search//"),
        ("dots", b"/a/./b/../../c/.."),
        ("dots-encoded", b"/a/%2e%2e/b"),
        ("root", b"/"),
        ("query-without-value", b"/i?pretty"),
        ("query-empty", b"/i?"),
        ("two-question-marks", b"/i?q=a?b&c=??"),
        ("query-repeated", b"/i?a=1&a=2&&a&=x"),
        ("query-plus-and-encoded", b"/i?q=a+b%20c%2Bd%26e%3Df&filter_path=*.x,-y"),
        ("query-with-slashes", b"/i?path=/a/../b//c"),
        ("sub-delimiters", b"/<logs-{now/d}>,-x*/_search;v=1!$'()@:~"),
        ("wildcard-list", b"/_all,*,-.kibana/_search"),
        ("8-kb-path", b"/" + b"p" * 8192),
        ("30-kb-query", b"/i?q=" + b"abc%20" * 5000),
        ("absolute-form", b"http://node.test/i/_search?q=1"),
        ("absolute-form-no-path", b"http://node.test"),
        ("quotes-and-backslash", b'/a"b\\c|d^e`f'),
    ):
        yield one(f"target-{name}", "GET", target)
    yield one("target-asterisk", "OPTIONS", b"*")
    yield one("absolute-form-with-body", "POST", b"http://node.test/i", [], SMALL)


def headers() -> Iterator[Case]:
    for name, lines in (
        ("repeated", [b"X-A: 1", b"X-B: 2", b"X-A: 3", b"x-a: 1"]),
        ("empty", [b"X-Empty:", b"X-Blank:   ", b"X-After: 1"]),
        ("colons", [b"X-Url: http://a:b@c:1/", b"X-Colon: :", b"X-Colons: a::b:"]),
        ("latin-1", [b"X-Name: Jos\xe9 \xfc\xff"]),
        ("utf-8", ["X-Name: caf\u00e9 \u4e2d".encode()]),
        ("blanks-around", [b"X-Padded: \t  a  b \t "]),
        ("list", [b"Accept: application/json, text/*;q=0.5", b"Accept: */*"]),
        ("odd-names", [b"X_Under: 1", b"X.Dot: 2", b"!#$%&'*+-.^_`|~: 3"]),
        ("quotes", [b'X-Q: "a\\"b", \'c\'', b"X-Percent: %n%s%[src]"]),
        ("authorization", [b"Authorization: Basic c2VjcmV0OnNlY3JldA=="]),
        (
            "credentials",
            [b"Cookie: sid=secret; b=2", b"X-Api-Key: secret", b"Proxy-Authorization: Basic c2VjcmV0"],
        ),
        ("own-x-capture-id", [b"X-Forged: 1", b"X-Capture-Id: forged"]),
        (
            "opaque-id",
            [b"X-Opaque-Id: 42", b"User-Agent: elasticsearch-py/7.10.2", b"Accept-Encoding: gzip,deflate"],
        ),
        ("forwarded", [b"X-Forwarded-For: 1.2.3.4", b"Via: 1.1 x", b"Forwarded: for=1.2.3.4"]),
        ("hop-by-hop", [b"Connection: x-foo", b"X-Foo: 1", b"TE: trailers", b"Keep-Alive: timeout=5"]),
        ("conditional", [b'If-None-Match: "a", W/"b"', b"Range: bytes=0-4,7-"]),
        ("32-kb-in-one", [b"X-Big: " + b"a" * 32 * 1024]),
        ("32-kb-in-many", [b"X-Big-%d: " % n + b"a" * 1000 for n in range(32)]),
        ("400-lines", [b"X-Many: %d" % n for n in range(400)]),
    ):
        yield one(f"headers-{name}", "GET", b"/i", lines)
    yield one("headers-32-kb-and-body", "POST", b"/i", [b"X-Big: " + b"a" * 32 * 1024], SMALL)
    yield one("host-with-port", "GET", b"/i", host=b"node.test:9200")
    yield one("host-in-capitals", "GET", b"/i", host=b"NODE.Test")


def connections() -> Iterator[Case]:
    def three(method: str = "GET", **more: Any) -> tuple[Request, ...]:
        return tuple(Request(method, b"/i/%d" % n, **more) for n in range(3))

    yield Case("keep-alive", (*three(), *three("POST", body=SMALL), *three("HEAD")))
    yield Case("pipelined", three(), how="pipelined")
    yield Case("pipelined-bodies", three("PUT", body=SMALL), how="pipelined")
    yield Case(
        "pipelined-chunked", three("POST", body=SMALL, framing="chunked", chunk_sizes=(5,)), how="pipelined"
    )
    yield Case(
        "pipelined-mixed",
        (Request("HEAD", b"/a"), Request("POST", b"/b", (), SMALL), Request("GET", b"/c")),
        "pipelined",
    )
    yield Case(
        "pipelined-slow-first", (Request(answer="delay=0.3"), Request("GET", b"/second")), how="pipelined"
    )
    close = [b"Connection: close"]
    yield one("connection-close", "GET", b"/i", close, closes=True)
    yield one("connection-close-with-body", "POST", b"/i", close, SMALL, closes=True)
    yield one("http-1.0", "GET", b"/i", version="1.0", closes=True)
    yield one("http-1.0-no-host", "GET", b"/i", version="1.0", host=b"", closes=True)
    yield one("http-1.0-post", "POST", b"/i", [], SMALL, version="1.0", closes=True)
    yield Case("http-1.0-keep-alive", three(version="1.0", lines=[b"Connection: keep-alive"]))
    yield one("half-close", "GET", b"/i", how="half-close", closes=True)
    yield one("half-close-with-body", "POST", b"/i", [], SMALL, how="half-close", closes=True)
    yield one("half-close-slow-answer", "GET", b"/i", answer="delay=0.4", how="half-close", closes=True)
    yield one("in-pieces", "POST", b"/i", [], SMALL * 2, how="pieces")
    yield one("in-pieces-chunked", "POST", b"/i", [], SMALL * 2, "chunked", chunk_sizes=(9, 9), how="pieces")
    expect = [b"Expect: 100-continue"]
    yield one("expect", "PUT", b"/i", expect, SMALL, how="expect")
    yield one("expect-chunked", "PUT", b"/i", expect, SMALL, "chunked", how="expect")
    yield one("expect-but-impatient", "PUT", b"/i", expect, SMALL)


def answers() -> Iterator[Case]:
    for name, rule in (
        ("empty", "size=0"),
        ("of-1000", "size=1000"),
        ("of-50000", "size=50000"),
        ("chunked", "size=3000 framing=chunked pieces=3"),
        ("chunked-in-one", "size=3000 framing=chunked"),
        ("chunked-empty", "size=0 framing=chunked"),
        ("gzip", "size=5000 gzip=1"),
        ("gzip-chunked", "size=5000 gzip=1 framing=chunked pieces=2"),
        ("binary", "size=1000 binary=1 type=application/octet-stream"),
        ("in-pieces", "size=900 pieces=5"),
        ("204", "status=204"),
        ("304", "status=304 framing=none"),
        ("304-with-length", "status=304 size=500"),
        ("201-location", "status=201 lines=Location:/i/_doc/1"),
        ("301", "status=301 size=0 lines=Location:http://elsewhere.test/?a=b"),
        ("401", "status=401 lines=WWW-Authenticate:Basic"),
        ("404", "status=404 size=200 type=application/json"),
        ("429", "status=429"),
        ("500", "status=500"),
        ("503-from-the-node", "status=503 lines=Retry-After:1"),
        ("unknown-status", "status=599"),
        ("cookies", "lines=Set-Cookie:a=secret|Set-Cookie:b=secret|Warning:299-x"),
        ("103-first", "interim=103 delay=0.2"),
        ("slow", "delay=0.5"),
        ("http-1.0-with-length", "version=1.0 close=1"),
        ("node-closes", "close=1"),
    ):
        yield one(f"answer-{name}", "GET", b"/i", answer=rule)
    yield one("answer-until-close", "GET", b"/i", answer="framing=close size=500", closes=True)
    yield one(
        "answer-until-close-http-1.0",
        "GET",
        b"/i",
        version="1.0",
        answer="framing=close size=500",
        closes=True,
    )
    yield one(
        "answer-chunked-to-http-1.0",
        "GET",
        b"/i",
        version="1.0",
        answer="framing=chunked size=500",
        closes=True,
    )
    for name, rule in (
        ("length", "size=5000"),
        ("chunked", "size=5000 framing=chunked"),
        ("gzip", "size=5000 gzip=1"),
    ):
        # The request after it shows that nobody waits for a body that does not come.
        yield Case(f"answer-to-HEAD-{name}", (Request("HEAD", b"/i", answer=rule), Request("GET", b"/next")))
    yield Case("answer-304-then-next", (Request(answer="status=304 size=99"), Request("GET", b"/next")))
    yield Case("answer-204-then-next", (Request("DELETE", answer="status=204"), Request("GET", b"/next")))


CASES = list(cases())


@pytest.fixture(scope="module")
def rig(docker_engine: Engine, images: Images, network: str, session_id: str) -> Iterator[Rig]:
    """One rig for all cases; a shadow that hangs in one of them does not hold up the others for long."""
    setting = Setting(docker_engine, images, network, session_id)
    with open_rig(setting, env={"CAPTURE_MIRROR_DEADLINE_S": "5", **PATIENT}) as rig:
        yield rig


@dataclass(frozen=True)
class Outcome:
    """What became of a case: a client's view through the plain HAProxy, and through ours."""

    expected: list[Answer] | Exception
    got: list[Answer] | Exception


@dataclass(frozen=True)
class Outcomes:
    """Of all cases; and the entries of both logs by the request's case."""

    by_name: dict[str, Outcome]
    primary: dict[str, list[Entry]]
    shadow: dict[str, list[Entry]]


@pytest.fixture(scope="module")
def outcomes(rig: Rig) -> Outcomes:
    """All cases, one after the other, and then both logs: to wait for the logs in each case would take minutes."""
    by_name = {
        case.name: Outcome(attempt(rig.reference.address, case), attempt(rig.primary.address, case))
        for case in CASES
    }
    wanted = {request.case for case in CASES for request in case.requests}

    def settled() -> bool:
        status = status_of(rig.primary)
        return not status["open_transactions"] and not status["waiting_for_shadow"]

    poll("the shadow to have had all", settled, 15)
    deadline = time.monotonic() + 5
    while True:
        logged = entries_by_case(rig.primary), entries_by_case(rig.shadow)
        if all(wanted <= entries.keys() for entries in logged) or time.monotonic() > deadline:
            return Outcomes(by_name, *logged)


def attempt(address: tuple[str, int], case: Case) -> list[Answer] | Exception:
    """The conversation, or how it failed: one case must not take the others along."""
    try:
        return converse(address, case)
    except (OSError, AssertionError) as error:
        return error


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_request_is_passed_on_mirrored_and_captured_as_it_was(
    rig: Rig, outcomes: Outcomes, case: Case
) -> None:
    outcome = outcomes.by_name[case.name]
    got = outcome.got
    assert isinstance(outcome.expected, list), f"plain HAProxy: {outcome.expected!r}"
    assert isinstance(got, list), repr(got)
    assert got == outcome.expected, "the client sees another answer than through a plain HAProxy"

    for sent, answer in zip(case.requests, got, strict=True):
        (on_primary,) = outcomes.primary[sent.case]
        (on_shadow,) = outcomes.shadow[sent.case]
        assert on_primary["_id"] == on_shadow["_id"]
        (reference,) = rig.reference_node.by_case(sent.case)
        (primary,) = rig.primary_node.by_case(sent.case)
        (shadow,) = rig.shadow_node.by_case(sent.case)
        assert_same_at_nodes(reference, primary)
        assert shadow.values("x-capture-id") == [on_primary["_id"].encode()]
        assert_same_at_nodes(primary, shadow, mirrored=True)
        assert_logged(on_primary, "primary", sent, answer)
        assert_logged(on_shadow, "shadow", sent, answer)


@pytest.mark.parametrize(
    "wire",
    [
        pytest.param(b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", id="blank-in-target"),
        pytest.param(b"GET /\xe9 HTTP/1.1\r\nHost: a\r\n\r\n", id="byte-beyond-ascii-in-target"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a\r\nBad Name: 1\r\n\r\n", id="blank-in-name"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n", id="length-that-is-none"),
        pytest.param(
            b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", id="two-lengths"
        ),
        pytest.param(b"GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", id="two-hosts"),
        pytest.param(
            b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 70_000 + b"\r\n\r\n", id="head-beyond-the-buffer"
        ),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", id="tls"),
    ],
)
def test_what_haproxy_refuses_it_refuses_as_ever_and_goes_on(rig: Rig, wire: bytes) -> None:
    refusals = []
    at_nodes_before = len(rig.primary_node.requests), len(rig.shadow_node.requests)
    bad_before = status_of(rig.primary)["bad_requests"]
    for proxy in (rig.reference, rig.primary):
        with RawClient(proxy.address) as client:
            client.send(wire)
            refusals.append(client.rest())
    assert refusals[1] == refusals[0]
    assert refusals[0].startswith((b"HTTP/1.1 4", b"HTTP/1.0 4"))
    poll(
        "the refused request to be counted", lambda: status_of(rig.primary)["bad_requests"] == bad_before + 1
    )
    assert (len(rig.primary_node.requests), len(rig.shadow_node.requests)) == at_nodes_before


def converse(address: tuple[str, int], case: Case) -> list[Answer]:
    """The answers that a client gets, which are whole and all."""
    with RawClient(address) as client:
        got: list[Answer] = []
        if case.how == "pipelined":
            client.send(b"".join(request.wire for request in case.requests))
        for request in case.requests:
            interim: tuple[bytes, ...] = ()
            if case.how == "expect":
                client.send(request.head)
                interim = (client.interim(),)
                client.send(request.wire_body)
            elif case.how == "pieces":
                for start in range(0, len(request.wire), 5):
                    client.send(request.wire[start : start + 5])
            elif case.how != "pipelined":
                client.send(request.wire)
                if case.how == "half-close":
                    client.half_close()
            answer = client.answer(request.method)
            assert answer.complete, f"no whole answer to {request.wire[:200]!r}: {answer}"
            got.append(Answer(interim, b"", b"", True, 0, 0) if interim else answer)
            if interim:
                got[-1] = Answer(interim + answer.interim, answer.head, answer.body, True, 0, 0)
        if case.closes:
            assert client.rest() == b""
        else:
            assert client.is_open_and_silent()
        return got


def assert_same_at_nodes(one: Recorded, other: Recorded, *, mirrored: bool = False) -> None:
    """Both nodes got the same request, byte for byte, but for what belongs to a connection."""
    # The mirror always speaks HTTP/1.1.
    assert one.line == other.line or (mirrored and one.line.replace(b" HTTP/1.0", b" HTTP/1.1") == other.line)
    ours = HOP_BY_HOP | {"x-capture-id"} if mirrored else HOP_BY_HOP
    assert lines_but(one.lines, ours) == lines_but(other.lines, ours)
    assert one.body == other.body
    assert one.framing == other.framing


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


def assert_logged(entry: Entry, cluster: str, sent: Request, answer: Answer) -> None:
    """The entry tells what was really sent and answered."""
    request, response = entry["request"], entry["response"]
    assert entry["_cluster"] == cluster
    assert "_truncated" not in entry
    assert request["method"] == sent.method
    target = sent.target.decode("latin-1")
    if sent.target.startswith(b"/"):
        # docs/capture-format.md: the host that an HTTP/1.0 client need not name.
        assert request["url"] == f"http://{sent.host.decode() or 'unknown.invalid'}{target}"
    elif sent.target.startswith(b"http"):
        # "http://host" and "http://host/" are the same (RFC 9110 4.2.3).
        assert request["url"].removesuffix("/") == target.removesuffix("/")
    assert request["httpVersion"] == ("HTTP/1.1" if cluster == "shadow" else f"HTTP/{sent.version}")
    expected = redacted(header_fields(sent.head_lines))
    if cluster == "shadow":
        expected = [(name, value) for name, value in expected if name != "x-capture-id"]
    assert fields_of(request) == expected
    assert request["bodySize"] == len(sent.body)
    if sent.body:
        body = text_of(request["postData"], "_encoding")
        assert body == plain(sent.body, dict(expected).get("content-encoding"))
    else:
        assert "postData" not in request

    assert response["status"] == answer.status
    # What HAProxy adds for its client's sake comes after the capture.
    assert fields_of(response) == redacted(answer.fields)
    assert response["bodySize"] == len(answer.body)
    assert text_of(response["content"], "encoding") == plain(answer.body, answer.value("content-encoding"))
    assert response["content"]["size"] == len(plain(answer.body, answer.value("content-encoding")))


def plain(body: bytes, coding: str | None) -> bytes:
    """The body without its content coding, where that is sound."""
    try:
        return gzip.decompress(body) if coding == "gzip" and body else body
    except gzip.BadGzipFile:
        return body


def text_of(content: dict[str, Any], encoding: str) -> bytes:
    """The bytes that a logged body stands for."""
    text = content.get("text", "")
    return b64decode(text) if content.get(encoding) == "base64" else text.encode()
