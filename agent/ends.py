"""The datagram socket that HAProxy logs the end of some transactions to (see the ``log`` line in ``templates/haproxy.cfg.j2``)."""

import asyncio
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path

from agent.events import End, parse_end

_MAX_DATAGRAM = 65536
_AT_ONCE = 64


class Ends:
    """Reads the news; ``sink`` gets each with CLOCK_MONOTONIC in ns and the time of day in us."""

    def __init__(self, path: Path, sink: Callable[[list[End], int, int], None]) -> None:
        self._sink = sink
        path.unlink(missing_ok=True)
        self._socket = socket.socket(
            socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
        )
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 1024 * 1024)
        self._socket.bind(os.fspath(path))
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._socket.fileno(), self._readable)

    def _readable(self) -> None:
        ends = []
        for _ in range(_AT_ONCE):
            try:
                end = parse_end(self._socket.recv(_MAX_DATAGRAM))
            except BlockingIOError:
                break
            if end is not None:
                ends.append(end)
        if ends:
            self._sink(ends, time.monotonic_ns(), time.time_ns() // 1000)

    def close(self) -> None:
        """Read what is there, and stop."""
        self._readable()
        self._loop.remove_reader(self._socket.fileno())
        self._socket.close()
