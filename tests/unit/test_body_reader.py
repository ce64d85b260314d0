"""The reader of the recording nodes: what it says of a body does not depend on how it comes."""

import pytest

from tests.integration.body_reader import BodyReader
from tests.integration.content import KEPT_BYTES, ContentSum, content_of

CHUNKED = b"4;a=b\r\nabcd\r\n3\r\n\r\ne\r\n0;last\r\nx-sum: 1\r\n\r\n"


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_chunked_body_is_the_same_in_pieces_of_any_size(size: int) -> None:
    reader, wire, rest = BodyReader("chunked"), CHUNKED + b"GET /", b""
    for start in range(0, len(wire), size):
        rest += reader.feed(wire[start : start + size])
    assert reader.done
    assert reader.content == content_of(b"abcd\r\ne")
    assert (reader.extensions, reader.trailers) == ([b"a=b", b"last"], [b"x-sum: 1"])
    assert rest == b"GET /"


def test_body_with_a_length_ends_there() -> None:
    reader = BodyReader("length", 5)
    assert reader.feed(b"abc") == b""
    assert (reader.done, reader.received) == (False, 3)
    assert reader.feed(b"deGET /") == b"GET /"
    assert reader.done
    assert reader.content.data == b"abcde"


@pytest.mark.parametrize("reader", [BodyReader("none"), BodyReader("length", 0)], ids=["none", "length"])
def test_no_body_takes_nothing(reader: BodyReader) -> None:
    assert reader.done
    assert reader.feed(b"GET /") == b"GET /"


def test_chunk_that_is_longer_than_it_says_is_an_error() -> None:
    with pytest.raises(ValueError, match="a chunk ends with"):
        BodyReader("chunked").feed(b"1\r\nab\r\n")


def test_long_body_is_told_by_length_and_sum_and_not_kept() -> None:
    whole, parts = b"a" * KEPT_BYTES + b"b", ContentSum()
    parts.add(whole[:10])
    parts.add(whole[10:])
    assert parts.content == content_of(whole) != content_of(whole[:-1] + b"c")
    assert len(parts.content.beginning) == KEPT_BYTES
    with pytest.raises(AssertionError, match="only the first"):
        _ = parts.content.data
