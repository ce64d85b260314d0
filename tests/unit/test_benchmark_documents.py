import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.documents import bulk_lines, bulk_of, bulks, document_id, source


def test_documents_are_the_same_in_every_run() -> None:
    assert source(7) == source(7)
    assert bulk_lines(123_456) == (
        b'{"index":{"_id":"entry-000123456"}}\n'
        b'{"sequence":123456,"@timestamp":1764004938240,"clientip":"10.161.38.136","method":"POST",'
        b'"path":"/images/logo.png?session=ffa63c58868826a1","status":200,"bytes":33158,"agent":"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Safari/605.1"}\n'
    )


@given(st.integers(0, 10_000_000))
def test_a_document_has_200_to_300_bytes_with_its_id(number: int) -> None:
    action, document, rest = bulk_lines(number).split(b"\n")
    assert (json.loads(action)["index"]["_id"], json.loads(document), rest) == (
        document_id(number),
        source(number),
        b"",
    )
    assert 190 <= len(bulk_lines(number)) <= 320


def test_ids_sort_as_their_numbers() -> None:
    ids = [document_id(number) for number in (0, 9, 10, 99_999, 1_000_000)]
    assert ids == sorted(ids)


@given(st.integers(0, 200), st.integers(1, 20_000))
def test_bulks_have_every_document_once_and_are_as_large_as_fits(documents: int, bulk_bytes: int) -> None:
    found = list(bulks(documents, bulk_bytes))
    assert b"".join(found) == b"".join(map(bulk_lines, range(documents)))
    for bulk, following in pairwise(found):
        first = following.split(b"\n")[:2]
        assert len(bulk) + sum(len(line) + 1 for line in first) > bulk_bytes
    assert all(len(bulk) <= bulk_bytes or bulk.count(b"\n") == 2 for bulk in found)


@pytest.mark.parametrize("size", [30, 1_000, 12_345, 3_000_000])
def test_a_bulk_of_a_size_has_it_exactly(size: int) -> None:
    body = bulk_of(size)
    assert len(body) == size
    lines = body.split(b"\n")
    assert lines.pop() == b""
    assert len(lines) % 2 == 0
    assert all(json.loads(line) for line in lines[-2:])


def test_a_bulk_too_small_for_a_document() -> None:
    with pytest.raises(ValueError, match="10 bytes"):
        bulk_of(10)
