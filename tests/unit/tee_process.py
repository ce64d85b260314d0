"""A tee as its supervisor starts it, and the ends that it connects: the inner frontend's socket, and the agent."""

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

from tee.greeting import GRANTED
from tee.handover import (
    Answer,
    Exchange,
    Frames,
    Question,
    Stream,
    decode,
    encode_acknowledgement,
    encode_question,
)
from tee.reading import receive_hello

PATIENCE_S = 20.0

MIB = 1024 * 1024

ROOT = Path(__file__).parents[2]

GREETING = b"\x04\x01\x00\x01\x7f\x00\x00\x01HAProxy\x00"
"""HAProxy's (seen: 2.6, 3.0, 3.2), with "socks4 127.0.0.1:1"."""


def until(condition: Callable[[], object], what: str) -> None:
    """Poll until ``condition`` holds."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"waited {PATIENCE_S} s for {what}"
        time.sleep(0.002)


def read_all(end: socket.socket) -> bytes:
    """Everything until the end."""
    chunks = []
    while chunk := end.recv(65536):
        chunks.append(chunk)
    return b"".join(chunks)


def read_exactly(end: socket.socket, count: int) -> bytes:
    """So many bytes."""
    data = bytearray()
    while len(data) < count:
        chunk = end.recv(min(65536, count - len(data)))
        assert chunk, f"the end after {len(data)} of {count} bytes"
        data += chunk
    return bytes(data)


def write_until_blocked(end: socket.socket, quiet_s: float = 0.3) -> int:
    """Write until nothing more is taken for a while; how many bytes went."""
    chunk, total = b"w" * 65536, 0
    end.setblocking(False)
    try:
        while select.select([], [end], [], quiet_s)[1]:
            total += end.send(chunk)
    finally:
        end.settimeout(PATIENCE_S)
    return total


class AgentStub:
    """The agent's end of the hand-over."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE_S)
        self.socket.connect(os.fspath(path))
        self.hello, self.areas = receive_hello(self.socket)
        self._frames = Frames()
        self._arrived: deque[Exchange | Answer] = deque()
        self.taken: list[int] = []
        """The numbers of the exchanges that came before an answer."""

    def next(self) -> Exchange:
        """The next exchange that is offered."""
        exchange = self._next()
        assert isinstance(exchange, Exchange)
        return exchange

    def ask(self, number: int) -> Answer:
        """What the tee answers; what it offers before goes to `taken`."""
        self.socket.sendall(encode_question(Question(number)))
        while isinstance(message := self._next(), Exchange):
            self.taken.append(message.id)
        return message

    def _next(self) -> Exchange | Answer:
        while not self._arrived:
            data = self.socket.recv(65536)
            assert data, "the tee closed the connection"
            for payload in self._frames.feed(data):
                message = decode(payload)
                assert isinstance(message, Exchange | Answer)
                self._arrived.append(message)
        return self._arrived.popleft()

    def offers(self, quiet_s: float = 0.2) -> list[Exchange]:
        """All exchanges that are offered now."""
        exchanges = []
        while self._arrived or select.select([self.socket], [], [], quiet_s)[0]:
            exchanges.append(self.next())
        return exchanges

    def offered(self) -> list[int]:
        """The numbers of all exchanges that are offered now."""
        return [exchange.id for exchange in self.offers()]

    def acknowledge(self, *numbers: int) -> None:
        """Be done with exchanges."""
        for number in numbers:
            self.socket.sendall(encode_acknowledgement(number))

    def bytes(self, stream: Stream) -> bytes:
        """What was copied of one direction."""
        data = b"".join(self.areas.chunks(stream))
        assert len(data) == stream.copied_bytes
        return data

    def close(self) -> None:
        """Go."""
        if self.socket.fileno() >= 0:
            self.socket.close()
            self.areas.close()


class TeeProcess:
    """A running tee.

    Args:
        directory: for sockets, settings and spool; a new one.
        statements: Python that is run before the tee's own.
    """

    def __init__(self, directory: Path, statements: str = "", **settings: float | str) -> None:
        self.directory = directory
        self.agents: list[AgentStub] = []
        values: dict[str, float | str] = {
            "memory_bytes": 64 * MIB,
            "spool_bytes": 64 * MIB,
            "spool_dir": os.fspath(directory),
            "room_wait_s": 0.0,
            "drain_s": 5.0,
            **settings,
        }
        file = directory / "tee.toml"
        file.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in values.items()))
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.settimeout(PATIENCE_S)
        self._listener.bind(os.fspath(directory / "tee-inner.sock"))
        self._listener.listen(1024)
        self.log = directory / "tee.log"
        command = (sys.executable, "-c", f"{statements}\nfrom tee.__main__ import main\nmain()", file)
        ready, told = os.pipe()
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                env={**os.environ, "CAPTURE_RUNTIME_DIR": os.fspath(directory), "CAPTURE_NOTIFY": "1"},
                stderr=log,
                close_fds=False,
                preexec_fn=lambda: os.dup2(told, 3),  # noqa: PLW1509 - no threads here yet; the number is given
            )
        os.close(told)
        with open(ready, "rb") as lines:  # noqa: PTH123 - a descriptor
            assert lines.readline() == b"\n", self.log.read_text()

    def connect(self) -> tuple[socket.socket, socket.socket]:
        """A connection through the tee: the outer end, and the inner one."""
        outer = self.connect_outer()
        return outer, self.accept_inner()

    def connect_outer(self) -> socket.socket:
        """HAProxy's end of a new connection, which has greeted."""
        outer = self.dial()
        outer.sendall(GREETING)
        assert read_exactly(outer, len(GRANTED)) == GRANTED
        return outer

    def dial(self) -> socket.socket:
        """A new connection, and nothing more."""
        outer = socket.socket(socket.AF_UNIX)
        outer.settimeout(PATIENCE_S)
        outer.connect(os.fspath(self.directory / "tee.sock"))
        return outer

    def accept_inner(self) -> socket.socket:
        """The inner frontend's end of the next connection."""
        inner, _ = self._listener.accept()
        inner.settimeout(PATIENCE_S)
        return inner

    def exchange(self, request: bytes, response: bytes) -> None:
        """One whole exchange, of sizes that need no reader meanwhile."""
        outer, inner = self.connect()
        with outer, inner:
            outer.sendall(request)
            assert read_exactly(inner, len(request)) == request
            inner.sendall(response)
            inner.close()
            assert read_all(outer) == response

    def agent(self) -> AgentStub:
        """A new agent; it goes with the tee at the latest."""
        self.agents.append(AgentStub(self.directory / "tee-agent.sock"))
        return self.agents[-1]

    def status(self) -> dict[str, int]:
        """The counters."""
        with socket.socket(socket.AF_UNIX) as asker:
            asker.settimeout(PATIENCE_S)
            asker.connect(os.fspath(self.directory / "tee-status.sock"))
            counters: dict[str, int] = json.loads(read_all(asker))
        return counters

    def close_inner(self) -> None:
        """The inner frontend goes."""
        self._listener.close()

    def signal(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    def wait(self) -> int:
        """The exit code."""
        return self.process.wait(PATIENCE_S)

    def kill(self) -> None:
        """End it as it is."""
        self._listener.close()
        self.process.kill()
        self.process.wait(PATIENCE_S)


@contextlib.contextmanager
def running_tee(directory: Path, statements: str = "", **settings: float | str) -> Iterator[TeeProcess]:
    """A tee with these settings."""
    tee = TeeProcess(directory, statements, **settings)
    try:
        yield tee
    finally:
        tee.kill()
        for agent in tee.agents:
            agent.close()
