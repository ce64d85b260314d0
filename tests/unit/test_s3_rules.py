"""What the upload to S3 decides without any I/O: names, parts, pace, back-off, checksums, what comes next."""

import base64
import gzip
import hashlib
import io
import itertools
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from offload.s3.backoff import Backoff
from offload.s3.digests import difference, digests_of, same_part
from offload.s3.first_line import first_line_time
from offload.s3.ledger import Ledger, Unfinished
from offload.s3.naming import Destination, object_key, safe
from offload.s3.pace import Pace
from offload.s3.part_body import PartBody
from offload.s3.parts import MIB, PART_BYTES, Part, part_size, parts_of
from offload.s3.store import Store
from offload.s3.waiting import next_upload, rotated_files, waiting

# Names

BEGAN = datetime(2026, 11, 26, 1, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    ("url", "bucket", "prefix"),
    [
        ("s3://captures", "captures", ""),
        ("s3://captures/", "captures", ""),
        ("s3://captures/a/b/", "captures", "a/b"),
        ("s3://my.bucket-1/traffic", "my.bucket-1", "traffic"),
    ],
)
def test_a_destination_is_a_bucket_and_a_prefix(url: str, bucket: str, prefix: str) -> None:
    assert Destination.from_url(url) == Destination(bucket, prefix)


@pytest.mark.parametrize(
    "url",
    ["", "captures", "s3:/captures", "s3://", "s3://a", "https://captures/x", "s3://b u/x", "s3://bucket?x"],
)
def test_what_is_no_destination_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="s3://BUCKET/PREFIX"):
        Destination.from_url(url)


@pytest.mark.parametrize(
    ("prefix", "host", "number", "form", "rival", "key"),
    [
        ("p/q", "web-1", 7, ".zst", 0, "p/q/cluster=primary/date=2026-11-26/hour=01/web-1-000007.log.zst"),
        ("", "web-1", 1234567, ".gz", 0, "cluster=primary/date=2026-11-26/hour=01/web-1-1234567.log.gz"),
        ("p", "a/b c", 1, ".zst", 2, "p/cluster=primary/date=2026-11-26/hour=01/a_b_c-000001-2.log.zst"),
    ],
)
def test_keys_are_partitions(prefix: str, host: str, number: int, form: str, rival: int, key: str) -> None:
    assert object_key(prefix, "primary", BEGAN, host, number, form, rival) == key


def test_partitions_are_utc() -> None:
    local = BEGAN.astimezone(timezone(timedelta(hours=-9)))
    assert "date=2026-11-26/hour=01" in object_key("", "shadow", local, "h", 1, ".zst", 0)


@given(st.text(), st.integers(1, 10**9), st.integers(0, 9))
def test_a_name_is_one_level_whatever_the_host(host: str, number: int, rival: int) -> None:
    key = object_key("p", "primary", BEGAN, host, number, ".zst", rival)
    assert key.count("/") == 4
    assert key.isascii()
    assert safe(host)


# Parts


@given(st.integers(1, 1 << 44))
def test_parts_obey_the_services_limits(size: int) -> None:
    part = part_size(size)
    assert 5 * MIB <= part <= 5 << 30
    assert -(-size // part) <= 10_000


@given(st.integers(1, 40 * PART_BYTES))
def test_parts_are_the_file(size: int) -> None:
    parts = parts_of(size)
    assert [part.number for part in parts] == list(range(1, len(parts) + 1))
    assert parts[0].offset == 0
    assert all(one.offset + one.size == two.offset for one, two in itertools.pairwise(parts))
    assert parts[-1].offset + parts[-1].size == size
    assert all(part.size == PART_BYTES for part in parts[:-1])


def test_a_body_reads_its_part_only_and_paces_what_is_sent() -> None:
    sent: list[int] = []
    data = os.urandom(100_000)
    body = PartBody(io.BytesIO(data), Part(2, 10_000, 50_000), sent.append)
    assert len(body) == 50_000
    # For the signature.
    assert body.read() == data[10_000:60_000]
    assert (body.tell(), body.read(10), sent) == (50_000, b"", [])
    body.seek(0)
    body.begin_sending()
    pieces = list(iter(lambda: body.read(65536), b""))
    assert b"".join(pieces) == data[10_000:60_000]
    assert sum(sent) == 50_000
    assert max(map(len, pieces)) <= 16384
    # Tried again: read from the start, and for the signature first.
    body.seek(-5, io.SEEK_END)
    assert body.read() == data[59_995:60_000]
    assert sum(sent) == 50_000


# Pace


@given(st.lists(st.integers(1, 50_000), min_size=1, max_size=200), st.integers(1000, 10**7))
def test_no_more_is_sent_than_the_bound(sizes: list[int], bytes_per_s: int) -> None:
    now_s, pace = 100.0, Pace(bytes_per_s, 100.0)
    for size in sizes:
        now_s += pace.wait_s(size, now_s)
    # The last piece is only begun.
    assert sum(sizes[:-1]) <= bytes_per_s * (now_s - 100.0 + 0.25) + 1
    assert now_s - 100.0 <= sum(sizes) / bytes_per_s + 1e-6


def test_what_was_not_sent_for_long_is_not_made_up_for() -> None:
    pace = Pace(1000, 0.0)
    waits = [pace.wait_s(100, 3600.0) for _ in range(10)]
    assert sum(wait > 0 for wait in waits) >= 7


def test_without_a_bound_nothing_waits() -> None:
    assert Pace(0, 0.0).wait_s(1 << 40, 0.0) == 0


# Back-off


def test_delays_double_up_to_five_minutes_and_begin_anew() -> None:
    backoff = Backoff(lambda: 1.0)
    assert [backoff.failed() for _ in range(11)] == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
    for _ in range(5000):
        assert backoff.failed() == 300
    backoff.succeeded()
    assert backoff.failed() == 1


def test_chance_shortens_delays_by_half_at_most() -> None:
    assert Backoff(lambda: 0.0).failed() == 0.5


# Checksums


def test_digests_of_one_part_are_the_files() -> None:
    data = b"abc" * 1000
    found = digests_of(io.BytesIO(data), len(data))
    assert found.sha256 == hashlib.sha256(data).hexdigest()
    assert found.checksum == base64.b64encode(hashlib.sha256(data).digest()).decode()
    assert found.etag == hashlib.md5(data).hexdigest()


def test_digests_of_parts_are_composite() -> None:
    data = os.urandom(PART_BYTES + 5)
    found = digests_of(io.BytesIO(data), len(data))
    pieces = (data[:PART_BYTES], data[PART_BYTES:])
    assert len(found.parts) == 2
    joined = hashlib.sha256(b"".join(hashlib.sha256(piece).digest() for piece in pieces)).digest()
    assert found.checksum == base64.b64encode(joined).decode() + "-2"
    assert (
        found.etag
        == hashlib.md5(b"".join(hashlib.md5(piece).digest() for piece in pieces)).hexdigest() + "-2"
    )
    assert same_part(found.parts, 2, None, hashlib.md5(pieces[1]).hexdigest())
    assert same_part(found.parts, 1, base64.b64encode(hashlib.sha256(pieces[0]).digest()).decode(), "other")
    assert not same_part(found.parts, 1, None, hashlib.md5(pieces[1]).hexdigest())
    assert not same_part(found.parts, 3, None, hashlib.md5(pieces[1]).hexdigest())


def test_a_file_that_became_shorter_is_an_error() -> None:
    with pytest.raises(EOFError):
        digests_of(io.BytesIO(b"abc"), 4)


DIGESTS = digests_of(io.BytesIO(b"abc"), 3)


@pytest.mark.parametrize(
    ("size", "checksum", "etag", "wrong"),
    [
        (3, DIGESTS.checksum, None, None),
        # A store that encrypts: the ETag is none of MD5, or another.
        (3, DIGESTS.checksum, "0" * 32, None),
        (3, None, DIGESTS.etag, None),
        (4, DIGESTS.checksum, None, "it has 4 bytes, the file 3"),
        (3, "AAAA", DIGESTS.etag, "its SHA-256 is AAAA"),
        (3, None, "0" * 32, "its ETag is 0000"),
    ],
)
def test_what_a_store_says_is_compared(
    size: int, checksum: str | None, etag: str | None, wrong: str | None
) -> None:
    found = difference(DIGESTS, size, checksum, etag)
    assert found == wrong if wrong is None else (found or "").startswith(wrong)


# First lines

LINE = b'{"startedDateTime":"2026-11-26T01:08:58.610284Z","time":12.584}\n'


@pytest.mark.parametrize(("form", "pack"), [(".zst", zstandard.compress), (".gz", gzip.compress)])
def test_the_first_lines_time_is_read(form: str, pack: object) -> None:
    assert callable(pack)
    file = io.BytesIO(pack(LINE + b"x" * 100_000))
    file.seek(5)
    assert first_line_time(file, form, 0) == datetime(2026, 11, 26, 1, 8, 58, tzinfo=UTC)


@pytest.mark.parametrize("content", [b"", b"{}\n", b'{"startedDateTime":"2026-99-26T01:08:58.610284Z"}'])
@pytest.mark.parametrize("form", [".zst", ".gz"])
def test_otherwise_it_is_the_files(form: str, content: bytes) -> None:
    packed = zstandard.compress(content) if form == ".zst" else gzip.compress(content)
    for data in (packed, packed[:10], b"no such format", b""):
        assert first_line_time(io.BytesIO(data), form, 1_000_000_000) == datetime(
            2001, 9, 9, 1, 46, 40, tzinfo=UTC
        )


# What comes next


def test_files_are_found_in_their_order(tmp_path: Path) -> None:
    log = tmp_path / "t.log"
    names = ["t.log", "t.log.000002.zst", "t.log.000001.gz", "t.log.000010.zst", "t.log.1000000.zst"]
    for name in [*names, "t.log.000003.zst.partial", "t.log.unsent", "t.log.000004.bz2", "x.log.000005.zst"]:
        (tmp_path / name).write_bytes(b"1234")
    found = rotated_files(log)
    assert [(one.number, one.form, one.size) for one in found] == [
        (1, ".gz", 4),
        (2, ".zst", 4),
        (10, ".zst", 4),
        (1000000, ".zst", 4),
    ]
    assert [one.number for one in waiting(found, 2)] == [10, 1000000]


def test_one_that_is_not_compressed_yet_is_waited_for(tmp_path: Path) -> None:
    log = tmp_path / "t.log"
    for name in ("t.log.000002", "t.log.000003.zst"):
        (tmp_path / name).write_bytes(b"1234")
    assert next_upload(waiting(rotated_files(log), 1)) is None
    # Both forms: the compressed one has just been made.
    (tmp_path / "t.log.000002.zst").write_bytes(b"12")
    assert next_upload(waiting(rotated_files(log), 1)) is None
    (tmp_path / "t.log.000002").unlink()
    one = next_upload(waiting(rotated_files(log), 1))
    assert one is not None
    assert (one.number, one.form) == (2, ".zst")
    assert next_upload([]) is None


# The ledger


def test_the_ledger_survives(tmp_path: Path) -> None:
    path = tmp_path / "s3.json"
    ledger = Ledger(path)
    assert (ledger.last, ledger.unfinished) == (0, None)
    begun = Unfinished("http://x b", "key", "id", "00")
    ledger.began(begun)
    assert Ledger(path).unfinished == begun
    ledger.verified(7)
    assert (Ledger(path).last, Ledger(path).unfinished) == (7, None)
    assert path.stat().st_mode & 0o777 == 0o640
    assert [one.name for one in tmp_path.iterdir()] == ["s3.json"]


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"{}", b'{"last": 3}', b'{"last": 3, "unfinished": {"x": 1}}']
)
def test_a_damaged_ledger_begins_anew(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "s3.json"
    path.write_bytes(content)
    ledger = Ledger(path)
    assert (ledger.last, ledger.unfinished) == (0, None)
    assert "can't be read" in caplog.text
    ledger.verified(1)
    assert Ledger(path).last == 1


@pytest.mark.parametrize(
    "markers", [itertools.repeat(0), itertools.repeat(2), itertools.chain((3, 2), itertools.repeat(3))]
)
def test_a_list_of_parts_that_does_not_come_forward_has_an_end(
    markers: Iterator[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = 0

    def answer(_self: Store, _operation: str, _key: str, **_arguments: object) -> dict[str, object]:
        nonlocal answers
        answers += 1
        assert answers < 10
        parts = [{"PartNumber": answers, "ChecksumSHA256": "x", "ETag": '"y"'}]
        return {"Parts": parts, "IsTruncated": True, "NextPartNumberMarker": next(markers)}

    monkeypatch.setattr(Store, "_ask", answer)
    listed = list(Store.parts(object.__new__(Store), "key", "upload"))
    assert [number for number, _, _ in listed] == list(range(1, answers + 1))
