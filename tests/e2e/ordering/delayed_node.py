"""A node in front of a cluster that makes it slow, each request for a time of its own, so that what runs at once is shuffled."""

import asyncio
import random
import re
from asyncio import StreamReader, StreamWriter
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from tests.integration.recording_server import LoopThread

_READS = re.compile(rb"GET |HEAD |\w+ [^? ]*/_(?:search|msearch|count|mget)[? ]")
# HAProxy's check of the node.
_CHECK = b"GET / "
_LIMIT = 1 << 20


@dataclass(frozen=True)
class Delays:
    """How slow."""

    reads_s: float
    """A read comes to the cluster so much later at most; drawn anew each time."""
    writes_s: float
    factor: float
    """An answer takes so many times as long as the cluster took for it."""


class DelayedNode:
    """HTTP/1.1 between a proxy and nodes that are taken in turn; one connection there for each one here."""

    def __init__(self, thread: LoopThread, nodes: Sequence[tuple[str, int]], delays: Delays) -> None:
        self.port = 0
        self._thread = thread
        self._nodes = nodes
        self._delays = delays
        self._random = random.Random(17)
        self._opened = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @property
    def node(self) -> str:
        """HOST:PORT for containers."""
        return f"host.docker.internal:{self.port}"

    def __enter__(self) -> Self:
        self._thread.run(self._listen())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.run(self._close())

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "0.0.0.0", 0, limit=_LIMIT, backlog=1024)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._opened += 1
        host, port = self._nodes[self._opened % len(self._nodes)]
        node_reader, node_writer = await asyncio.open_connection(host, port, limit=_LIMIT)
        try:
            while request := await read_message(reader):
                answer = await self._answer(request, node_reader, node_writer)
                writer.write(answer)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            # One side has ended the connection, and so does the other.
            pass
        finally:
            self._tasks.discard(task)
            node_writer.close()
            writer.close()

    async def _answer(self, request: bytes, reader: StreamReader, writer: StreamWriter) -> bytes:
        delays, check = self._delays, request.startswith(_CHECK)
        if not check:
            most_s = delays.reads_s if _READS.match(request) else delays.writes_s
            # Mostly short, and now and then long: that shuffles more than as long a wait for everything.
            await asyncio.sleep(self._random.random() ** 3 * most_s)
        loop = asyncio.get_running_loop()
        began = loop.time()
        writer.write(request)
        answer = await read_message(reader, bodiless=request.startswith(b"HEAD "))
        if not answer:
            raise ConnectionResetError
        if not check:
            await asyncio.sleep((loop.time() - began) * (delays.factor - 1))
        return answer


async def read_message(reader: StreamReader, *, bodiless: bool = False) -> bytes:
    """The next request, or the next answer (``bodiless``: to a HEAD), as it came; empty at the end of the stream.

    Raises:
        asyncio.IncompleteReadError: it ended in the middle.
    """
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise
        return b""
    lines = head.lower()
    length = re.search(rb"\r\ncontent-length: *(\d+)", lines)
    if bodiless:
        return head
    if length:
        return head + await reader.readexactly(int(length[1]))
    if re.search(rb"\r\ntransfer-encoding: *chunked", lines):
        return head + await _chunks(reader)
    return head


async def _chunks(reader: StreamReader) -> bytes:
    """A chunked body with its end; trailers are not expected."""
    body = b""
    while True:
        line = await reader.readuntil(b"\r\n")
        size = int(line.split(b";")[0], 16)
        body += line + await reader.readexactly(size + 2)
        if not size:
            return body
