"""What the tee and the agent tell each other: there and back, in any pieces, and nonsense."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tee.handover import (
    AgentLines,
    Answer,
    Exchange,
    Frames,
    HandoverError,
    Hello,
    Piece,
    Question,
    Stream,
    decode,
    encode_acknowledgement,
    encode_answer,
    encode_exchange,
    encode_hello,
    encode_question,
)

PIECES = st.builds(
    Piece, st.sampled_from(("memory", "spool")), st.integers(0, 1 << 50), st.integers(1, 1 << 50)
)
STREAMS = st.builds(
    Stream,
    st.integers(0, 1 << 60),
    st.sampled_from(("", "memory_full", "spool_full")),
    st.sampled_from(("end", "reset", "receiver_closed")),
    st.integers(0, 1 << 60),
    st.integers(0, 1 << 60),
    st.binary(max_size=100),
    st.lists(PIECES, max_size=4).map(tuple),
)
EXCHANGES = st.builds(Exchange, st.integers(1, 1 << 60), STREAMS, STREAMS)

STREAM = Stream(5, "", "end", 1_700_000_000_000_000, 1_700_000_000_000_001, b"a\n{}b", ())


@given(st.lists(EXCHANGES, max_size=5), st.integers(1, 50))
def test_exchanges_arrive_in_any_pieces(exchanges: list[Exchange], size: int) -> None:
    data = encode_hello(Hello(17)) + b"".join(map(encode_exchange, exchanges))
    frames = Frames()
    arrived = [
        decode(payload)
        for start in range(0, len(data), size)
        for payload in frames.feed(data[start : start + size])
    ]
    assert arrived == [Hello(17), *exchanges]


def test_the_frame_of_an_exchange() -> None:
    response = Stream(
        300_000, "spool_full", "reset", 3, 4, b"", (Piece("memory", 0, 9), Piece("spool", 8, 7))
    )
    frame = encode_exchange(Exchange(7, STREAM, response))
    assert int.from_bytes(frame[:4]) == len(frame) - 4
    head, rest = frame[4:].split(b"\n", 1)
    assert rest == b"a\n{}b"
    assert json.loads(head) == {
        "id": 7,
        "request": {
            "total": 5,
            "incomplete": "",
            "ending": "end",
            "first_us": 1_700_000_000_000_000,
            "last_us": 1_700_000_000_000_001,
            "inline": 5,
            "pieces": [],
        },
        "response": {
            "total": 300_000,
            "incomplete": "spool_full",
            "ending": "reset",
            "first_us": 3,
            "last_us": 4,
            "inline": 0,
            "pieces": [["memory", 0, 9], ["spool", 8, 7]],
        },
    }


@pytest.mark.parametrize(
    "payload", [b"", b"{}", b"[]", b"1\n", b'{"id":1,"request":{},"response":{}}\n', b"\xff"]
)
def test_what_is_no_message_is_refused(payload: bytes) -> None:
    with pytest.raises(HandoverError):
        decode(payload)


def test_a_message_with_too_few_bytes_is_refused() -> None:
    payload = encode_exchange(Exchange(7, STREAM, STREAM))[4:]
    with pytest.raises(HandoverError, match="9 bytes follow where 10"):
        decode(payload[:-1])


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(payload: bytes) -> None:
    with contextlib.suppress(HandoverError):
        decode(payload)


def test_an_impossible_length_is_refused() -> None:
    with pytest.raises(HandoverError):
        Frames().feed(b"\xff\xff\xff\xff")


LINES = st.lists(
    st.one_of(st.integers(0, 1 << 60), st.builds(Question, st.integers(0, 1 << 60))), max_size=20
)


@given(LINES, st.integers(1, 30))
def test_acknowledgements_and_questions_arrive_in_any_pieces(said: list[int | Question], size: int) -> None:
    data = b"".join(
        encode_question(one) if isinstance(one, Question) else encode_acknowledgement(one) for one in said
    )
    lines = AgentLines()
    arrived = [one for start in range(0, len(data), size) for one in lines.feed(data[start : start + size])]
    assert [(type(one), one) for one in arrived] == [(type(one), one) for one in said]


@pytest.mark.parametrize(
    "data", [b"\n", b"x\n", b"-1\n", b"1 2\n", b"1" * 30, b"1" * 5000 + b"\n", b"?\n", b"??1\n", b"1?\n"]
)
def test_what_is_neither_is_refused(data: bytes) -> None:
    with pytest.raises(HandoverError):
        AgentLines().feed(data)


@given(st.builds(Answer, st.integers(0, 1 << 60), st.lists(st.binary(max_size=256)).map(tuple)))
def test_an_answer_arrives(answer: Answer) -> None:
    (payload,) = Frames().feed(encode_answer(answer))
    assert decode(payload) == answer


def test_an_answer_whose_beginnings_are_not_all_there_is_refused() -> None:
    (payload,) = Frames().feed(encode_answer(Answer(1, (b"abc", b"de"))))
    with pytest.raises(HandoverError):
        decode(payload[:-1])
