"""The table of the fidelity suite: what clients send and what nodes answer, each as a case with a name of its own."""

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from tests.integration.fidelity_bodies import KB, MB, SMALL, binary, deflated, gzipped, text, utf8, zstd
from tests.integration.raw_client import Request

GZIPPED = gzipped(2 * KB)
JSON = b"Content-Type: application/json"
NDJSON = b"Content-Type: application/x-ndjson"
GZIP = b"Content-Encoding: gzip"

SIZES = {
    "1-byte": 1,
    "12-kb": 12 * KB,
    "63-kb": 63 * KB,
    "64-kb-less-1": 64 * KB - 1,
    "64-kb": 64 * KB,
    "64-kb-and-1": 64 * KB + 1,
    "100-kb": 100 * KB,
    "1-mb": MB,
    "12-mb": 12 * MB,
}


@dataclass(frozen=True)
class Pace:
    """How a client writes."""

    piece_bytes: int
    pause_s: float = 0.0
    """After each piece."""


@dataclass(frozen=True)
class Case:
    """What is sent on one connection, and how."""

    name: str
    group: str
    """The row of the matrix."""
    build: Callable[[], Sequence[Request]]
    """Makes the requests: large bodies are made when they are needed."""
    how: str = "keep-alive"
    """``keep-alive``: one after the other's answer; ``pipelined``: all at once; ``half-close``: and nothing more; ``expect``: the body
    after the interim answer; ``h2``: HTTP/2, one after the other's answer; ``h2-streams``: HTTP/2, all at once."""
    pace: Pace | None = None
    """In pieces, of the head too; None: at once."""
    closes: bool = False
    """The proxy ends the connection after the last answer."""
    slow: bool = False
    """Takes seconds, most of which pass with waiting."""
    trailers_mirrored: bool = True
    """False: the client did not announce its trailers (RFC 9110 6.6.2), so that the mirror may leave them out (6.5.1)."""

    answer_may_be_cut: bool = False
    """The answer need not fit HAProxy's buffer, and nobody asked for such answers whole: the logs may have its beginning alone."""

    @cached_property
    def requests(self) -> Sequence[Request]:
        """The same ones at each call."""
        return self.build()

    @property
    def large(self) -> bool:
        """Whether 12 MB pass, or more; the name says it, for a body is made only when it is needed."""
        return "12-mb" in self.name or "99-mb" in self.name

    @property
    def http2(self) -> bool:
        """Whether the client speaks HTTP/2."""
        return self.how.startswith("h2")


def one(group: str, name: str, *arguments: Any, **more: Any) -> Case:
    """A case of one request, of the arguments of `Request` and of fields of `Case`.

    A ``body`` that is a function is called when it is needed; ``chunk_bytes``: the size of all chunks.
    """
    of_case = ("how", "pace", "closes", "slow", "trailers_mirrored", "answer_may_be_cut")
    for_case = {key: more.pop(key) for key in of_case if key in more}

    chunk_bytes = more.pop("chunk_bytes", 0)

    def build() -> Sequence[Request]:
        request = Request(*arguments, **_with_body(more))
        sizes = (chunk_bytes,) * (len(request.body) // chunk_bytes) if chunk_bytes else request.chunk_sizes
        return (replace(request, chunk_sizes=sizes),)

    return Case(name, group, build, **for_case)


def _with_body(fields: dict[str, Any]) -> dict[str, Any]:
    body = fields.get("body", b"")
    return fields | {"body": body()} if callable(body) else fields


def cases() -> Iterator[Case]:
    """The table."""
    yield from methods_and_bodies()
    yield from sizes()
    yield from chunks()
    yield from codings()
    yield from uploads()
    yield from targets()
    yield from headers()
    yield from connections()
    yield from http2()
    yield from answers()
    yield from answer_sizes()
    yield from whole_answers()


def methods_and_bodies() -> Iterator[Case]:
    for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "BREW"):
        yield one(method, f"{method}-no-body", method, b"/i/_doc/1")
        yield one(method, f"{method}-small", method, b"/i/_search", [JSON], SMALL)
        yield one(method, f"{method}-gzip", method, b"/i/_search", [JSON, GZIP], GZIPPED)
        yield one(
            method, f"{method}-chunked", method, b"/i", [JSON], SMALL * 3, "chunked", chunk_sizes=(1, 7, 30)
        )
        yield one(
            method, f"{method}-binary", method, b"/i", [b"Content-Type: application/cbor"], binary(2 * KB)
        )
        yield one(method, f"{method}-length-0", method, b"/i", [JSON], b"", "length")
        yield one(method, f"{method}-100-kb", method, b"/i/_search", [JSON], body=lambda: text(100 * KB))


def sizes() -> Iterator[Case]:
    for name, size in SIZES.items():
        yield one("body, length", f"length-{name}", "PUT", b"/i", [NDJSON], body=_text_of(size))
        yield one(
            "body, chunked",
            f"chunked-{name}",
            "POST",
            b"/_bulk",
            [NDJSON],
            body=_text_of(size),
            framing="chunked",
            chunk_bytes=min(size, 64 * KB),
        )
    for framing in ("length", "chunked"):
        yield one(
            f"body, {framing}",
            f"{framing}-99-mb",
            "POST",
            b"/_bulk",
            [NDJSON],
            body=_text_of(99 * MB),
            framing=framing,
            chunk_bytes=MB,
        )
    yield one("body, length", "length-binary-1-mb", "PUT", b"/i", body=lambda: binary(MB))
    yield one("body, length", "length-utf8-1-mb", "PUT", b"/i", [JSON], body=lambda: utf8(MB))
    yield one("body, length", "length-utf8-63-kb", "PUT", b"/i", [JSON], body=lambda: utf8(63 * KB))


def _text_of(size: int) -> Callable[[], bytes]:
    return lambda: text(size)


def chunks() -> Iterator[Case]:
    group = "chunks"
    post = ("POST", b"/i")
    announced = [b"Trailer: x-checksum", b"TE: trailers"]
    yield one(group, "chunked-empty", *post, [], b"", "chunked")
    yield one(group, "chunked-of-1-byte", *post, [], SMALL * 4, "chunked", chunk_bytes=1)
    yield one(
        group, "chunked-of-7-bytes-64-kb", *post, body=_text_of(64 * KB), framing="chunked", chunk_bytes=7
    )
    yield one(group, "chunked-in-one-of-12-mb", *post, body=_text_of(12 * MB), framing="chunked")
    for name, size in (("small", 300), ("100-kb", 100 * KB)):
        yield one(
            group,
            f"chunk-extensions-{name}",
            *post,
            body=_text_of(size),
            framing="chunked",
            chunk_bytes=100,
            chunk_extension=b';name=value;q="a b"',
        )
        yield one(
            group,
            f"trailers-{name}",
            *post,
            announced,
            body=_text_of(size),
            framing="chunked",
            chunk_bytes=100,
            trailers=[b"x-checksum: abc", b"x-second: 1"],
        )
        yield one(
            group,
            f"trailers-unannounced-{name}",
            *post,
            body=_text_of(size),
            framing="chunked",
            trailers=[b"x-checksum: abc"],
            trailers_mirrored=False,
        )
    yield one(
        group,
        "trailers-and-extensions",
        *post,
        announced,
        SMALL,
        "chunked",
        chunk_bytes=4,
        chunk_extension=b";a",
        trailers=[b"x-checksum: abc"],
    )


def codings() -> Iterator[Case]:
    group = "content codings"
    post = ("POST", b"/i")
    yield one(group, "gzip-chunked", *post, [GZIP], GZIPPED, "chunked")
    yield one(group, "gzip-of-1-mb", *post, [GZIP], body=lambda: gzipped(MB))
    yield one(
        group,
        "gzip-of-12-mb-chunked",
        *post,
        [GZIP],
        body=lambda: gzipped(12 * MB),
        framing="chunked",
        chunk_bytes=10_000,
    )
    for coding, made in (("deflate", deflated), ("zstd", zstd)):
        header = b"Content-Encoding: " + coding.encode()
        yield one(group, f"{coding}-of-20-kb", *post, [header], body=functools.partial(made, 20 * KB))
        yield one(group, f"{coding}-of-1-mb-chunked", *post, [header], body=functools.partial(made, MB),
                  framing="chunked", chunk_bytes=10_000)  # fmt: skip
    yield one(group, "not-quite-gzip", *post, [GZIP], SMALL)
    yield one(group, "gzip-cut", *post, [GZIP], GZIPPED[:-9])
    yield one(group, "gzip-length-0", *post, [GZIP], b"", "length")
    yield one(group, "brotli-unknown-to-us", *post, [b"Content-Encoding: br"], binary(KB))
    yield one(
        group, "br-100-kb", *post, [b"Content-Encoding: br"], body=lambda: binary(100 * KB), framing="length"
    )
    yield one(group, "identity", *post, [b"Content-Encoding: identity"], SMALL)


def uploads() -> Iterator[Case]:
    group = "slow and bursty"
    post = ("POST", b"/i")
    per_second = Pace(KB, 1.0)
    for framing in ("length", "chunked"):
        more: dict[str, Any] = {"framing": framing, "chunk_bytes": 500}
        yield one(
            group,
            f"slow-1-kb-per-s-{framing}",
            *post,
            body=_text_of(4 * KB),
            pace=per_second,
            slow=True,
            **more,
        )
        yield one(
            group,
            f"slow-1-kb-per-s-through-the-tee-{framing}",
            "POST",
            b"/i/_bulk",
            body=_text_of(4 * KB),
            pace=per_second,
            slow=True,
            **more,
        )
        yield one(
            group,
            f"bursty-256-kb-{framing}",
            *post,
            body=_text_of(256 * KB),
            pace=Pace(40_000, 0.3),
            slow=True,
            **more,
        )
        yield one(
            group,
            f"slow-1-mb-{framing}",
            *post,
            body=_text_of(MB),
            pace=Pace(20_000, 0.05),
            slow=True,
            **more,
        )
        yield one(group, f"in-pieces-of-5-{framing}", *post, [], SMALL * 2, pace=Pace(5), framing=framing)
        yield one(
            group,
            f"in-pieces-of-1000-{framing}",
            *post,
            body=_text_of(100 * KB),
            pace=Pace(1000),
            framing=framing,
        )
    yield one(group, "slow-head", "GET", b"/i", [b"X-Long: " + b"a" * 300], pace=Pace(100, 0.5), slow=True)
    expect = [b"Expect: 100-continue"]
    for name, size in (("", len(SMALL)), ("-63-kb", 63 * KB), ("-1-mb", MB), ("-12-mb", 12 * MB)):
        yield one("expect", f"expect{name}", "PUT", b"/i", expect, body=_text_of(size), how="expect")
        yield one(
            "expect",
            f"expect-chunked{name}",
            "PUT",
            b"/i",
            expect,
            body=_text_of(size),
            framing="chunked",
            how="expect",
        )
    yield one("expect", "expect-but-impatient", "PUT", b"/i", expect, SMALL)


def targets() -> Iterator[Case]:
    group = "targets"
    for name, target in (
        ("percent-encoded", b"/%E4%B8%AD/_doc/a%20b%3Fc"),
        ("slash-encoded", b"/a%2Fb/%2f/_doc/x"),
        ("nul-encoded", b"/%2F%20%00"),
        ("line-feed-encoded", b"/a%0d%0aX: 1".replace(b" ", b"%20")),
        ("lower-and-upper-hex", b"/%c3%a9%C3%A9"),
        ("percent-that-is-none", b"/100%/%zz"),
        ("double-slashes", b"//i//_search//"),
        ("dots", b"/a/./b/../../c/.."),
        ("double-slash-and-dots", b"/a//b/../c"),
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
        ("8-kb-percent-encoded", b"/" + b"%E4%B8%AD" * 910),
        ("30-kb-query", b"/i?q=" + b"abc%20" * 5000),
        ("absolute-form", b"http://node.test/i/_search?q=1"),
        ("absolute-form-no-path", b"http://node.test"),
        ("absolute-form-port", b"http://node.test:9200//a/../b"),
        ("quotes-and-backslash", b'/a"b\\c|d^e`f'),
    ):
        host = b"node.test:9200" if name == "absolute-form-port" else b"node.test"
        yield one(group, f"target-{name}", "GET", target, host=host)
    yield one(group, "target-asterisk", "OPTIONS", b"*")
    yield one(group, "absolute-form-with-body", "POST", b"http://node.test/i", [], SMALL)
    yield one(group, "absolute-form-with-1-mb", "POST", b"http://node.test/i?a=b", [], body=lambda: text(MB))
    yield one(group, "8-kb-path-with-1-mb", "POST", b"/" + b"p" * 8192, [], body=lambda: text(MB))


def headers() -> Iterator[Case]:
    group = "headers"
    many_kb = [b"X-Big-%d: " % n + b"a" * 1000 for n in range(32)]
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
        ("own-x-capture-id", [b"X-Forged: 1", b"X-Capture-Id: forged", b"X-Capture-Key: guessed"]),
        (
            "opaque-id",
            [b"X-Opaque-Id: 42", b"User-Agent: elasticsearch-py/7.10.2", b"Accept-Encoding: gzip,deflate"],
        ),
        ("forwarded", [b"X-Forwarded-For: 1.2.3.4", b"Via: 1.1 x", b"Forwarded: for=1.2.3.4"]),
        ("hop-by-hop", [b"Connection: x-foo", b"X-Foo: 1", b"TE: trailers", b"Keep-Alive: timeout=5"]),
        ("conditional", [b'If-None-Match: "a", W/"b"', b"Range: bytes=0-4,7-"]),
        ("32-kb-in-one", [b"X-Big: " + b"a" * 32 * 1024]),
        ("32-kb-in-many", many_kb),
        ("400-lines", [b"X-Many: %d" % n for n in range(400)]),
    ):
        yield one(group, f"headers-{name}", "GET", b"/i", lines)
    yield one(group, "headers-32-kb-and-body", "POST", b"/i", [b"X-Big: " + b"a" * 32 * 1024], SMALL)
    yield one(group, "headers-32-kb-and-63-kb", "POST", b"/i", many_kb, body=lambda: text(63 * KB))
    yield one(group, "headers-32-kb-and-1-mb", "POST", b"/i", many_kb, body=lambda: text(MB))
    yield one(
        group,
        "headers-repeated-and-1-mb",
        "POST",
        b"/i",
        [b"X-A: 1", b"X-B: 2", b"X-A: 3", b"Cookie: sid=secret", b"X-Capture-Id: forged"],
        body=lambda: text(MB),
    )
    yield one(group, "host-with-port", "GET", b"/i", host=b"node.test:9200")
    yield one(group, "host-in-capitals", "GET", b"/i", host=b"NODE.Test")


def connections() -> Iterator[Case]:
    def three(method: str = "GET", **more: Any) -> tuple[Request, ...]:
        return tuple(Request(method, b"/i/%d" % n, **more) for n in range(3))

    group = "keep-alive"
    yield Case("keep-alive", group, lambda: (*three(), *three("POST", body=SMALL), *three("HEAD")))
    yield Case(
        "keep-alive-large-and-small",
        group,
        lambda: (
            Request("PUT", b"/a", (), text(MB)),
            Request("GET", b"/b"),
            Request("PUT", b"/c", (), text(MB)),
        ),
    )
    group = "pipelining"
    yield Case("pipelined", group, three, "pipelined")
    yield Case("pipelined-bodies", group, lambda: three("PUT", body=SMALL), "pipelined")
    yield Case(
        "pipelined-chunked",
        group,
        lambda: three("POST", body=SMALL, framing="chunked", chunk_sizes=(5,)),
        "pipelined",
    )
    yield Case("pipelined-100-kb", group, lambda: three("PUT", body=text(100 * KB)), "pipelined")
    yield Case(
        "pipelined-mixed",
        group,
        lambda: (Request("HEAD", b"/a"), Request("POST", b"/b", (), SMALL), Request("GET", b"/c")),
        "pipelined",
    )
    yield Case(
        "pipelined-small-large-small",
        group,
        lambda: (Request("GET", b"/a"), Request("POST", b"/b", (), text(MB)), Request("GET", b"/c")),
        "pipelined",
    )
    yield Case(
        "pipelined-slow-first",
        group,
        lambda: (Request(answer="delay=0.3"), Request("GET", b"/second")),
        "pipelined",
    )
    group = "close, HTTP/1.0"
    close = [b"Connection: close"]
    old: dict[str, Any] = {"version": "1.0", "closes": True}
    yield one(group, "connection-close", "GET", b"/i", close, closes=True)
    yield one(group, "connection-close-with-body", "POST", b"/i", close, SMALL, closes=True)
    yield one(group, "connection-close-with-1-mb", "POST", b"/i", close, body=lambda: text(MB), closes=True)
    yield one(group, "http-1.0", "GET", b"/i", **old)
    yield one(group, "http-1.0-no-host", "GET", b"/i", host=b"", **old)
    yield one(group, "http-1.0-post", "POST", b"/i", [], SMALL, **old)
    yield one(group, "http-1.0-post-1-mb", "POST", b"/i", body=lambda: text(MB), **old)
    yield one(group, "http-1.0-no-host-1-mb", "POST", b"/i", host=b"", body=lambda: text(MB), **old)
    yield Case("http-1.0-keep-alive", group, lambda: three(version="1.0", lines=[b"Connection: keep-alive"]))
    group = "half-close"
    half: dict[str, Any] = {"how": "half-close", "closes": True}
    yield one(group, "half-close", "GET", b"/i", **half)
    yield one(group, "half-close-with-body", "POST", b"/i", [], SMALL, **half)
    yield one(group, "half-close-slow-answer", "GET", b"/i", answer="delay=0.4", **half)
    yield one(group, "half-close-with-1-mb", "POST", b"/i", body=lambda: text(MB), **half)
    yield one(
        group,
        "half-close-chunked-1-mb-slow-answer",
        "POST",
        b"/i",
        body=lambda: text(MB),
        framing="chunked",
        answer="delay=0.4",
        **half,
    )


def http2() -> Iterator[Case]:
    group = "HTTP/2"
    h2: dict[str, Any] = {"how": "h2"}
    for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"):
        yield one(group, f"h2-{method}", method, b"/i/_doc/1?q=a%20b", **h2)
        yield one(group, f"h2-{method}-small", method, b"/i/_search", [JSON], SMALL, **h2)
    for name in ("63-kb", "64-kb-and-1", "1-mb", "12-mb"):
        yield one(group, f"h2-length-{name}", "PUT", b"/i", [JSON], body=_text_of(SIZES[name]), **h2)
        yield one(
            group,
            f"h2-no-length-{name}",
            "POST",
            b"/i",
            [NDJSON],
            body=_text_of(SIZES[name]),
            framing="none",
            **h2,
        )
    yield one(group, "h2-no-length", "POST", b"/i", [], SMALL, "none", **h2)
    yield one(group, "h2-gzip", "POST", b"/i", [GZIP], GZIPPED, **h2)
    yield one(group, "h2-trailers", "POST", b"/i", [], SMALL, "none", trailers=[b"x-checksum: abc"],
              trailers_mirrored=False, **h2)  # fmt: skip
    yield one(group, "h2-repeated-headers", "GET", b"/i", [b"x-a: 1", b"x-b: 2", b"x-a: 3"], **h2)
    yield one(group, "h2-cookie-crumbs", "GET", b"/i", [b"cookie: a=1", b"cookie: b=2"], **h2)
    yield one(group, "h2-32-kb-headers", "GET", b"/i", [b"x-big: " + b"a" * 32 * KB], **h2)
    yield one(group, "h2-8-kb-path", "GET", b"/" + b"p" * 8192, **h2)
    yield one(group, "h2-odd-path", "GET", b"/a//b/../c/%2F%20%00?x=/../y", **h2)
    yield one(group, "h2-host-with-port", "GET", b"/i", host=b"node.test:9200", **h2)
    for rule in (
        "status=204",
        "status=304 size=99",
        "size=5000 framing=chunked",
        "size=1048576",
        "status=404",
    ):
        name = rule.replace(" ", "-").replace("=", "-")
        cut = rule == "size=1048576"
        yield one(group, f"h2-answer-{name}", "GET", b"/i", answer=rule, answer_may_be_cut=cut, **h2)
    yield one(group, "h2-answer-close-delimited", "GET", b"/i", answer="framing=close size=500", **h2)
    yield Case(
        "h2-one-after-the-other",
        group,
        lambda: (Request("GET", b"/a"), Request("POST", b"/b", (), SMALL), Request("HEAD", b"/c")),
        "h2",
    )
    yield Case(
        "h2-streams",
        group,
        lambda: [Request("POST", b"/%d" % n, (), SMALL, answer="delay=0.1") for n in range(10)],
        "h2-streams",
    )
    yield Case(
        "h2-streams-large-and-small",
        group,
        lambda: [Request("POST", b"/%d" % n, (), text(KB if n % 2 else MB)) for n in range(4)],
        "h2-streams",
    )


def answers() -> Iterator[Case]:
    group = "answers"
    for name, rule in (
        ("empty", "size=0"),
        ("of-1000", "size=1000"),
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
        yield one(group, f"answer-{name}", "GET", b"/i", answer=rule)
    until_close = "framing=close size=500"
    old: dict[str, Any] = {"version": "1.0", "closes": True}
    yield one(group, "answer-until-close", "GET", b"/i", answer=until_close, closes=True)
    yield one(group, "answer-until-close-http-1.0", "GET", b"/i", answer=until_close, **old)
    yield one(group, "answer-chunked-to-http-1.0", "GET", b"/i", answer="framing=chunked size=500", **old)
    group = "answers without a body"
    for name, rule in (
        ("length", "size=5000"),
        ("chunked", "size=5000 framing=chunked"),
        ("gzip", "size=5000 gzip=1"),
        ("12-mb", f"size={12 * MB}"),
    ):
        # The request after it shows that nobody waits for a body that does not come.
        yield Case(f"answer-to-HEAD-{name}", group, _then_next("HEAD", rule))
    yield Case("answer-304-then-next", group, _then_next("GET", "status=304 size=99"))
    yield Case("answer-304-of-12-mb-then-next", group, _then_next("GET", f"status=304 size={12 * MB}"))
    yield Case("answer-204-then-next", group, _then_next("DELETE", "status=204"))
    yield Case("answer-204-to-1-mb-then-next", group, _then_next("PUT", "status=204", MB))
    yield Case("answer-103-to-1-mb-then-next", group, _then_next("PUT", "interim=103 delay=0.1", MB))


def _then_next(method: str, rule: str, size: int = 0) -> Callable[[], Sequence[Request]]:
    return lambda: (Request(method, b"/i", (), text(size), answer=rule), Request("GET", b"/next"))


def answer_sizes() -> Iterator[Case]:
    def get(name: str, rule: str, size: int = MB, **more: Any) -> Case:
        cut = size >= 63 * KB
        return one("long answers", name, "GET", b"/i", answer=rule, answer_may_be_cut=cut, **more)

    for name, size in SIZES.items():
        yield get(f"answer-length-{name}", f"size={size}", size)
        yield get(f"answer-chunked-{name}", f"size={size} framing=chunked pieces=9", size)
    for name in ("63-kb", "64-kb-and-1", "1-mb"):
        size = SIZES[name]
        yield get(f"answer-until-close-{name}", f"size={size} framing=close", size, closes=True)
        yield get(f"answer-binary-{name}", f"size={size} binary=1 type=application/octet-stream", size)
    for framing in ("length", "chunked"):
        yield get(f"answer-gzip-{framing}-of-12-mb", f"size={12 * MB} gzip=1 framing={framing} varied=1")


def whole_answers() -> Iterator[Case]:
    group = "answers needed whole"
    for name, method, target, lines in (
        ("bulk", "POST", b"/_bulk", [NDJSON]),
        ("bulk-of-index", "PUT", b"/i/_bulk?refresh=true", [NDJSON]),
        ("msearch", "POST", b"/_msearch", [NDJSON]),
        ("msearch-get", "GET", b"/i/_msearch", [NDJSON]),
        ("mget", "POST", b"/_mget", [JSON]),
        ("scroll", "POST", b"/_search/scroll", [JSON]),
        ("scroll-delete", "DELETE", b"/_search/scroll", [JSON]),
        ("scroll-start", "POST", b"/i/_search?size=10&scroll=1m", [JSON]),
        ("pit", "POST", b"/i/_pit?keep_alive=1m", [JSON]),
        ("point-in-time", "POST", b"/i/_search/point_in_time?keep_alive=1m", [JSON]),
    ):
        for size_name, rule in (
            ("small", "size=200 type=application/json"),
            ("1-mb", f"size={MB} type=application/json"),
        ):
            yield one(group, f"whole-{name}-{size_name}", method, target, lines, SMALL, answer=rule)
    # The identifier is in the body: such a search names no index.
    for name, method, target in (("pit", "POST", b"/_search"), ("pit-get", "GET", b"/_search?size=1")):
        yield one(group, f"whole-search-in-{name}-1-mb", method, target, [JSON],
                  b'{"query": {"match_all": {}}, "pit": {"id": "46ToAwMDaWR5", "keep_alive": "1m"}}',
                  answer=f"size={MB} type=application/json")  # fmt: skip
    rule = f"size={12 * MB} framing=chunked pieces=20"
    yield one(
        group,
        "whole-bulk-12-mb-both-ways",
        "POST",
        b"/_bulk",
        [NDJSON],
        body=lambda: text(12 * MB),
        answer=rule,
    )
    yield one(group, "whole-bulk-chunked", "POST", b"/_bulk", [NDJSON], SMALL, "chunked", answer="size=99")
    yield one(group, "whole-scroll-gzip", "POST", b"/_search/scroll", [JSON], SMALL,
              answer=f"size={MB} gzip=1 varied=1")  # fmt: skip
    yield one(group, "whole-mget-until-close", "POST", b"/_mget", [JSON], SMALL,
              answer=f"size={MB} framing=close", closes=True)  # fmt: skip
    yield one(group, "whole-bulk-http-1.0", "POST", b"/_bulk", [NDJSON], SMALL, version="1.0", closes=True)
    yield one(group, "whole-bulk-h2", "POST", b"/_bulk", [NDJSON], SMALL, answer=f"size={MB}", how="h2")


def refusals() -> dict[str, bytes]:
    """What HAProxy refuses as no HTTP, as it is written on the wire."""
    host = b"\r\nHost: a\r\n"
    return {
        "blank-in-target": b"GET /a b HTTP/1.1" + host + b"\r\n",
        "byte-beyond-ascii-in-target": b"GET /\xe9 HTTP/1.1" + host + b"\r\n",
        "control-byte-in-target": b"GET /\x01 HTTP/1.1" + host + b"\r\n",
        "nul-in-target": b"GET /\x00 HTTP/1.1" + host + b"\r\n",
        "fragment": b"GET /a#b HTTP/1.1" + host + b"\r\n",
        "no-slash": b"GET a HTTP/1.1" + host + b"\r\n",
        "blank-in-name": b"GET / HTTP/1.1" + host + b"Bad Name: 1\r\n\r\n",
        "nul-in-value": b"GET / HTTP/1.1" + host + b"X: \x00\r\n\r\n",
        "blank-before-colon": b"GET / HTTP/1.1" + host + b"X : 1\r\n\r\n",
        "length-that-is-none": b"GET / HTTP/1.1" + host + b"Content-Length: x\r\n\r\n",
        "two-lengths": b"GET / HTTP/1.1" + host + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "two-codings": b"GET / HTTP/1.1" + host + b"Transfer-Encoding: gzip\r\n\r\n",
        "two-hosts": b"GET http://b/ HTTP/1.1" + host + b"\r\n",
        "no-http": b"GET / HTTQ/1.1" + host + b"\r\n",
        "head-beyond-the-buffer": b"GET / HTTP/1.1" + host + b"X: " + b"a" * 70_000 + b"\r\n\r\n",
        "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    }
