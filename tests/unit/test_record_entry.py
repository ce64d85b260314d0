"""A transaction's line: tables of what becomes of each kind, and properties of all."""

import gzip
import hashlib
import itertools
import json
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from record import content_coding
from record.bodies import read_body
from record.decoded_text import RATIO
from record.entry import REDACTED, REPEATED, EntryWriter
from record.transaction import Transaction
from tests.har import Entry, fields, read_line, request_body, response_body

# 2026-11-24T14:55:36.250000Z
RECEIVED_US = 1_795_532_136_250_000
NS = 1_000_000_000

REQUEST_HEADERS = b"host: es:9200\r\ncontent-type: application/json\r\ncontent-length: 7\r\n\r\n"
RESPONSE_HEADERS = b"content-type: application/json; charset=UTF-8\r\ncontent-length: 28\r\n\r\n"
RESPONSE_BODY = b'{"took":1,"timed_out":false}'
NOT_REDACTED = EntryWriter("primary", frozenset())


def transaction(**changes: Any) -> Transaction:
    """A whole one with an answer, changed as told."""
    made = Transaction(b"0d1f2b2e-0000-4000-8000-000000000001")
    values: dict[str, Any] = {
        "method": b"POST",
        "url": b"/a/_search?q=1",
        "request_version": b"1.1",
        "request_headers": REQUEST_HEADERS,
        "request_body": b'{"a":1}',
        "request_body_bytes": 7,
        "request_whole": True,
        "received_us": RECEIVED_US,
        "client": b"\xc0\0\2\7",
        "client_port": 42128,
        "arrived_us": RECEIVED_US + 400,
        "status": 200,
        "response_version": b"1.1",
        "response_headers": RESPONSE_HEADERS,
        "response_body": RESPONSE_BODY,
        "response_body_bytes": len(RESPONSE_BODY),
        "response_whole": True,
        "timers": b"2/0/1/10",
        "server": b"node1",
        "server_address": b"\x0a\0\0\1",
        "answered_us": RECEIVED_US + 400 + 16_500,
    }
    for name, value in (values | changes).items():
        setattr(made, name, value)
    return made


def unanswered(**changes: Any) -> Transaction:
    """One of which only the request and the news of its end were seen."""
    without = {
        "status": 0,
        "response_version": b"",
        "response_headers": b"",
        "response_body": b"",
        "response_body_bytes": 0,
        "response_whole": False,
        "server": b"",
        "server_address": b"",
        "answered_us": 0,
    }
    return transaction(**(without | changes))


def end_only(**changes: Any) -> Transaction:
    """One of which only the news of its end was seen."""
    without = {
        "request_headers": b"",
        "request_body": b"",
        "request_body_bytes": 0,
        "request_whole": False,
        "received_us": 0,
        "client": b"",
        "client_port": 0,
        "arrived_us": RECEIVED_US,
    }
    return unanswered(**(without | changes))


def entry(made: Transaction, writer: EntryWriter = NOT_REDACTED) -> Entry:
    """Its line, read and held against the schema."""
    return read_line(writer.line(made))


def with_body(body: bytes, headers: bytes = b"", **changes: Any) -> Transaction:
    """The same body in both directions."""
    block = headers + b"content-length: %d\r\n\r\n" % len(body)
    both: dict[str, Any] = {}
    for part in ("request", "response"):
        both |= {f"{part}_headers": block, f"{part}_body": body, f"{part}_body_bytes": len(body)}
    return transaction(**(both | changes))


def test_a_whole_transaction() -> None:
    assert entry(transaction(mirror="")) == {
        "startedDateTime": "2026-11-24T14:55:36.248400Z",
        "time": 18.5,
        "request": {
            "method": "POST",
            "url": "http://es:9200/a/_search?q=1",
            "httpVersion": "HTTP/1.1",
            "cookies": [],
            "headers": [
                {"name": "host", "value": "es:9200"},
                {"name": "content-type", "value": "application/json"},
                {"name": "content-length", "value": "7"},
            ],
            "queryString": [{"name": "q", "value": "1"}],
            "postData": {"mimeType": "application/json", "text": '{"a":1}', "params": []},
            "headersSize": len(b"POST /a/_search?q=1 HTTP/1.1\r\n" + REQUEST_HEADERS),
            "bodySize": 7,
        },
        "response": {
            "status": 200,
            "statusText": "OK",
            "httpVersion": "HTTP/1.1",
            "cookies": [],
            "headers": [
                {"name": "content-type", "value": "application/json; charset=UTF-8"},
                {"name": "content-length", "value": "28"},
            ],
            "content": {
                "size": 28,
                "mimeType": "application/json; charset=UTF-8",
                "text": '{"took":1,"timed_out":false}',
            },
            "redirectURL": "",
            "headersSize": len(b"HTTP/1.1 200 OK\r\n" + RESPONSE_HEADERS),
            "bodySize": 28,
        },
        "cache": {},
        "timings": {
            "blocked": -1,
            "dns": -1,
            "connect": 1.0,
            "ssl": -1,
            "send": 2.0,
            "wait": 10.0,
            "receive": 5.5,
        },
        "serverIPAddress": "10.0.0.1",
        "connection": "42128",
        "_id": "0d1f2b2e-0000-4000-8000-000000000001",
        "_cluster": "primary",
        "_client": "192.0.2.7",
        "_node": "node1",
        "_mirror": "queued",
    }


def test_the_shadows_record_bears_the_primarys_identifier() -> None:
    read = entry(transaction(capture_id=b"primarys", id=b"own"), EntryWriter("shadow", frozenset()))
    assert (read["_id"], read["_cluster"]) == ("primarys", "shadow")


@pytest.mark.parametrize(
    ("repeated", "perhaps", "shown"),
    [(False, False, None), (True, False, True), (False, True, "perhaps"), (True, True, True)],
)
def test_an_identifier_that_came_before_is_marked(
    repeated: bool, perhaps: bool, shown: bool | str | None
) -> None:
    made = transaction(capture_id=b"primarys", id=b"own", repeated=repeated, perhaps_repeated=perhaps)
    assert entry(made, EntryWriter("shadow", frozenset())).get("_repeated") == shown


def test_ipv6_addresses() -> None:
    loopback = bytes(15) + b"\1"
    read = entry(transaction(client=loopback, server_address=loopback))
    assert (read["_client"], read["serverIPAddress"]) == ("::1", "::1")


@pytest.mark.parametrize(
    ("termination", "status", "timers", "cause"),
    [
        (b"CD", 0, b"0/0/1/-1/250", "the client went away"),
        (b"CH", 0, b"0/0/0/-1/250", "the client went away"),
        (b"cD", 408, b"0/-1/-1/-1/250", "the client was silent for too long"),
        (b"SC", 503, b"0/0/-1/-1/250", "the node went away or refused"),
        (b"SH", 502, b"0/0/1/-1/250", "the node went away or refused"),
        (b"sH", 504, b"0/0/1/-1/250", "the node was silent for too long"),
        (b"PR", 403, b"0/-1/-1/-1/250", "the proxy refused the request or the answer"),
        (b"PH", 502, b"0/0/1/-1/250", "the proxy refused the request or the answer"),
        (b"LR", 200, b"0/-1/-1/-1/250", "the proxy answered"),
        (b"RC", 503, b"0/0/-1/-1/250", "the proxy ran out of resources"),
        (b"IH", 500, b"0/0/1/-1/250", "the proxy failed"),
        (b"DH", 502, b"0/0/1/-1/250", "the node was taken out of service"),
        (b"UD", 502, b"0/0/1/-1/250", "a better node came back"),
        (b"KH", 502, b"0/0/1/-1/250", "the proxy was told to end it"),
        (b"--", 200, b"0/0/1/20/250", "the node answered; the agent did not see the answer"),
        (b"--", 200, b"0/-1/-1/-1/250", "the proxy answered"),
        (b"??", 0, b"", "the proxy never told"),
    ],
)
def test_a_transaction_without_an_answer_says_why(
    termination: bytes, status: int, timers: bytes, cause: str
) -> None:
    read = entry(unanswered(termination=termination, status=status, timers=timers))
    assert read["_termination"] == {"state": termination.decode(), "cause": cause}
    assert read["time"] == (250.0 if timers else 0.4)
    assert read["response"]["status"] == status
    assert (read["response"]["headersSize"], read["response"]["bodySize"]) == (-1, -1)
    assert read["response"]["content"] == {"size": 0, "mimeType": ""}
    assert "serverIPAddress" not in read
    assert "_truncated" not in read
    assert read["request"]["postData"]["text"] == '{"a":1}'


def test_only_the_end_was_told() -> None:
    read = entry(end_only(termination=b"CR", timers=b"30/-1/-1/-1/90", bytes_to_client=0))
    request = read["request"]
    assert request["url"] == "http://unknown.invalid/a/_search?q=1"
    assert (request["headersSize"], request["bodySize"]) == (-1, -1)
    assert "postData" not in request
    assert read["_truncated"] == ["request"]
    assert (read["_client"], "connection" in read) == ("", False)
    # It ended at RECEIVED_US, after 90 ms.
    assert (read["startedDateTime"], read["time"]) == ("2026-11-24T14:55:36.160000Z", 90.0)


@pytest.mark.parametrize(
    ("timers", "timings"),
    [
        # send, connect, wait, receive; the agent had the request 0.4 ms after its headers, and 16.5 ms later the answer.
        (b"2/0/1/10", (2.0, 1.0, 10.0, 5.5)),
        (b"0/0/0/0", (0.4, 0.0, 0.0, 16.5)),
        (b"0/0/0/16", (0.4, 0.0, 16.5, 0.0)),
        (b"0/0/0/15", (0.4, 0.0, 16.5, 0.0)),
        (b"0/0/0/14", (0.4, 0.0, 14.0, 2.5)),
        (b"0/0/0/90", (0.4, 0.0, 16.5, 0.0)),
        (b"0/0/90/0", (0.4, 16.5, 0.0, 0.0)),
        (b"-1/-1/-1/-1", (0.4, -1, 16.5, 0.0)),
        (b"", (0.4, -1, 16.5, 0.0)),
        (b"x/y", (0.4, -1, 16.5, 0.0)),
        (b"1/2/3/4/5/6", (0.4, -1, 16.5, 0.0)),
        (b"9" * 5000, (0.4, -1, 16.5, 0.0)),
        (b"0/0/0/4294967296", (0.4, -1, 16.5, 0.0)),
        # The answer went on for long after the agent had what fits the buffer; a difference of rounding is none.
        (b"2/0/1/10/900", (2.0, 1.0, 10.0, 887.0)),
        (b"2/0/1/10/20", (2.0, 1.0, 10.0, 5.5)),
    ],
)
def test_timings(timers: bytes, timings: tuple[float, ...]) -> None:
    read = entry(transaction(timers=timers))["timings"]
    assert tuple(read[name] for name in ("send", "connect", "wait", "receive")) == pytest.approx(timings)


@pytest.mark.parametrize(
    ("timers", "timings"),
    [
        (b"2/0/1/-1/100", (2.0, 1.0, 97.0, 0.0)),
        # No node was tried: the client sent all the time.
        (b"2/-1/-1/-1/100", (100.0, -1, 0.0, 0.0)),
        (b"-1/-1/-1/-1/100", (100.0, -1, 0.0, 0.0)),
        (b"2/50/-1/-1/100", (2.0, -1, 98.0, 0.0)),
        (b"2/0/1/-1/-1", (2.0, 1.0, 0.0, 0.0)),
        (b"2/0/1/-1/0", (2.0, 1.0, 0.0, 0.0)),
    ],
)
def test_timings_without_an_answer(timers: bytes, timings: tuple[float, ...]) -> None:
    read = entry(unanswered(termination=b"SH", timers=timers))["timings"]
    assert tuple(read[name] for name in ("send", "connect", "wait", "receive")) == pytest.approx(timings)


@pytest.mark.parametrize("received_us", [0, -1, 10**18])
def test_an_unbelievable_clock_is_not_believed(received_us: int) -> None:
    read = entry(transaction(received_us=received_us))
    assert read["startedDateTime"] == "2026-11-24T14:55:36.250400Z"


def test_a_truncated_request() -> None:
    body = b'{"a":"' + b"x" * 1000
    read = entry(transaction(request_body=body, request_body_bytes=70_000, request_whole=False))
    assert read["_truncated"] == ["request"]
    assert read["request"]["bodySize"] == 70_000
    assert request_body(read) == body


def test_a_truncated_answer() -> None:
    read = entry(
        transaction(
            response_body=b"[1,2",
            response_body_bytes=1_000_000,
            response_whole=False,
            termination=b"--",
            bytes_to_client=1_000_200,
        )
    )
    assert read["_truncated"] == ["response"]
    assert read["_termination"] == {"state": "--", "cause": ""}
    assert read["_bytesToClient"] == 1_000_200
    assert (read["response"]["content"]["size"], read["response"]["bodySize"]) == (1_000_000, 1_000_000)
    assert response_body(read) == b"[1,2"


def test_both_truncated_and_nothing_held() -> None:
    nothing = {"request_body": b"", "response_body": b""}
    read = entry(transaction(request_whole=False, response_whole=False, **nothing))
    assert read["_truncated"] == ["request", "response"]
    assert "postData" not in read["request"]
    assert read["response"]["content"] == {"size": 28, "mimeType": "application/json; charset=UTF-8"}


@pytest.mark.parametrize(
    ("method", "status", "phrase"),
    [(b"HEAD", 200, "OK"), (b"GET", 204, "No Content"), (b"GET", 304, "Not Modified")],
)
def test_answers_without_a_body(method: bytes, status: int, phrase: str) -> None:
    read = entry(transaction(method=method, status=status, response_body=b"", response_body_bytes=0))
    assert read["response"]["content"] == {"size": 0, "mimeType": "application/json; charset=UTF-8"}
    assert (read["response"]["bodySize"], read["response"]["statusText"]) == (0, phrase)
    assert "_truncated" not in read


@pytest.mark.parametrize("status", [0, 299, 599, 999])
def test_a_status_code_without_a_phrase(status: int) -> None:
    read = entry(transaction(status=status))
    assert (read["response"]["status"], read["response"]["statusText"]) == (status, "")


@pytest.mark.parametrize("version", [b"1.0", b"1.1", b"2.0"])
def test_versions(version: bytes) -> None:
    assert entry(transaction(request_version=version))["request"]["httpVersion"] == f"HTTP/{version.decode()}"


def test_an_answer_without_any_header() -> None:
    response = entry(transaction(response_headers=b"\r\n"))["response"]
    assert response["headers"] == []
    assert response["headersSize"] == len(b"HTTP/1.0 200 OK\r\n\r\n")


def test_a_redirection() -> None:
    headers = b"location: /elsewhere\r\ncontent-length: 28\r\n\r\n"
    assert entry(transaction(response_headers=headers))["response"]["redirectURL"] == "/elsewhere"


PLAIN = b'{"title":"' + "Straße ".encode() * 500 + b'"}'
GZIPPED = gzip.compress(PLAIN, mtime=0)


@pytest.mark.parametrize(
    ("coding", "wire"),
    [
        ("gzip", GZIPPED),
        ("x-gzip", GZIPPED),
        ("GZip", GZIPPED),
        ("deflate", zlib.compress(PLAIN)),
    ],
    ids=itertools.count(),
)
def test_a_compressed_body_is_recorded_decoded(coding: str, wire: bytes) -> None:
    read = entry(with_body(wire, f"content-encoding: {coding}\r\n".encode()))
    assert request_body(read) == response_body(read) == PLAIN
    assert read["request"]["bodySize"] == read["response"]["bodySize"] == len(wire)
    assert read["request"]["postData"]["_size"] == read["response"]["content"]["size"] == len(PLAIN)
    assert read["response"]["content"]["compression"] == len(PLAIN) - len(wire)
    assert "_encoding" not in read["request"]["postData"]
    assert "encoding" not in read["response"]["content"]


def test_compressed_binary_data_is_recorded_decoded_in_base64() -> None:
    plain = bytes(range(256))
    read = entry(with_body(gzip.compress(plain), b"content-encoding: gzip\r\n"))
    assert request_body(read) == response_body(read) == plain
    assert read["request"]["postData"]["_encoding"] == read["response"]["content"]["encoding"] == "base64"
    # Compression made it larger, and HAR's field tells the saving.
    assert read["response"]["content"]["compression"] < 0


@pytest.mark.parametrize(
    ("coding", "wire"),
    [
        ("gzip", b"not compressed at all \xff"),
        ("gzip", GZIPPED[:-1]),
        ("gzip", GZIPPED + b"more"),
        ("gzip", GZIPPED + GZIPPED),
        ("gzip", GZIPPED[:-8] + bytes(8)),
        ("deflate", zlib.compress(PLAIN)[2:-4]),
        ("br", b"\x8b\x02\x80\xff"),
        ("gzip, gzip", gzip.compress(GZIPPED, mtime=0)),
        ("gzip\r\ncontent-encoding: gzip", gzip.compress(GZIPPED, mtime=0)),
        ("identity", b"\x1f\x8b\xff"),
    ],
    ids=itertools.count(),
)
def test_what_cant_be_decoded_is_recorded_as_it_was_sent(coding: str, wire: bytes) -> None:
    read = entry(with_body(wire, f"content-encoding: {coding}\r\n".encode()))
    assert request_body(read) == response_body(read) == wire
    assert "_size" not in read["request"]["postData"]
    assert "compression" not in read["response"]["content"]


def test_a_cut_compressed_body_is_recorded_as_it_was_sent() -> None:
    # Even where the part that is here would decode: it is not known what the whole is.
    wire = gzip.compress(PLAIN)
    cut: dict[str, Any] = {"request_whole": False, "response_whole": False}
    cut |= {"request_body_bytes": 9999, "response_body_bytes": 9999}
    read = entry(with_body(wire, b"content-encoding: gzip\r\n", **cut))
    assert request_body(read) == response_body(read) == wire


def test_an_empty_body_that_claims_to_be_compressed() -> None:
    read = entry(with_body(b"", b"content-encoding: gzip\r\n"))
    assert read["response"]["content"]["size"] == 0


def test_a_decompression_bomb_stays_compressed() -> None:
    writer = EntryWriter("primary", frozenset(), body_bytes=100_000)
    spaces = b" " * 90_000 + hashlib.shake_256(b"noise").hexdigest(5000).encode()
    fits, bomb = gzip.compress(spaces), gzip.compress(spaces + b" ")
    assert response_body(entry(with_body(fits, b"content-encoding: gzip\r\n"), writer)) == spaces
    read = entry(with_body(bomb, b"content-encoding: gzip\r\n"), writer)
    assert request_body(read) == response_body(read) == bomb


COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "zstd": zstandard.compress,
}


@pytest.mark.parametrize("coding", sorted(COMPRESSORS))
@pytest.mark.parametrize("block", [b" ", b"\0", b'"', b"\xff", b'{"index":{}}\n{"name":"Finwe"}\n'])
def test_a_body_whose_text_is_too_long_for_what_was_sent_stays_compressed(coding: str, block: bytes) -> None:
    plain = block * (1_000_000 // len(block))
    bomb = COMPRESSORS[coding](plain)
    assert len(bomb) * RATIO < len(plain)
    made = with_body(bomb, f"content-encoding: {coding}\r\n".encode())
    read = entry(made)
    assert request_body(read) == response_body(read) == bomb
    assert "_size" not in read["request"]["postData"]
    assert "compression" not in read["response"]["content"]
    assert len(NOT_REDACTED.line(made)) < 10_000


@pytest.mark.parametrize(("block", "json_bytes"), [(b" ", 1), (b'"', 2), (b"\0", 6), (b"\xff", 4 / 3)])
def test_what_counts_is_the_text_in_the_record(block: bytes, json_bytes: float) -> None:
    noise = hashlib.shake_256(b"noise").digest(500)
    start = gzip.compress(noise.hex().encode())
    for share, decoded in ((0.7, True), (1.5, False)):
        plain = noise.hex().encode() + block * int(share * RATIO * len(start) / json_bytes)
        wire = gzip.compress(plain)
        body = read_body(wire, "gzip", 1 << 30)
        assert body.decoded == decoded
        assert body.size == len(plain if decoded else wire)


@pytest.mark.parametrize("coding", sorted(COMPRESSORS))
def test_the_usual_repetition_is_decoded(coding: str) -> None:
    # An error that comes again and again: 96:1 with gzip, in lines of JSON.
    lines = b"".join(
        b'{"index":{"_index":"logs"}}\n{"@timestamp":"2026-11-27T20:%02d:%02d.%03dZ","host":{"name":"web-1"},"message":"connection refused"}\n'
        % (number // 60000 % 60, number // 1000 % 60, number % 1000)
        for number in range(5000)
    )
    wire = COMPRESSORS[coding](lines)
    assert read_body(wire, coding, 1 << 30).decoded


@given(
    st.lists(
        st.tuples(
            st.sampled_from((b" ", b"\0", b'"', b"\xff", b"ab\n", "€".encode())), st.integers(0, 300_000)
        ),
        max_size=3,
    ),
    st.sampled_from(sorted(COMPRESSORS)),
)
def test_no_body_takes_more_of_the_log_than_a_multiple_of_what_was_sent(
    blocks: list[tuple[bytes, int]], coding: str
) -> None:
    wire = COMPRESSORS[coding](b"".join(block * count for block, count in blocks))
    without = NOT_REDACTED.line(with_body(b""))
    made = with_body(wire, f"content-encoding: {coding}\r\n".encode())
    # 300: the fields that say how the two bodies are shown, and the header.
    assert len(NOT_REDACTED.line(made)) <= len(without) + 2 * RATIO * len(wire) + 300


def test_a_zstd_bomb_is_not_decoded_far_beyond_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    # 8 MiB of zeros in some 300 bytes: blocks of 4 bytes.
    bomb = zstandard.compress(bytes(8 << 20), 1)
    taken = 0
    parts_of = content_coding.parts_of

    def counted(chunk: bytes) -> Iterator[bytes]:
        nonlocal taken
        taken += len(chunk)
        return parts_of(chunk)

    monkeypatch.setattr(content_coding, "parts_of", counted)
    assert not read_body(bomb, "zstd", 1 << 30).decoded
    assert 0 < taken <= RATIO * len(bomb) + 2 * (128 << 10)


def test_a_decompression_bomb_costs_no_more_than_the_bound() -> None:
    # 1 GB of zeros in 1 MB: what is decoded of it is bounded, and the line holds the megabyte.
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    block = bytes(1 << 20)
    bomb = b"".join(packer.compress(block) for _ in range(1024)) + packer.flush()
    body = read_body(bomb, "gzip", 1 << 20)
    assert (body.size, body.base64, body.decoded) == (len(bomb), True, False)


@pytest.mark.parametrize(
    "body",
    [
        b"\0",
        bytes(range(32)),
        b'"\\/\b\f\n\r\t\x7f',
        "\u2028\u2029\u0085\ufeff\U0001f600".encode(),
        b"\xed\xa0\x80",
        b"\xed\xa0\xbd\xed\xb8\x80",
        b"\xc0\x80",
        b"\xff\xfe",
        b"\xe9",
        "é".encode()[:1],
        b"</script>",
    ],
)
def test_odd_bodies_come_back_to_the_byte(body: bytes) -> None:
    read = entry(with_body(body))
    assert request_body(read) == response_body(read) == body


@pytest.mark.parametrize("byte", range(256))
def test_every_byte_everywhere(byte: int) -> None:
    odd = b"a" + bytes((byte,)) + b"b"
    read = entry(
        with_body(
            odd, b"x-odd: " + odd + b"\r\n", url=b"/" + odd, method=odd, request_version=odd, server=odd
        )
    )
    shown = odd.decode("latin-1")
    assert read["request"]["url"] == f"http://unknown.invalid/{shown}"
    assert (read["request"]["method"], read["request"]["httpVersion"], read["_node"]) == (
        shown,
        f"HTTP/{shown}",
        shown,
    )
    assert ("x-odd", shown) in fields(read["request"])
    assert ("x-odd", shown) in fields(read["response"])
    assert request_body(read) == response_body(read) == odd


@pytest.mark.parametrize(
    ("method", "target", "url", "shown"),
    [
        (b"GET", b"/", "http://es:9200/", None),
        (b"GET", b"//double//", "http://es:9200//double//", None),
        (b"GET", b"/a%2Fb%20c/../d;e?f=%zz", "http://es:9200/a%2Fb%20c/../d;e?f=%zz", None),
        (b"GET", b"/\xc3\xa9", "http://es:9200/\xc3\xa9", None),
        (b"GET", b"http://other/x?y=1", "http://other/x?y=1", "http://other/x?y=1"),
        (b"GET", b"HTTPS://other/x", "HTTPS://other/x", "HTTPS://other/x"),
        (b"OPTIONS", b"*", "http://es:9200", "*"),
        (b"CONNECT", b"other:443", "http://other:443", "other:443"),
        (b"GET", b"odd", "http://es:9200/odd", "odd"),
        (b"GET", b"", "http://es:9200/", ""),
    ],
)
def test_targets(method: bytes, target: bytes, url: str, shown: str | None) -> None:
    request = entry(transaction(method=method, url=target))["request"]
    assert (request["url"], request.get("_target")) == (url, shown)


def test_a_request_without_a_host() -> None:
    request = entry(transaction(request_version=b"1.0", request_headers=b"\r\n", url=b"/x"))["request"]
    assert request["url"] == "http://unknown.invalid/x"
    assert request["headersSize"] == len(b"POST /x HTTP/1.0\r\n\r\n")


@pytest.mark.parametrize(
    ("query", "pairs"),
    [
        (b"", []),
        (b"a=1&b=2", [("a", "1"), ("b", "2")]),
        (b"a=1&a=2", [("a", "1"), ("a", "2")]),
        (b"pretty", [("pretty", "")]),
        (b"q=x%20y+z", [("q", "x y z")]),
        (b"q=a=b", [("q", "a=b")]),
        (b"q=%C3%A9", [("q", "é")]),
        (b"q=%FF", [("q", "\ufffd")]),
        (b"q=%ED%A0%80", [("q", "\ufffd" * 3)]),
        (b"q=%0A%00%22", [("q", '\n\0"')]),
        (b"&&a=1&", [("a", "1")]),
        (b"a=1;b=2", [("a", "1;b=2")]),
        (b"a=1?b=2", [("a", "1?b=2")]),
    ],
)
def test_query_strings(query: bytes, pairs: list[tuple[str, str]]) -> None:
    read = entry(transaction(url=b"/x?" + query))["request"]["queryString"]
    assert [(pair["name"], pair["value"]) for pair in read] == pairs


SECRETS = (
    b"authorization: Basic c2VjcmV0\r\nX-Api-Key: secret\r\ncookie: a=1\r\ncookie: b=2\r\nx-other: shown\r\n"
)


def test_redacted_headers_keep_their_names_and_number() -> None:
    writer = EntryWriter("primary", frozenset(("Authorization", "cookie", "x-api-key")))
    line = writer.line(with_body(b"{}", SECRETS))
    assert b"c2VjcmV0" not in line
    for part in ("request", "response"):
        assert fields(read_line(line)[part])[:-1] == [
            ("authorization", REDACTED),
            ("x-api-key", REDACTED),
            ("cookie", REDACTED),
            ("cookie", REDACTED),
            ("x-other", "shown"),
        ]


def test_nothing_is_redacted_when_nothing_is_to_be() -> None:
    read = entry(with_body(b"{}", SECRETS))
    assert fields(read["request"])[0] == ("authorization", "Basic c2VjcmV0")


def test_a_redacted_location_is_not_shown_elsewhere() -> None:
    made = transaction(response_headers=b"location: /secret\r\ncontent-length: 28\r\n\r\n")
    line = EntryWriter("primary", frozenset(("location",))).line(made)
    assert b"secret" not in line
    assert read_line(line)["response"]["redirectURL"] == ""


def test_a_long_name_or_value_is_shown_once() -> None:
    # As 37 bytes of HTTP/2 bring them (RFC 7541).
    value, name, short = b"\x01" * 3900, b"n" * 2000, b"x-f: " + b"a" * 128
    # Another name's value has been sent again.
    others = [name + b": 1", name + b": 2", short, short, b"x-g: " + value]
    block = (
        b"".join(line + b"\r\n" for line in [b"x-f: " + value] * 15 + others) + b"content-length: 28\r\n\r\n"
    )
    made = transaction(response_headers=block)
    read = entry(made)
    assert fields(read["response"])[:-1] == [
        ("x-f", value.decode()),
        *[("x-f", REPEATED)] * 14,
        (name.decode(), "1"),
        (REPEATED, "2"),
        *[("x-f", "a" * 128)] * 2,
        ("x-g", value.decode()),
    ]
    # Once in each message.
    assert fields(entry(made)["response"]) == fields(read["response"])
    assert len(NOT_REDACTED.line(made)) < 2 * 6 * len(value) + 5000


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        (b"/i?" + b"&".join(b"name%d=value%d" % (number, number) for number in range(3000)), True),
        (b"/i?" + b"a&" * 80, True),
        (b"/i?" + b"a&" * 15_000, False),
        (b"/i?" + b"&" * 30_000, False),
        (b"/i?a=" + b"%00" * 10_000, True),
        (b"/i?" + b"a=%22&" * 5000, False),
    ],
    ids=itertools.count(),
)
def test_a_query_is_not_taken_apart_where_that_would_be_far_longer(target: bytes, shown: bool) -> None:
    made = transaction(url=target)
    read = entry(made)
    assert bool(read["request"]["queryString"]) == shown
    assert read["request"]["url"] == f"http://es:9200{target.decode()}"
    assert len(NOT_REDACTED.line(made)) < 2000 + 2048 + 5 * len(target)


def test_repeated_headers_stay_in_their_order() -> None:
    headers = b"accept: a\r\nvia: 1\r\naccept: b\r\nempty:\r\nvia: 1\r\n"
    assert fields(entry(with_body(b"{}", headers))["request"])[:-1] == [
        ("accept", "a"),
        ("via", "1"),
        ("accept", "b"),
        ("empty", ""),
        ("via", "1"),
    ]


def test_a_large_header_block_is_shown_whole_and_not_remembered() -> None:
    writer = EntryWriter("primary", frozenset(("x-secret",)))
    headers = (
        b"".join(b"x-%d: %s\r\n" % (number, b"v" * 100) for number in range(300)) + b"x-secret: hidden\r\n"
    )
    for _ in range(2):
        read = read_line(writer.line(with_body(b"{}", headers)))
        assert len(fields(read["request"])) == 302
        assert ("x-secret", REDACTED) in fields(read["response"])


@pytest.mark.parametrize(
    ("mirror", "shown"),
    [(None, None), ("", "queued"), ('not sent: "because"', 'not sent: "because"')],
)
def test_what_became_of_the_mirroring(mirror: str | None, shown: str | None) -> None:
    assert entry(transaction(mirror=mirror)).get("_mirror") == shown


versions = st.sampled_from((b"", b"1.0", b"1.1", b"2.0")) | st.binary(max_size=5)
addresses = st.sampled_from((0, 4, 16, 5)).flatmap(lambda size: st.binary(min_size=size, max_size=size))
codings = st.sampled_from((b"", b"gzip", b"x-gzip", b"deflate", b"br", b"identity"))
timers = st.binary(max_size=12) | st.lists(st.integers(-1, 2**40), max_size=6).map(
    lambda values: "/".join(map(str, values)).encode()
)
clocks_us = st.integers(0, 250_000_000_000_000_000)
blocks = st.lists(st.tuples(st.binary(max_size=8), st.binary(max_size=20)), max_size=5).map(
    lambda pairs: b"".join(b"%b: %b\r\n" % pair for pair in pairs) + b"\r\n"
) | st.binary(max_size=40)
texts = st.binary(max_size=60) | st.text(max_size=40).map(str.encode)


@st.composite
def transactions(draw: st.DrawFn) -> Transaction:
    """Anything that HAProxy could tell, and much that it never would."""
    made = Transaction(draw(st.binary(max_size=40)))
    made.capture_id = draw(st.binary(max_size=40))
    made.method, made.url = draw(st.binary(max_size=8)), draw(st.binary(max_size=40))
    made.request_version, made.response_version = draw(versions), draw(versions)
    for part in ("request", "response"):
        body, coding = draw(texts), draw(codings)
        wire = draw(st.sampled_from((body, gzip.compress(body), zlib.compress(body))))
        whole = draw(st.booleans())
        setattr(made, f"{part}_headers", b"content-encoding: %b\r\n%b" % (coding, draw(blocks)))
        setattr(made, f"{part}_body", wire)
        setattr(made, f"{part}_whole", whole)
        setattr(made, f"{part}_body_bytes", len(wire) + (0 if whole else draw(st.integers(0, 2**40))))
    if draw(st.booleans()):
        made.request_headers, made.request_body, made.request_whole = b"", b"", False
    made.received_us, made.arrived_us = draw(clocks_us), draw(clocks_us)
    made.client, made.server_address = draw(addresses), draw(addresses)
    made.client_port = draw(st.integers(0, 65535))
    if draw(st.booleans()):
        made.answered_us = draw(clocks_us) or 1
    else:
        made.response_headers, made.response_body, made.response_whole = b"", b"", False
        made.response_body_bytes = 0
    made.status = draw(st.integers(0, 999))
    made.timers, made.termination = draw(timers), draw(st.binary(max_size=2))
    made.bytes_to_client = draw(st.integers(0, 2**50))
    made.server = draw(st.binary(max_size=10))
    made.mirror = draw(st.none() | st.text(max_size=10).filter(lambda text: text.isprintable()))
    return made


@given(transactions(), st.booleans())
def test_any_transaction_is_one_line_of_the_schema(made: Transaction, redact: bool) -> None:
    names = frozenset(("content-encoding", "a")) if redact else frozenset[str]()
    read = read_line(EntryWriter("shadow", names).line(made))
    if made.url.startswith(b"/"):
        assert read["request"]["url"].encode("latin-1").endswith(made.url)
    else:
        assert read["request"]["_target"].encode("latin-1") == made.url
    assert read["_id"].encode("latin-1") == made.capture_id


@given(st.binary(max_size=300) | st.text(max_size=100).map(str.encode))
def test_a_body_comes_back_to_the_byte(body: bytes) -> None:
    read = entry(with_body(body))
    assert request_body(read) == response_body(read) == body


@given(st.binary(max_size=2000), st.integers(0, 50))
def test_a_compressed_body_comes_back_whole_or_cut(plain: bytes, cut: int) -> None:
    wire = gzip.compress(plain)
    wire = wire[: len(wire) - cut]
    read = entry(with_body(wire, b"content-encoding: gzip\r\n"))
    assert response_body(read) == (wire if cut else plain)


@given(
    st.dictionaries(
        st.text("abc-", min_size=1, max_size=4), st.text(st.characters(codec="latin-1"), max_size=8)
    )
)
def test_header_values_come_back(headers: dict[str, str]) -> None:
    wanted = [
        (name, value)
        for name, value in headers.items()
        if "\r\n" not in value and value == value.strip(" \t")
    ]
    block = "".join(f"{name}: {value}\r\n" for name, value in wanted).encode("latin-1") + b"\r\n"
    assert fields(entry(transaction(response_headers=block))["response"]) == wanted


def test_a_line_is_compact_and_keeps_text_readable() -> None:
    line = NOT_REDACTED.line(with_body("Straße".encode()))
    assert "Straße".encode() in line
    assert line == json.dumps(json.loads(line), ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
