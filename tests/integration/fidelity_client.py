"""The client of the fidelity suite: holds the conversation of a case, and tells what it got."""

import time
from dataclasses import dataclass

from h2.exceptions import H2Error

from tests.integration.content import Content, content_of
from tests.integration.fidelity_cases import Case, Pace
from tests.integration.h2_client import H2Client
from tests.integration.raw_client import Answer, RawClient, Request

TIMEOUT_S = 30


@dataclass(frozen=True)
class Got:
    """An answer; equal to another when a client could not tell them apart (save by chunk sizes and times)."""

    interim: tuple[bytes, ...]
    answer: Answer
    """Without its body."""
    content: Content


def attempt(address: tuple[str, int], case: Case) -> "list[Got] | Exception":
    """The answers, which are whole and all; or how it failed: one case must not take the others along."""
    try:
        return _converse_h2(address, case) if case.http2 else _converse(address, case)
    except (OSError, AssertionError, ValueError, H2Error) as error:
        return error


def _got(answer: Answer, interim: tuple[bytes, ...] = ()) -> Got:
    assert answer.complete, f"no whole answer: {answer.head!r} and {len(answer.body)} bytes"
    bare = Answer((), answer.head, b"", True, answer.first_byte_s, answer.last_byte_s)
    return Got(interim + answer.interim, bare, content_of(answer.body))


def _converse(address: tuple[str, int], case: Case) -> list[Got]:
    got: list[Got] = []
    with RawClient(address, TIMEOUT_S) as client:
        if case.how == "pipelined":
            _send(client, b"".join(request.wire for request in case.requests), case.pace)
        for request in case.requests:
            interim = _send_one(client, case, request)
            got.append(_got(client.answer(request.method), interim))
        if case.closes:
            assert client.rest() == b"", "more than the answer"
        else:
            assert client.is_open_and_silent(), "closed, or more than the answer"
    return got


def _send_one(client: RawClient, case: Case, request: Request) -> tuple[bytes, ...]:
    if case.how == "pipelined":
        return ()
    if case.how == "expect":
        client.send(request.head)
        interim = client.interim()
        client.send(request.wire_body)
        return (interim,)
    _send(client, request.wire, case.pace)
    if case.how == "half-close":
        client.half_close()
    return ()


def _send(client: RawClient, data: bytes, pace: Pace | None) -> None:
    if pace is None:
        client.send(data)
        return
    for start in range(0, len(data), pace.piece_bytes):
        client.send(data[start : start + pace.piece_bytes])
        time.sleep(pace.pause_s)


def _converse_h2(address: tuple[str, int], case: Case) -> list[Got]:
    client = H2Client(address, TIMEOUT_S)
    try:
        if case.how == "h2":
            return [_got(client.exchange(request)) for request in case.requests]
        streams = [client.start(request) for request in case.requests]
        return [_got(client.answer(stream)) for stream in streams]
    finally:
        client.close()
