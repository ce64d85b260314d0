"""Lines framed by their length."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.octet_counting import FramingError, OctetCounting


@given(st.lists(st.binary(max_size=300)), st.data())
def test_lines_come_back_however_the_stream_is_cut(lines: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(b"%d %b" % (len(line), line) for line in lines)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)))))
    frames = OctetCounting()
    read = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        read += frames.feed(stream[start:end])
    assert read == lines


@pytest.mark.parametrize("stream", [b"x", b" 5 hello", b"123456", b"12x45 a", b"-1 a", b"3 abcnext"])
def test_what_is_not_framed_so_is_refused(stream: bytes) -> None:
    with pytest.raises(FramingError):
        OctetCounting().feed(stream)


def test_a_length_alone_waits_for_its_line() -> None:
    frames = OctetCounting()
    assert frames.feed(b"65535") == []
    assert frames.feed(b" " + b"x" * 65535) == [b"x" * 65535]
