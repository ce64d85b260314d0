"""Conversations with HAProxy, without a socket."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.spop import errors
from agent.spop.connection import Connection, Message
from agent.spop.values import decode_pairs
from tests.unit.spop_frames import (
    HELLO,
    HELLO_HEALTHCHECK,
    NOTIFY_REQUEST,
    NOTIFY_RESPONSE,
    REQUEST_ID,
    frame,
    hello,
    notify,
    pairs,
)

# AGENT-HELLO: version "2.0", max-frame-size 65532, capabilities "pipelining".
AGENT_HELLO = bytes.fromhex(
    "00000040650000000100000776657273696f6e0803322e300e6d61782d6672616d652d73697a6503fcf01e"
    "0c6361706162696c6974696573080a706970656c696e696e67"
)
MAX = 1 << 24


def status_of(reply: bytes) -> tuple[int, int]:
    """The type of a reply and the status code in it."""
    values = decode_pairs(reply, 11, len(reply))
    status = values[b"status-code"]
    assert isinstance(status, int)
    return reply[4], status


def last_frame(stream: bytes) -> bytes:
    end = 4 + int.from_bytes(stream[:4], "big")
    return stream if end == len(stream) else last_frame(stream[end:])


def greeted() -> Connection:
    connection = Connection(MAX)
    connection.receive(HELLO)
    return connection


def test_a_health_check_is_answered_and_closed() -> None:
    received = Connection(MAX).receive(HELLO_HEALTHCHECK)
    assert received.reply == AGENT_HELLO
    assert received.close
    assert received.error is None


def test_a_request_and_its_answer_from_haproxy() -> None:
    connection = Connection(MAX)
    assert connection.receive(HELLO).reply == AGENT_HELLO
    received = connection.receive(NOTIFY_REQUEST + NOTIFY_RESPONSE)
    # ACK: length 7, type 103, flags FIN, stream-id 4, frame-id 1 and 2, no action.
    assert received.reply.hex() == "0000000767000000010401" + "0000000767000000010402"
    (request, request_values), (response, response_values) = [
        message.decode() for message in received.messages
    ]
    assert (request, response) == (b"request", b"response")
    assert request_values[:4] == [REQUEST_ID, b"POST", b"/a/_search?q=1", b"1.1"]
    assert request_values[5:7] == [b'{"a":1}', 7]
    assert request_values[8:] == [b"\x7f\0\0\1", 42128]
    assert response_values[:3] == [REQUEST_ID, 200, b"1.1"]
    assert response_values[4:] == [
        b'{"took":1,"timed_out":false}',
        28,
        b"1/0/0/0",
        None,
        b"node1",
        b"\x7f\0\0\1",
    ]


@given(st.lists(st.integers(1, 500), max_size=8))
def test_however_the_bytes_are_cut_the_same_comes_out(cuts: list[int]) -> None:
    stream = HELLO + NOTIFY_REQUEST + NOTIFY_RESPONSE
    connection = Connection(MAX)
    replies, messages = b"", []
    for size in [*cuts, len(stream)]:
        received = connection.receive(stream[:size])
        stream = stream[size:]
        replies += received.reply
        messages += [message.decode()[0] for message in received.messages]
    assert messages == [b"request", b"response"]
    assert replies == AGENT_HELLO + bytes.fromhex("0000000767000000010401" + "0000000767000000010402")


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1), st.lists(st.binary(max_size=400), max_size=20))
def test_identifiers_are_echoed_and_arguments_arrive(
    stream_id: int, frame_id: int, values: list[bytes]
) -> None:
    received = greeted().receive(notify("request", list(values), stream_id=stream_id, frame_id=frame_id))
    assert received.reply == frame(103, b"", stream_id=stream_id, frame_id=frame_id)
    assert [message.decode() for message in received.messages] == [(b"request", values)]


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (hello(max_frame_size=65532), errors.NO_VERSION),
        (hello(supported_versions="1.0, 3.1", max_frame_size=65532), errors.BAD_VERSION),
        (hello(supported_versions="2.0"), errors.NO_MAX_FRAME_SIZE),
        (hello(supported_versions="2.0", max_frame_size=100), errors.BAD_MAX_FRAME_SIZE),
        (HELLO + HELLO, errors.INVALID),
        (NOTIFY_REQUEST, errors.INVALID),
        (HELLO + frame(3, b"", flags=0), errors.FRAGMENTATION),
        (HELLO + frame(3, b"", flags=3), errors.INVALID),
        (HELLO + (70000).to_bytes(4, "big"), errors.TOO_BIG),
        (HELLO + b"\0\0\0\1x", errors.INVALID),
        (HELLO + frame(103, b""), None),
        (HELLO + frame(200, b""), errors.INVALID),
        (HELLO + b"\0\0\0\7\3\0\0\0\1\xff\xff", errors.INVALID),
    ],
)
def test_a_peer_that_breaks_the_protocol_is_told_so(sent: bytes, status: int | None) -> None:
    received = Connection(MAX).receive(sent)
    if status is None:
        assert not received.close
        return
    assert received.close
    assert received.error is not None
    assert received.error.status == status
    assert status_of(last_frame(received.reply)) == (102, status)


def test_nothing_is_read_after_the_end() -> None:
    connection = greeted()
    connection.receive(frame(200, b""))
    received = connection.receive(NOTIFY_REQUEST)
    assert (received.messages, received.reply) == ([], b"")


def test_haproxys_goodbye_is_answered() -> None:
    received = greeted().receive(frame(2, pairs({"status-code": 0, "message": "normal"})))
    assert received.close
    assert received.error is None
    assert status_of(received.reply) == (102, 0)


def test_haproxys_complaint_is_told() -> None:
    received = greeted().receive(frame(2, pairs({"status-code": 3, "message": "frame is too big"})))
    assert received.error is not None
    assert "frame is too big" in str(received.error)


def test_the_smaller_frame_size_counts() -> None:
    connection = Connection(1000)
    reply = connection.receive(HELLO).reply
    assert decode_pairs(reply, 11, len(reply))[b"max-frame-size"] == 1000
    assert connection.receive((1001).to_bytes(4, "big")).error is not None


def test_a_length_is_checked_before_anything_is_kept() -> None:
    connection = Connection(1000)
    connection.receive(HELLO)
    received = connection.receive((1 << 31).to_bytes(4, "big") + b"x" * 500)
    assert received.error is not None
    assert received.error.status == errors.TOO_BIG


@given(st.lists(st.binary(max_size=300), max_size=5), st.booleans())
def test_any_bytes_are_survived(chunks: list[bytes], greet: bool) -> None:
    connection = greeted() if greet else Connection(MAX)
    for chunk in chunks:
        for message in connection.receive(chunk).messages:
            survive(message)


@given(st.integers(0, len(NOTIFY_REQUEST) - 5), st.integers(0, 255))
def test_a_damaged_frame_is_survived(position: int, byte: int) -> None:
    damaged = bytearray(NOTIFY_REQUEST)
    damaged[4 + position] = byte
    for message in greeted().receive(bytes(damaged)).messages:
        survive(message)


def survive(message: Message) -> None:
    try:
        message.decode()
    except errors.SpopError:
        return


@pytest.mark.parametrize(
    "sent",
    [
        frame(1, pairs({"supported-versions": "9" * 1_000_000, "max-frame-size": 65532})),
        HELLO + frame(2, pairs({"status-code": 99, "message": "x" * 1_000_000})),
    ],
)
def test_of_a_long_text_the_beginning_is_said(sent: bytes) -> None:
    received = Connection(MAX).receive(sent)
    assert received.error is not None
    assert len(str(received.error)) < 300
    assert len(received.reply) < 500
