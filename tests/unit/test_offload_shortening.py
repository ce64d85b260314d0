"""Lines for CloudWatch Logs: in the bound, valid, and true about what they leave out."""

import base64
import gzip
import hashlib
import json
import random
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offload import shortening
from offload.line_scan import NotJsonError, scan, whole_of
from offload.shortening import LEAST_LINE_BYTES, shorten
from record.entry import EntryWriter
from record.transaction import Transaction
from tests.har import read_line

WRITER = EntryWriter("primary", frozenset())
MOST = 20_000


def line(request: bytes = b"", response: bytes = b"", **changes: Any) -> bytes:
    """A line of the capture log, without its end."""
    return WRITER.line(exchange(request, response, **changes))[:-1]


def exchange(request: bytes, response: bytes, **changes: Any) -> Transaction:
    made = Transaction(b"0d1f2b2e-0000-4000-8000-000000000001")
    values: dict[str, Any] = {
        "method": b"POST",
        "url": b"/_bulk",
        "request_version": b"1.1",
        "request_headers": b"host: es\r\n\r\n",
        "request_body": request,
        "request_body_bytes": len(request),
        "request_whole": True,
        "received_us": 1_700_000_000_000_000,
        "arrived_us": 1_700_000_000_000_400,
        "answered_us": 1_700_000_000_009_000,
        "status": 200,
        "response_version": b"1.1",
        "response_headers": b"server: x\r\n\r\n",
        "response_body": response,
        "response_body_bytes": len(response),
        "response_whole": True,
        "timers": b"2/0/1/5/9",
        "server": b"node1",
    }
    for name, value in (values | changes).items():
        setattr(made, name, value)
    return made


def in_parts(data: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


def short(data: bytes, most: int = MOST, part: int = 1000) -> dict[str, Any]:
    """The shortened line, which is valid."""
    made = shorten(in_parts(data, part), most)
    assert len(made) <= most
    return read_line(made + b"\n")


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("part", [1, 7, 1000, 1 << 20])
@pytest.mark.parametrize(
    "body",
    [
        b"a" * 100_000,
        b'{"index":{}}\n{"a":"\\\\\\"b"}\n' * 5000,
        "häé☃\U0001f600 ".encode() * 9000,
        bytes(range(32)) * 3000,
        "\u2028\x7f".encode() * 20_000,
    ],
)
def test_a_long_text_is_shown_by_its_beginning(body: bytes, part: int) -> None:
    if part == 1:
        body = body[:30_000].decode(errors="ignore").encode()
    entry = short(line(request=body), part=part)
    data = entry["request"]["postData"]
    assert body.startswith(data["text"].encode())
    assert len(data["text"].encode()) > 1500
    assert (data["_size"], data["_sha256"]) == (len(body), digest(body))
    assert entry["_abridged"] == ["request"]
    assert entry["request"]["bodySize"] == len(body)
    assert "_truncated" not in entry


@pytest.mark.parametrize("part", [3, 4, 1000])
def test_a_long_body_in_base64(part: int) -> None:
    body = random.Random(1).randbytes(60_001)
    entry = short(line(response=body), part=part)
    content = entry["response"]["content"]
    assert body.startswith(base64.b64decode(content["text"]))
    assert (content["size"], content["_sha256"], content["encoding"]) == (len(body), digest(body), "base64")
    assert entry["_abridged"] == ["response"]


def test_of_a_body_whose_coding_was_undone_nobody_knows_what_was_sent() -> None:
    body = b"".join(b"what is shown, part %d " % number for number in range(4000))
    coded = gzip.compress(body)
    headers = b"content-encoding: gzip\r\n\r\n"
    entry = short(line(coded, coded, request_headers=headers, response_headers=headers))
    assert entry["_truncated"] == ["request", "response"]
    content, data = entry["response"]["content"], entry["request"]["postData"]
    assert (content["size"], content["compression"]) == (len(body), len(body) - len(coded))
    assert data["_size"] == len(body)
    assert body.startswith(content["text"].encode())
    assert len(content["text"]) > 7000


def test_the_shorter_body_stays_whole() -> None:
    entry = short(line(request=b"r" * 3000, response=b"a" * 100_000))
    assert entry["request"]["postData"]["text"] == "r" * 3000
    assert "_sha256" not in entry["request"]["postData"]
    assert entry["_abridged"] == ["response"]
    assert len(entry["response"]["content"]["text"]) > 14_000


def test_both_long() -> None:
    entry = short(line(request=b"r" * 15_000, response=b"a" * 15_000))
    assert entry["_abridged"] == ["request", "response"]
    assert entry["request"]["postData"]["_sha256"] == digest(b"r" * 15_000)
    assert entry["response"]["content"]["_sha256"] == digest(b"a" * 15_000)
    assert entry["response"]["content"]["size"] == 15_000


def test_a_body_that_was_cut_already_stays_cut() -> None:
    entry = short(line(request=b"r" * 50_000, request_whole=False, request_body_bytes=90_000))
    assert entry["_truncated"] == ["request"]
    assert "_abridged" not in entry
    assert "_sha256" not in entry["request"]["postData"]


def test_what_was_abridged_before_keeps_its_digest() -> None:
    entry = json.loads(line(request=b"r" * 50_000))
    entry["request"]["postData"] |= {"_size": 10**9, "_sha256": "0" * 64}
    entry["request"]["bodySize"] = 10**9
    entry["_abridged"] = ["request"]
    data = short(json.dumps(entry).encode())["request"]["postData"]
    assert (data["_size"], data["_sha256"]) == (10**9, "0" * 64)


@pytest.mark.parametrize(
    "changes",
    [
        {"url": b"/x?" + b"&".join(b"name%d=value" % n for n in range(3000))},
        {"url": b"/" + b"u" * 60_000},
        {"request_headers": b"".join(b"x-%d: %s\r\n" % (n, b"v" * 40) for n in range(900)) + b"\r\n"},
        {"response_headers": b"x: " + b"\xe4" * 60_000 + b"\r\n\r\n"},
        {"url": b"\xe4" * 60_000, "request_headers": b"host: " + b"h" * 60_000 + b"\r\n\r\n"},
    ],
)
def test_headers_and_urls_that_are_too_long_are_cut_and_marked(changes: dict[str, Any]) -> None:
    for body in (b"", b"b" * 100_000):
        entry = short(line(request=body, response=body, **changes), LEAST_LINE_BYTES)
        assert entry["_truncated"]
        assert not set(entry["_truncated"]) & set(entry.get("_abridged", ()))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b'"x"',
        b"{}",
        b'{"request":{},"response":{}}',
        b'{"request":1,"response":{"content":{}}}',
        b'{"request":{"postData":[]},"response":{"content":{}}}',
        b'{"a":"' + b"x" * 50_000,
        b'{"a":"' + b"x" * 50_000 + b"\\u00",
        b'{"a":"' + b"\\x" * 50_000 + b'"}',
        b'{"a":"\\uXYZW........"}',
        b'{"a":"' + b"\xff" * 50_000 + b'"}',
        b'{"a":"' + b"x" * 50_000 + b'\xff"}',
        b'{"request":{},"response":{},"a":' + b"[" * 50_000 + b"]" * 50_000 + b"}",
        b'{"request":{},"response":{"content":{}},"a":'
        + b"[" * 600
        + b"]" * 600
        + b', "b":'
        + b"9" * 50_000
        + b"}",
        b"\x00" * 50_000,
        b'{"request":{"url":"\xff"},"response":{"content":{}}}' * 900,
    ],
)
def test_what_is_no_line_of_ours(data: bytes) -> None:
    with pytest.raises(NotJsonError):
        shorten(in_parts(data, 100), MOST)


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


@given(st.recursive(TEXTS | st.integers() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner)),
       st.integers(1, 30), st.booleans())  # fmt: skip
def test_a_scan_that_keeps_all_reads_what_json_reads(value: Any, part: int, ascii_only: bool) -> None:
    data = json.dumps(value, ensure_ascii=ascii_only).encode()
    assert scan(in_parts(data, part), 10_000) == value


@given(TEXTS, st.integers(1, 12), st.integers(1, 20))
def test_a_scan_keeps_a_beginning_and_knows_the_whole(text: str, part: int, keep: int) -> None:
    data = json.dumps({"a": text}, ensure_ascii=False).encode()
    kept = scan(in_parts(data, part), keep)["a"]
    assert text.startswith(kept)
    whole = whole_of(kept)
    if whole is None:
        assert kept == text
    else:
        assert (whole.utf8_bytes, whole.utf8_sha256) == (len(text.encode()), digest(text.encode()))


@given(
    st.binary(min_size=1, max_size=200) | st.text(min_size=1).map(str.encode),
    st.integers(LEAST_LINE_BYTES, 50_000),
)
def test_any_body_fits(seed: bytes, most: int) -> None:
    body = seed * (40_000 // len(seed) + 1)
    data = line(request=body, response=body[:-1])
    if len(data) > most:
        short(data, most, 5000)


def test_strings_that_fit_in_any_case_are_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """A URL may have tens of thousands of parameters of one character."""

    def cuts(count: int) -> int:
        calls = 0
        cut = shortening._cut

        def counted(text: str, room: int) -> str:
            nonlocal calls
            calls += 1
            return cut(text, room)

        entry = json.loads(line())
        entry["request"]["queryString"] = [{"name": "a", "value": "b"}] * count
        with monkeypatch.context() as patched:
            patched.setattr(shortening, "_cut", counted)
            shortened = short(json.dumps(entry).encode())
        assert shortened["request"]["queryString"] == []
        return calls

    assert cuts(8000) == cuts(2000)
