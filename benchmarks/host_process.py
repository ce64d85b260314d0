"""Programs that the benchmark runs on the host itself."""

import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from capture.errors import UserError

# Several may be starting at the same time.
_START_S = 60
_STOP_S = 5


def free_ports(count: int) -> list[int]:
    """So many TCP ports of the loopback that nobody listens on now."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]


@contextmanager
def running(command: Sequence[str], log: Path, port: int) -> Iterator[int]:
    """Run ``command`` in a session of its own, and yield its process id once it listens on ``port``.

    Raises:
        UserError: it ended, or does not listen within a minute.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        wait_listening(port, lambda: process.poll() is None, command[0], log)
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def memory_folder() -> Iterator[Path]:
    """A new folder, in memory where that is possible: whatever writes to a disk during a load waits for what our logs write there."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(
        prefix="capture-bench-", dir=memory if os.access(memory, os.W_OK) else None
    ) as folder:
        # nginx's worker is not root.
        Path(folder).chmod(0o755)
        yield Path(folder)


def wait_listening(port: int, alive: Callable[[], bool], name: str, log: Path | None = None) -> None:
    """Wait until something accepts connections on ``port``.

    Raises:
        UserError: it does not within a minute, or is not ``alive`` any more.
    """
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline and alive():
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise UserError(
        f"{name} does not listen on port {port}",
        hint="its output is above",
        detail=log.read_text(errors="replace")[-4000:] if log is not None else "",
    )
