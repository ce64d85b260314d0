"""The clusters' stand-ins: nodes of our own that take their time (`benchmarks.order.node_server`), and what they recorded."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.host_process import running
from benchmarks.order.recording import Records


@dataclass(frozen=True)
class TimedNode:
    """A node that answers on the loopback."""

    port: int
    pid: int
    records: Records

    @property
    def addresses(self) -> tuple[str, ...]:
        """HOST:PORT, as `benchmarks.subject.Node` says."""
        return (f"127.0.0.1:{self.port}",)


@contextmanager
def timed_node(folder: Path, port: int, role: str, factor: float) -> Iterator[TimedNode]:
    """Run one, with its files in ``folder``; it takes ``factor`` times as long as each request says."""
    records = folder / f"{role}.records"
    records.touch()
    command = [
        sys.executable, "-m", "benchmarks.order.node_server", str(port), role, str(factor), str(records)
    ]  # fmt: skip
    with running(command, folder / f"{role}.log", port) as pid:
        yield TimedNode(port, pid, Records(records))
