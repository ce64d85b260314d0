"""The slow node of the end-to-end test of the order: messages pass as they are."""

import asyncio
import http.client
from collections.abc import Iterator

import pytest

from tests.e2e.ordering.delayed_node import DelayedNode, Delays, read_message
from tests.integration.recording_server import LoopThread, RecordingServer

PLAIN = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
LENGTH = b"POST /b HTTP/1.1\r\ncontent-length: 3\r\n\r\nabc"
CHUNKED = b"POST /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2;x\r\nab\r\n1\r\nc\r\n0\r\n\r\n"
NO_BODY = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n"


def read(data: bytes, count: int, *, bodiless: bool = False) -> list[bytes]:
    async def messages() -> list[bytes]:
        reader = asyncio.StreamReader()
        reader.feed_data(data)
        reader.feed_eof()
        return [await read_message(reader, bodiless=bodiless) for _ in range(count)]

    return asyncio.run(messages())


def test_messages_end_where_their_framing_says() -> None:
    assert read(CHUNKED + PLAIN + LENGTH, 4) == [CHUNKED, PLAIN, LENGTH, b""]
    assert read(NO_BODY + NO_BODY, 3, bodiless=True) == [NO_BODY, NO_BODY, b""]


@pytest.mark.parametrize("data", [PLAIN[:-1], LENGTH[:-1], CHUNKED[:-2]])
def test_a_message_that_breaks_off_is_none(data: bytes) -> None:
    with pytest.raises(asyncio.IncompleteReadError):
        read(data, 1)


@pytest.fixture
def thread() -> Iterator[LoopThread]:
    with LoopThread() as thread:
        yield thread


@pytest.mark.parametrize(
    "rule", ["framing=length size=5", "framing=chunked size=5", "framing=length size=70000"]
)
def test_requests_and_answers_pass(thread: LoopThread, rule: str) -> None:
    with RecordingServer(thread) as server:
        nodes = [("127.0.0.1", server.port)]
        with DelayedNode(thread, nodes, Delays(reads_s=0.01, writes_s=0.01, factor=1.1)) as node:
            connection = http.client.HTTPConnection("127.0.0.1", node.port, timeout=20)
            for method, body in (("GET", None), ("POST", b"x" * 1_000_000), ("PUT", b"y")):
                connection.request(method, "/a", body, {"x-answer": rule})
                assert len(connection.getresponse().read()) == int(rule.rpartition("=")[2])
            connection.close()
        assert [(each.line.split()[0], each.body) for each in server.requests] == [
            (b"GET", b""),
            (b"POST", b"x" * 1_000_000),
            (b"PUT", b"y"),
        ]


def test_a_connection_ends_with_that_to_the_node(thread: LoopThread) -> None:
    with (
        RecordingServer(thread) as server,
        DelayedNode(thread, [("127.0.0.1", server.port)], Delays(0, 0, 1)) as node,
    ):
        connection = http.client.HTTPConnection("127.0.0.1", node.port, timeout=20)
        connection.request("GET", "/a", headers={"x-answer": "vanish=1"})
        with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
            connection.getresponse()
        connection.close()
