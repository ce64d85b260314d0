"""The clusters' stand-ins for large bodies: a node of our own that reads all before it answers (`benchmarks.bodies.sink_server`)."""

import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.host_process import running
from benchmarks.processes import session_processes

# Requests answered, bytes of bodies received.
_COUNTS = struct.Struct("@QQ")
COUNTS_BYTES = _COUNTS.size
"""Size of the file that the server counts in."""


@dataclass(frozen=True)
class Sink:
    """A node that answers on the loopback."""

    port: int
    pid: int
    counts: Path

    @property
    def addresses(self) -> tuple[str, ...]:
        """HOST:PORT, as `benchmarks.subject.Node` says."""
        return (f"127.0.0.1:{self.port}",)

    @property
    def answered(self) -> int:
        """Requests that it has answered, exactly and now; without health checks."""
        return int(_COUNTS.unpack(self.counts.read_bytes())[0])

    @property
    def received_bytes(self) -> int:
        """Bytes of bodies that it has received."""
        return int(_COUNTS.unpack(self.counts.read_bytes())[1])

    @property
    def processes(self) -> frozenset[int]:
        """Its process."""
        return session_processes(self.pid)


@contextmanager
def sink(folder: Path, port: int) -> Iterator[Sink]:
    """Run one, with its files in ``folder``, which is made."""
    folder.mkdir()
    counts = folder / "counts"
    counts.write_bytes(bytes(COUNTS_BYTES))
    command = [sys.executable, "-m", "benchmarks.bodies.sink_server", str(port), str(counts)]
    with running(command, folder / "sink.log", port) as pid:
        yield Sink(port, pid, counts)
