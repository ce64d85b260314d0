"""The beginning of a message that comes in parts: what comes out, and that each byte is handled a bounded number of times."""

from hypothesis import given
from hypothesis import strategies as st

from agent.octet_counting import OctetCounting
from agent.spop.connection import Connection
from agent.unfinished import Unfinished
from tee.handover import AgentLines, Frames
from tests.unit.counted_bytes import Work, grows_no_faster
from tests.unit.spop_frames import HELLO


@given(st.lists(st.binary(min_size=1, max_size=20), min_size=1), st.binary(min_size=1, max_size=20))
def test_all_of_it_comes_back_when_nothing_is_missing(parts: list[bytes], rest: bytes) -> None:
    unfinished = Unfinished()
    assert unfinished.with_next(rest) == rest
    unfinished.keep(rest, sum(map(len, parts)))
    *early, last = parts
    assert [unfinished.with_next(part) for part in early] == [b""] * len(early)
    assert unfinished.with_next(last) == rest + b"".join(parts)
    # And it is gone.
    assert unfinished.with_next(b"x") == b"x"


def test_a_ring_line_in_many_reads() -> None:
    def work_for(count: int) -> int:
        work, frames = Work(), OctetCounting()
        lines = [line for part in work.parts(b"%d " % count + b"x" * count, 7) for line in frames.feed(part)]
        assert lines == [b"x" * count]
        return work.joined

    assert grows_no_faster(work_for, 16_000)


def test_a_spop_frame_in_many_reads() -> None:
    def work_for(count: int) -> int:
        work, connection = Work(), Connection(1 << 20)
        connection.receive(HELLO)
        # A NOTIFY frame without a message: its identifiers are acknowledged when it is whole.
        frame = count.to_bytes(4) + b"\x03\x00\x00\x00\x01\x01\x01" + b"x" * (count - 7)
        replies = [connection.receive(part).reply for part in work.parts(frame, 7)]
        assert not any(replies[:-1])
        assert replies[-1]
        return work.joined

    assert grows_no_faster(work_for, 4000)


def test_a_frame_of_the_tee_in_many_reads() -> None:
    def work_for(count: int) -> int:
        work, frames = Work(), Frames()
        frame = count.to_bytes(4) + b"x" * count
        assert [payload for part in work.parts(frame, 7) for payload in frames.feed(part)] == [b"x" * count]
        return work.joined

    assert grows_no_faster(work_for, 4000)


def test_acknowledgements_in_many_reads() -> None:
    def work_for(count: int) -> int:
        work, agent_lines = Work(), AgentLines()
        parts = work.parts(b"1234567\n" * count, 3)
        assert [number for part in parts for number in agent_lines.feed(part)] == [1234567] * count
        return work.joined

    assert grows_no_faster(work_for, 1000)
