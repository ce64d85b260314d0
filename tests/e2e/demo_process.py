"""demo_haproxy.py as a user runs it: on a terminal of its own, with keys and signals."""

import contextlib
import os
import random
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from capture.demo.plan import make_plan
from capture.demo.settings import DemoSettings
from capture.workspace import REPOSITORY

CTRL_C = b"\x03"
CTRL_D = b"\x04"
RETURN = b"\n"

_LINE_S = 120
_END_S = 60


class DemoProcess:
    """A demo that was started; what it shows is kept as lines."""

    def __init__(self, *arguments: str) -> None:
        self._terminal, inner = os.openpty()
        # A session of its own on that terminal, so that the terminal turns Ctrl+C into a signal.
        self._process = subprocess.Popen(
            ["setsid", "--ctty", sys.executable, "demo_haproxy.py", *arguments],
            cwd=REPOSITORY,
            stdin=inner,
            stdout=inner,
            stderr=inner,
        )
        os.close(inner)
        self._shown = ""
        self._over = False
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, name="terminal")
        self._reader.start()

    @property
    def shown(self) -> str:
        """Everything that it has written so far."""
        with self._changed:
            return self._shown

    def await_line(self, words: str) -> None:
        """Wait until it has shown ``words``."""
        with self._changed:
            found = self._changed.wait_for(lambda: words in self._shown or self._over, _LINE_S)
            assert found, f"'{words}' not shown within {_LINE_S} s:\n{self._shown}"
            assert words in self._shown, f"it ended without '{words}':\n{self._shown}"

    def press(self, keys: bytes) -> None:
        """Type ``keys``."""
        os.write(self._terminal, keys)

    def signal(self, number: int) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def end(self) -> int:
        """Wait for its end; its exit code, or -N when signal N ended it."""
        try:
            return self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it did not end within {_END_S} s:\n{self.shown}") from None

    def close(self) -> None:
        """Kill it if it still runs, and close its terminal."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._reader.join()
        os.close(self._terminal)

    def _read(self) -> None:
        # EIO: nobody has the other end any more.
        with contextlib.suppress(OSError):
            while chunk := os.read(self._terminal, 65536):
                with self._changed:
                    self._shown += chunk.decode(errors="replace").replace("\r\n", "\n")
                    self._changed.notify_all()
        with self._changed:
            self._over = True
            self._changed.notify_all()


def free_offset() -> int:
    """An offset whose ports are free now."""
    while True:
        offset = random.randint(12_000, 50_000)
        if all(_is_free(port) for port in make_plan(DemoSettings(port_offset=offset)).ports):
            return offset


def processes_with(word: str) -> Iterator[str]:
    """Command lines of processes that have ``word`` in them."""
    for process in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if process.name.isdigit() and word in command:
                yield command


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError:
            return False
        return True
