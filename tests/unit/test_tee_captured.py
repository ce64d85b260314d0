"""The copy of one direction, fed as the tee's reads feed it."""

import random
import time
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tee.blocks import BLOCK_BYTES
from tee.captured import READ_BYTES, Copy
from tee.handover import BEGINNING_BYTES, Stream
from tests.unit.tee_room import FakeRoom


def feed(copy: Copy, data: bytes) -> None:
    """As one sender's write: read in as many parts as the buffers ask for."""
    rest = data
    while rest:
        buffer = copy.buffer()
        if buffer is None:
            part = rest[:READ_BYTES]
            copy.add(part)
        else:
            part = rest[: len(buffer)]
            buffer[: len(part)] = part
            copy.filled(len(part))
        rest = rest[len(part) :]


def content(room: FakeRoom, stream: Stream) -> bytes:
    return stream.inline + b"".join(room.read(piece.offset, piece.length) for piece in stream.pieces)


SIZES = st.one_of(
    st.integers(1, 300),
    st.integers(1, 300_000),
    st.sampled_from((16_384, READ_BYTES, BLOCK_BYTES, BLOCK_BYTES - 1, BLOCK_BYTES + 1)),
)


@settings(max_examples=60)
@given(st.lists(SIZES, max_size=8), st.integers(0, 8))
def test_the_copy_is_what_came_as_far_as_there_was_room(sizes: list[int], blocks: int) -> None:
    room, dice = FakeRoom(blocks), random.Random(1)
    copy, whole = Copy(room), b""
    for size in sizes:
        data = dice.randbytes(size)
        feed(copy, data)
        whole += data
    copy.buffer()
    copy.end("end")
    stream = copy.stream()
    copied = content(room, stream)
    assert copied == whole[: len(copied)]
    assert len(copied) == stream.copied_bytes == copy.copied_bytes
    assert stream.total_bytes == len(whole)
    if stream.incomplete:
        assert len(copied) < len(whole)
        assert room.reasons == [stream.incomplete]
    else:
        assert copied == whole
        assert room.reasons == []
    if len(whole) + BLOCK_BYTES <= blocks * BLOCK_BYTES:
        assert not stream.incomplete
    # All blocks may be moved, but for those that are empty.
    assert sorted(room.sealed) == sorted(room.contents)
    copy.release()
    assert room.contents == {}
    assert room.single_bytes == 0


def test_a_short_copy_goes_inline_and_a_longer_one_into_blocks() -> None:
    room = FakeRoom(10)
    short, longer = Copy(room), Copy(room)
    feed(short, b"x" * 16_384)
    feed(longer, b"x" * 16_384)
    feed(longer, b"y")
    assert short.stream().inline == b"x" * 16_384
    assert longer.stream().inline == b""
    assert content(room, longer.stream()) == b"x" * 16_384 + b"y"


def test_blocks_that_follow_one_another_are_one_piece() -> None:
    room = FakeRoom(10)
    copy = Copy(room)
    feed(copy, b"x" * (3 * BLOCK_BYTES + 5))
    copy.end("end")
    assert copy.stream().pieces == (
        ("memory", 0, 2 * BLOCK_BYTES),
        ("memory", 3 * BLOCK_BYTES, BLOCK_BYTES + 5),
    )


def test_a_copy_waits_for_room_as_long_as_that_is_worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now_s)
    room = FakeRoom(1)
    room.wait_s = 1.0
    copy, other = Copy(room), Copy(room)
    feed(other, b"x" * BLOCK_BYTES)
    assert copy.buffer() is None
    assert copy.waits(20_000)
    now_s = 0.75
    assert copy.waits(20_000)
    other.release()
    assert not copy.waits(20_000)
    feed(copy, b"y" * BLOCK_BYTES)
    assert copy.buffer() is None
    # What it has waited before counts too.
    now_s = 5.0
    assert copy.waits(20_000)
    now_s = 5.2
    assert copy.waits(20_000)
    now_s = 5.3
    assert not copy.waits(20_000)
    feed(copy, b"z")
    assert copy.stream().incomplete == "memory_full"
    assert not copy.waits(20_000)


def test_without_copying_everything_is_counted() -> None:
    room = FakeRoom(10)
    copy = Copy(room)
    copy.without_copying("memory_full")
    feed(copy, b"x" * 500_000)
    copy.end("receiver_closed")
    stream = copy.stream()
    assert (stream.total_bytes, stream.copied_bytes) == (500_000, 0)
    assert (stream.incomplete, stream.ending) == ("memory_full", "receiver_closed")
    assert copy.beginning == b"x" * BEGINNING_BYTES
    assert room.reasons == ["memory_full"]
    copy.release()
    assert (room.contents, room.single_bytes) == ({}, 0)


def test_the_times_are_those_of_the_first_and_the_last_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    clock_us = [0]
    monkeypatch.setattr(time, "time_ns", lambda: clock_us[0] * 1000 + 999)
    copy = Copy(FakeRoom(10))
    assert (copy.stream().first_us, copy.stream().last_us) == (0, 0)
    for now_us, size in ((5, 1), (7, 10_000), (9, 10_000)):
        clock_us[0] = now_us
        feed(copy, b"x" * size)
    clock_us[0] = 20
    copy.end("end")
    assert (copy.stream().first_us, copy.stream().last_us) == (5, 9)


def test_a_copy_that_comes_by_two_bytes_takes_the_memory_that_is_accounted_for() -> None:
    def held(count: int) -> int:
        room = FakeRoom(blocks=2)
        tracemalloc.start()
        try:
            copy = Copy(room)
            for number in range(count):
                copy.add(number.to_bytes(2))
            assert room.single_bytes == 2 * count
            return tracemalloc.get_traced_memory()[0]
        finally:
            tracemalloc.stop()

    assert held(8000) < 16_000 + 16_000 // 4 + 4096
