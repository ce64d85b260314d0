"""A cluster as far as traffic goes: it answers every request alike, and can stand still.

The traffic's own tests with real clusters are in tests/e2e; those can't be made to stand still for a known time.
"""

import asyncio
import json
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from tests.integration.recording_server import LoopThread

_CLUSTER = {"name": "node", "version": {"number": "7.10.2"}, "tagline": "You Know, for Search"}


@dataclass(frozen=True)
class Received:
    """One request."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class StandstillCluster:
    """Listens on a port of 127.0.0.1 for the time of a ``with`` block.

    It stands still for ``standstill_s`` when request ``standstill_at`` of the traffic comes: that one and whatever comes meanwhile
    is answered afterwards. ``answer`` may say something else than status 200 and ``{}`` to the traffic.
    """

    def __init__(
        self,
        thread: LoopThread,
        *,
        standstill_at: int = -1,
        standstill_s: float = 0.0,
        answer: Callable[[Received], tuple[int, Any]] = lambda _: (200, {}),
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._tls = tls
        self._thread = thread
        self._standstill_at = standstill_at
        self._standstill_s = standstill_s
        self._answer = answer
        self._still_until = 0.0
        self._documents = 0
        self._indices: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.everything: list[Received] = []
        """All requests, in the order in which they came."""
        self.traffic: list[Received] = []
        """Those that are no preparation."""
        self.connections = 0
        """How many there were."""

    def __enter__(self) -> Self:
        self._server = self._thread.run(asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.run(self._close())

    async def _close(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def url(self) -> str:
        """Where it listens."""
        scheme = "https" if self._tls else "http"
        return f"{scheme}://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self.connections += 1
        try:
            while True:
                request = await _read(reader)
                self.everything.append(request)
                status, answer = await self._answered(request)
                body = json.dumps(answer).encode()
                writer.write(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answered(self, request: Received) -> tuple[int, Any]:
        prepared = self._prepared(request)
        if prepared is not None:
            return prepared
        self.traffic.append(request)
        loop = asyncio.get_running_loop()
        if len(self.traffic) == self._standstill_at:
            self._still_until = loop.time() + self._standstill_s
        if loop.time() < self._still_until:
            # This loop counts in milliseconds, and may round down.
            await asyncio.sleep(self._still_until - loop.time() + 0.002)
        return self._answer(request)

    def _prepared(self, request: Received) -> tuple[int, Any] | None:
        """The answer to what is sent before and after the traffic."""
        path, _, _ = request.path.partition("?")
        name = path.strip("/")
        if path == "/":
            return 200, _CLUSTER
        if path.endswith("/_refresh") or path.startswith("/_cluster/health/"):
            return 200, {}
        if path.endswith("/_count") and request.method == "GET":
            return 200, {"count": self._documents}
        if path.endswith("/_bulk") and not self.traffic and self._documents == 0:
            self._documents += request.body.count(b'{"index":')
            return 200, {"took": 1, "errors": False}
        if "/" in name or name.startswith("_"):
            return None
        return self._of_index(request, name)

    def _of_index(self, request: Received, name: str) -> tuple[int, Any]:
        if request.method == "PUT":
            self._indices.add(name)
            self._mapping = json.loads(request.body)["mappings"]
            return 200, {"acknowledged": True}
        if name not in self._indices:
            return 404, {"error": {"type": "index_not_found_exception"}}
        if request.method == "DELETE":
            self._indices.remove(name)
            return 200, {"acknowledged": True}
        return 200, {name: {"mappings": self._mapping}}


async def _read(reader: asyncio.StreamReader) -> Received:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    line, *lines = head.rstrip("\r\n").split("\r\n")
    method, path, _ = line.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (each.partition(":") for each in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Received(method, path, headers, body)
