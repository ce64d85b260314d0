"""Long bodies in the record: the same line as of a body in memory, or a prefix and a digest; and never much of it in memory."""

import gzip
import hashlib
import json
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from record import bodies, content_coding, long_text
from record.content_coding import PART_BYTES
from record.entry import EntryWriter
from record.long_body import LongBody
from record.transaction import Transaction
from tests.har import Entry, read_line, request_body, response_body
from tests.unit.long_bodies import EndlessBody, HeldBody, UnreadableBody
from tests.unit.test_record_entry import transaction, unanswered

WRITER = EntryWriter("primary", frozenset())
SMALL = EntryWriter("primary", frozenset(), body_bytes=1000, prefix_bytes=100)


def zstd(data: bytes, **options: Any) -> bytes:
    return zstandard.ZstdCompressor(**options).compress(data)


def with_long(request: LongBody | None, response: LongBody | None, coding: str = "") -> Transaction:
    """One with these bodies; the other direction has none."""
    made = transaction(request_body=b"", response_body=b"", request_long=request, response_long=response)
    for part, body in (("request", request), ("response", response)):
        size = body.wire_bytes if body is not None else 0
        header = f"content-encoding: {coding}\r\n" if coding else ""
        setattr(made, f"{part}_headers", f"{header}content-length: {size}\r\n\r\n".encode())
        setattr(made, f"{part}_body_bytes", size)
    return made


def in_memory(made: Transaction) -> Transaction:
    """The same with its bodies as bytes."""
    for part in ("request", "response"):
        body = getattr(made, f"{part}_long")
        if body is not None:
            setattr(made, f"{part}_body", b"".join(body.chunks()))
            setattr(made, f"{part}_long", None)
    return made


def long_entry(made: Transaction, writer: EntryWriter = WRITER) -> Entry:
    return read_line(b"".join(writer.long_line(made)))


def both(body: bytes, coding: str = "", writer: EntryWriter = SMALL) -> Entry:
    """The entry of a body in both directions."""
    return long_entry(with_long(HeldBody(body), HeldBody(body), coding), writer)


CODERS: dict[str, Callable[[bytes], bytes]] = {
    "": lambda data: data,
    "gzip": lambda data: gzip.compress(data, 1),
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "zstd": zstd,
    "br": lambda data: data,
    "gzip, gzip": lambda data: gzip.compress(gzip.compress(data)),
}

# Long enough for several parts, with what is odd at any place.
pieces = st.sampled_from(
    [
        b"x" * 1000,
        b'{"index":{}}\n' * 300,
        "ä€\U0001f600".encode() * 500,
        b'\0\x7f\\"\r\n\t',
        b"y" * (PART_BYTES - 1),
        b"z" * PART_BYTES,
        b"\xff",
        "€".encode()[:2],
        "€".encode()[2:],
        b"",
    ]
)
plains = (
    st.lists(pieces, max_size=8).map(b"".join) | st.binary(max_size=50) | st.text(max_size=50).map(str.encode)
)
sizes = st.lists(
    st.integers(1, 5) | st.sampled_from((1000, PART_BYTES - 1, PART_BYTES, 1 << 20)), min_size=1, max_size=4
)


@st.composite
def long_transactions(draw: st.DrawFn) -> Transaction:
    made = with_long(None, None)
    for part in ("request", "response"):
        coding = draw(st.sampled_from(sorted(CODERS)))
        wire = CODERS[coding](draw(plains))
        if draw(st.integers(0, 4)) == 0:
            wire = wire[: draw(st.integers(0, len(wire)))] + draw(st.binary(max_size=3))
        # One byte at a time is slow.
        step = draw(sizes)
        body = HeldBody(wire, step if len(wire) < 2000 else [max(step[0], 700), *step])
        header = f"content-encoding: {coding}\r\n\r\n" if coding else "\r\n"
        setattr(made, f"{part}_headers", header.encode())
        setattr(made, f"{part}_body_bytes", len(wire))
        if draw(st.booleans()):
            setattr(made, f"{part}_long", body)
        else:
            setattr(made, f"{part}_body", wire)
        if draw(st.integers(0, 4)) == 0:
            setattr(made, f"{part}_whole", False)
            setattr(made, f"{part}_body_bytes", len(wire) + 7)
    return made


@given(long_transactions())
def test_the_line_is_that_of_the_same_bodies_in_memory(made: Transaction) -> None:
    long = b"".join(WRITER.long_line(made))
    assert long == WRITER.line(in_memory(made))
    read_line(long)


# 512 characters of four bytes, in no order that any coding makes very short.
EMOJI = "".join(chr(0x1F600 + byte % 64) for byte in hashlib.shake_256(b"noise").digest(512)).encode()


@pytest.mark.parametrize("offset", range(5))
@pytest.mark.parametrize("coding", sorted(CODERS))
def test_characters_across_parts_and_chunks(coding: str, offset: int) -> None:
    plain = b"a" * offset + EMOJI * (PART_BYTES // 2048)
    wire = CODERS[coding](plain)
    made = with_long(HeldBody(wire, (65_537,)), HeldBody(wire, (1, 3 * PART_BYTES)), coding)
    line = b"".join(WRITER.long_line(made))
    assert line == WRITER.line(in_memory(made))
    if coding not in ("br", "gzip, gzip"):
        assert request_body(read_line(line)) == plain


def test_a_character_that_something_interrupts_is_no_text() -> None:
    body = HeldBody(b"\xe2\x82" + b"xxx" + b"\xac", (2, 3, 1))
    assert request_body(long_entry(with_long(body, None))) == b"\xe2\x82xxx\xac"


def test_the_line_can_be_made_again() -> None:
    made = with_long(HeldBody(b'{"a":1}' * 100_000), None)
    assert list(WRITER.long_line(made)) == list(WRITER.long_line(made))


def test_no_part_is_large() -> None:
    text, binary = b"\n" * 3_000_000, b"\xff" * 3_000_000
    parts = list(WRITER.long_line(with_long(HeldBody(text), HeldBody(binary))))
    # The worst that JSON makes of a character is six.
    assert max(map(len, parts)) <= 6 * PART_BYTES
    assert (
        max(map(len, WRITER.long_line(with_long(HeldBody(gzip.compress(binary)), None, "gzip"))))
        <= 2 * PART_BYTES
    )


@pytest.mark.parametrize(("writer", "readings"), [(WRITER, 2), (SMALL, 1)], ids=["whole", "abridged"])
@pytest.mark.parametrize("body", [b"a" * 5000, b"\xff" * 5000])
def test_how_often_a_body_is_read(body: bytes, writer: EntryWriter, readings: int) -> None:
    held = HeldBody(body)
    list(writer.long_line(with_long(held, None)))
    assert held.readings == readings


def test_an_empty_long_body() -> None:
    made = with_long(HeldBody(b""), HeldBody(b""), "gzip")
    assert b"".join(WRITER.long_line(made)) == WRITER.line(in_memory(made))


# Beyond the limit


def test_a_body_up_to_the_limit_is_whole() -> None:
    read = both(b"x" * 1000)
    assert request_body(read) == response_body(read) == b"x" * 1000
    assert "_abridged" not in read
    assert "_sha256" not in read["request"]["postData"]


def test_a_longer_one_is_abridged() -> None:
    body = b'{"a":1}' * 143
    read = both(body)
    assert read["_abridged"] == ["request", "response"]
    assert "_truncated" not in read
    data, content = read["request"]["postData"], read["response"]["content"]
    assert request_body(read) == response_body(read) == body[:100]
    assert data["_sha256"] == content["_sha256"] == hashlib.sha256(body).hexdigest()
    assert (
        data["_size"]
        == content["size"]
        == read["request"]["bodySize"]
        == read["response"]["bodySize"]
        == 1001
    )


def test_only_the_abridged_one_is_marked() -> None:
    read = long_entry(with_long(HeldBody(b"x" * 10), HeldBody(b"x" * 1001)), SMALL)
    assert read["_abridged"] == ["response"]
    assert request_body(read) == b"x" * 10


@pytest.mark.parametrize("offset", range(4))
def test_a_prefix_ends_with_a_character(offset: int) -> None:
    text = b"a" * offset + "\U0001f600".encode() * 300
    read = both(text)
    assert request_body(read) == text[: offset + (100 - offset) // 4 * 4]
    assert "_encoding" not in read["request"]["postData"]


def test_a_prefix_that_is_no_text() -> None:
    body = b"\xff" * 1001
    read = both(body)
    assert request_body(read) == response_body(read) == body[:100]
    assert read["request"]["postData"]["_encoding"] == read["response"]["content"]["encoding"] == "base64"


def test_a_prefix_of_several_chunks_and_a_digest_of_all() -> None:
    body = bytes(range(97, 123)) * 100
    read = long_entry(with_long(HeldBody(body, (7,)), None), SMALL)
    assert request_body(read) == body[:100]
    assert read["request"]["postData"]["_sha256"] == hashlib.sha256(body).hexdigest()


@pytest.mark.parametrize("coding", ["gzip", "deflate", "zstd"])
def test_a_compressed_body_that_grows_beyond_the_limit_stays_compressed(coding: str) -> None:
    fits, grows = CODERS[coding](b"x" * 1000), CODERS[coding](b"x" * 1001)
    read = both(fits, coding)
    assert request_body(read) == response_body(read) == b"x" * 1000
    read = both(grows, coding)
    assert request_body(read) == response_body(read) == grows
    assert "_abridged" not in read
    assert "compression" not in read["response"]["content"]
    # As the same in memory.
    assert read == read_line(SMALL.line(in_memory(with_long(HeldBody(grows), HeldBody(grows), coding))))


def test_a_compressed_body_beyond_the_limit_is_abridged_as_it_was_sent() -> None:
    wire = zlib.compress(hashlib.shake_256(b"noise").digest(2000))
    read = both(wire, "deflate")
    assert request_body(read) == wire[:100]
    assert read["response"]["content"]["_sha256"] == hashlib.sha256(wire).hexdigest()
    assert read["response"]["content"]["size"] == len(wire)


def test_a_cut_body_beyond_the_limit_has_no_digest() -> None:
    made = with_long(HeldBody(b"x" * 2000), HeldBody(b"x" * 2000))
    made.request_whole = made.response_whole = False
    made.request_body_bytes = made.response_body_bytes = 9000
    read = long_entry(made, SMALL)
    assert read["_truncated"] == ["request", "response"]
    assert "_abridged" not in read
    assert "_sha256" not in read["request"]["postData"]
    assert "_sha256" not in read["response"]["content"]
    assert request_body(read) == response_body(read) == b"x" * 100
    assert (read["request"]["bodySize"], read["response"]["content"]["size"]) == (9000, 9000)


# Without the bodies


def test_a_line_without_its_long_bodies_is_marked_as_truncated() -> None:
    made = with_long(HeldBody(b"x" * 50), None)
    made.response_body, made.response_body_bytes = b"{}", 2
    read = read_line(WRITER.line_without_long(made))
    assert read["_truncated"] == ["request"]
    assert "postData" not in read["request"]
    assert (read["request"]["bodySize"], response_body(read)) == (50, b"{}")
    read = read_line(WRITER.line_without_long(with_long(None, HeldBody(b"x" * 50))))
    assert read["_truncated"] == ["response"]
    assert read["response"]["content"] == {"size": 50, "mimeType": ""}


def test_a_body_that_cant_be_read() -> None:
    with pytest.raises(OSError, match="Input/output"):
        list(WRITER.long_line(with_long(None, UnreadableBody(b"x" * 1000, 100_000))))


def test_without_an_answer() -> None:
    made = unanswered(request_body=b"", request_long=HeldBody(b"{}"), request_body_bytes=2, termination=b"SH")
    assert b"".join(WRITER.long_line(made)) == WRITER.line(in_memory(made))


# zstd


def test_zstd_frames_that_are_no_single_sound_one_stay_as_sent() -> None:
    frame = zstd(b"some text", write_checksum=True)
    damaged = frame[:-1] + bytes((frame[-1] ^ 1,))
    for wire in (frame[:-1], frame + b"x", frame + frame, damaged, b"no zstd \xff", b"(\xb5/\xfd"):
        assert request_body(both(wire, "zstd")) == wire
    assert request_body(both(frame, "zstd")) == b"some text"


def test_a_window_that_nobody_may_use_stays_as_sent() -> None:
    # RFC 9659: 8 MiB.
    data = hashlib.shake_256(b"noise").digest(1000) * 10
    for log, plain in ((23, True), (24, False)):
        parameters = zstandard.ZstdCompressionParameters(window_log=log)
        stream = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
        wire = stream.compress(data) + stream.flush()
        assert request_body(both(wire, "zstd", WRITER)) == (data if plain else wire)


def test_without_the_library_zstd_stays_as_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    without = frozenset(content_coding.CODINGS - {"zstd"})
    monkeypatch.setattr(bodies, "CODINGS", without)
    monkeypatch.setattr(long_text, "CODINGS", without)
    wire = zstd(b"some text")
    assert request_body(both(wire, "zstd")) == wire


# Memory

BOMBS = """
import gzip, json, resource, sys, tracemalloc, zlib, zstandard
from record import content_coding, long_text
from record.entry import EntryWriter
from tests.unit.long_bodies import EndlessBody, HeldBody
from tests.unit.test_record_long import with_long

kind = sys.argv[1]
block, count = bytes(1 << 20), 10 * 1024
coding = ""
if kind == "zstd":
    packer = zstandard.ZstdCompressor(1).compressobj()
elif kind == "gzip":
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
if kind in ("zstd", "gzip"):
    coding = kind
    # gzip makes 4 kB of a megabyte at best: the first gigabyte will do, for it is cut off after 16 MB.
    count = count if kind == "zstd" else 1024
    body = HeldBody(b"".join(packer.compress(block) for _ in range(count)) + packer.flush())
elif kind == "text":
    body = EndlessBody(b"a" * (1 << 20), 99)
else:
    body = EndlessBody(bytes(range(256)) * 4096, 99)
decoded = [0]
original = long_text.decode

def counted(chunks, coding, most_bytes):
    for part in original(chunks, coding, most_bytes):
        decoded[0] += len(part)
        yield part

long_text.decode = counted
writer = EntryWriter("primary", frozenset(), body_bytes=(16 << 20) if coding or sys.argv[2] == "abridged" else 1 << 30)
made = with_long(body, body, coding)
tracemalloc.start()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
written = sum(map(len, writer.long_line(made)))
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps([tracemalloc.get_traced_memory()[1], (after - before) * 1024, decoded[0], written]))
"""


@pytest.mark.parametrize(
    ("kind", "form"),
    [
        ("gzip", "bomb"),
        ("zstd", "bomb"),
        ("text", "whole"),
        ("binary", "whole"),
        ("text", "abridged"),
        ("binary", "abridged"),
    ],
)
def test_no_body_costs_more_than_a_few_megabytes(kind: str, form: str) -> None:
    result = subprocess.run(
        [sys.executable, "-c", BOMBS, kind, form],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    traced, resident, decoded, written = json.loads(result.stdout)
    # A zstd bomb's 256 bytes are 8 MiB, and their parts are joined.
    most = 24 << 20 if kind == "zstd" else 4 << 20
    assert traced < most
    assert resident < most + (16 << 20)
    # Twice: the request and the answer.
    assert decoded <= (2 * ((16 << 20) + PART_BYTES) if form == "bomb" else 0)
    if form == "whole":
        assert written > 2 * 99 << 20
    else:
        assert written < 12 << 20


def test_an_endless_body_is_the_same_each_time() -> None:
    body = EndlessBody(b"ab", 3)
    assert b"".join(body.chunks()) == b"".join(body.chunks()) == b"ababab"
