"""``python -m benchmarks.tee_hop``: what the tee costs between two Unix sockets, without HAProxy. 20 seconds, no Docker.

Each exchange is a new connection: a request of one size, a response of another, the end. "direct" is the same without the tee.
"""

import contextlib
import multiprocessing
import os
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from tee.greeting import GRANTED
from tee.handover import Exchange, Frames, decode, encode_acknowledgement
from tee.reading import receive_hello

# Request bytes, response bytes, exchanges one after the other.
_SEQUENTIAL = (
    (1_000, 1_000, 3000),
    (100_000, 1_000, 1500),
    (1_000_000, 1_000, 300),
    (12_000_000, 1_000, 40),
    (1_000, 12_000_000, 40),
)
# The same, and how many at once.
_AT_ONCE = ((1_000, 1_000, 20_000, 16), (12_000_000, 1_000, 250, 16), (1_000, 12_000_000, 250, 16))

# HAProxy's buffer.
_PIECE_BYTES = 64 * 1024

_SIZES = struct.Struct("!QQ")

# HAProxy's; it waits for the answer.
_GREETING = b"\x04\x01\x00\x01\x7f\x00\x00\x01HAProxy\x00"

_OUTER = "tee.sock"

_SETTINGS = """
memory_bytes = 268435456
spool_dir = "{directory}"
spool_bytes = 4294967296
room_wait_s = 0.1
drain_s = 1.0
"""


def main() -> None:
    """Measure, and print the table."""
    with tempfile.TemporaryDirectory(prefix="tee-hop-") as name, _running(Path(name)) as tee:
        inner, outer = Path(name, "tee-inner.sock"), Path(name, _OUTER)
        print("request -> response        direct     tee (medians)   tee's CPU")
        for request, response, count in _SEQUENTIAL:
            direct_s = statistics.median(_one_after_the_other(inner, request, response, count))
            before_s = _cpu_s(tee)
            through_s = statistics.median(_one_after_the_other(outer, request, response, count))
            cpu_s = (_cpu_s(tee) - before_s) / count
            print(
                f"{request:>10,} -> {response:<10,} {direct_s * 1e3:6.3f} ms {through_s * 1e3:6.3f} ms"
                f"  {cpu_s * 1e6:9.0f} us"
            )
        for request, response, count, at_once in _AT_ONCE:
            before_s = _cpu_s(tee)
            took_s = _at_once(outer, request, response, count, at_once)
            cpu_s = (_cpu_s(tee) - before_s) / count
            rate = count / took_s
            print(
                f"{request:>10,} -> {response:<10,} {at_once} at once: {rate:6.0f}/s, "
                f"{rate * (request + response) / 1e6:5.0f} MB/s  {cpu_s * 1e6:9.0f} us"
            )
        with socket.socket(socket.AF_UNIX) as asker:
            asker.connect(os.fspath(Path(name, "tee-status.sock")))
            print(asker.recv(65536).decode(), end="")


@contextlib.contextmanager
def _running(directory: Path) -> Iterator[int]:
    """The tee with an inner end and an agent; its process number."""
    settings = directory / "tee.toml"
    settings.write_text(_SETTINGS.format(directory=directory))
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(os.fspath(directory / "tee-inner.sock"))
    listener.listen(1024)
    fork = multiprocessing.get_context("fork")
    environment = {**os.environ, "CAPTURE_RUNTIME_DIR": os.fspath(directory)}
    with subprocess.Popen(
        (sys.executable, "-m", "tee", settings), env=environment, stderr=subprocess.DEVNULL
    ) as tee:
        while not (directory / _OUTER).exists():
            time.sleep(0.01)
        others = [
            fork.Process(target=_serve, args=(listener,), daemon=True),
            fork.Process(target=_read_as_agent, args=(directory / "tee-agent.sock",), daemon=True),
        ]
        for process in others:
            process.start()
        try:
            yield tee.pid
        finally:
            for process in others:
                process.terminate()
            tee.terminate()


def _serve(listener: socket.socket) -> None:
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=_answer, args=(connection,), daemon=True).start()


def _answer(connection: socket.socket) -> None:
    with connection:
        buffer = bytearray(_PIECE_BYTES)
        count = connection.recv_into(buffer)
        request, response = _SIZES.unpack_from(buffer)
        while count < request:
            count += connection.recv_into(buffer)
        _send(connection, b"", response)


def _read_as_agent(path: Path) -> None:
    """Acknowledges everything, and reads nothing: reading is the agent's cost."""
    tee = socket.socket(socket.AF_UNIX)
    tee.connect(os.fspath(path))
    receive_hello(tee)
    frames = Frames()
    while data := tee.recv(_PIECE_BYTES):
        exchanges = [message for message in map(decode, frames.feed(data)) if isinstance(message, Exchange)]
        tee.sendall(b"".join(encode_acknowledgement(exchange.id) for exchange in exchanges))


def _send(end: socket.socket, head: bytes, count: int) -> None:
    piece = memoryview(head.ljust(_PIECE_BYTES, b"x"))
    while count:
        count -= end.send(piece[:count])


def _ask(path: Path, request: int, response: int) -> None:
    with socket.socket(socket.AF_UNIX) as end:
        end.connect(os.fspath(path))
        if path.name == _OUTER:
            end.sendall(_GREETING)
            if end.recv(len(GRANTED)) != GRANTED:
                raise SystemExit("the tee does not answer the greeting")
        _send(end, _SIZES.pack(request, response), request)
        buffer, count = bytearray(_PIECE_BYTES), 0
        while part := end.recv_into(buffer):
            count += part
        if count != response:
            raise SystemExit(f"{count} bytes came instead of {response}")


def _one_after_the_other(path: Path, request: int, response: int, count: int) -> list[float]:
    times = []
    for _ in range(count):
        start = time.perf_counter()
        _ask(path, request, response)
        times.append(time.perf_counter() - start)
    return times


def _at_once(path: Path, request: int, response: int, count: int, at_once: int) -> float:
    def several() -> None:
        for _ in range(count // at_once):
            _ask(path, request, response)

    threads = [threading.Thread(target=several) for _ in range(at_once)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - start


def _cpu_s(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
