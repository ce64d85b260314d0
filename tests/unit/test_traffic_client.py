"""Requests of generated traffic over real connections of this machine: sent once, and how long their answers may take."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from traffic.client import Answer, Client, NoAnswerError
from traffic.operations import Request
from traffic.settings import TrafficSettings, read_target

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
_END_S = 30


class Node:
    """Answers every request but the ``drops``-th of a connection, at which it closes it, ``takes_s`` after it came."""

    def __init__(self, drops: int = 0, takes_s: float = 0) -> None:
        self.requests: list[str] = []
        self._drops = drops
        self._takes_s = takes_s

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = 0
        try:
            while head := (await reader.readuntil(b"\r\n\r\n")).decode():
                number += 1
                self.requests.append(head.partition(" HTTP/")[0])
                if number == self._drops:
                    break
                await asyncio.sleep(self._takes_s)
                writer.write(ANSWER)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


def talk(node: Node, conversation: Callable[[Client], Awaitable[None]], timeout_s: float = _END_S) -> None:
    async def talking() -> None:
        async with asyncio.timeout(_END_S), await asyncio.start_server(node.serve, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            target = read_target(f"127.0.0.1:{port}")
            async with Client(TrafficSettings(target=target, connections=1, timeout_s=timeout_s)) as client:
                await conversation(client)

    asyncio.run(talking())


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_a_request_whose_connection_breaks_is_counted_and_not_repeated(method: str) -> None:
    async def conversation(client: Client) -> None:
        assert await client.send(Request("GET", "/first")) == Answer(200, b"{}")
        with pytest.raises(NoAnswerError) as raised:
            await client.send(Request(method, "/second"))
        assert raised.value.kind == "connection lost"

    node = Node(drops=2)
    talk(node, conversation)
    assert node.requests == ["GET /first", f"{method} /second"]


def test_a_request_may_have_longer_than_the_others() -> None:
    async def conversation(client: Client) -> None:
        with pytest.raises(NoAnswerError) as raised:
            await client.send(Request("GET", "/"))
        assert raised.value.kind == "time-out"
        assert (await client.send(Request("GET", "/"), timeout_s=_END_S)).status == 200

    talk(Node(takes_s=0.3), conversation, timeout_s=0.05)
