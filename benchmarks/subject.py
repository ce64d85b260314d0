"""What is measured: something that answers on a port of the loopback, and what has to be complete after a load."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from benchmarks.node import PATH
from benchmarks.processes import Groups


@dataclass(frozen=True)
class Captured:
    """State of a capture log: lines written, requests that some bound or fault has cost."""

    lines: int
    lost: int


class Node(Protocol):
    """What stands behind a proxy."""

    @property
    def addresses(self) -> tuple[str, ...]:
        """HOST:PORT of each node of the cluster, as reached from the host's network."""


class Proxy(Protocol):
    """A proxy that captures."""

    name: str
    """Role: primary or shadow."""

    def captured(self) -> Captured:
        """What its agent says."""

    def lines(self) -> int:
        """`Captured.lines`, for who asks again and again: in no time where we may look into its container."""

    def counters(self) -> dict[str, int]:
        """Every counter of its ``capture-status``; one within another is called ``OUTER.INNER``."""

    def counters_now(self) -> dict[str, int] | None:
        """`counters`, for who asks again and again; None where we may not look into its container."""

    def count_lines(self) -> int:
        """The lines that are in its log's files."""


@dataclass(frozen=True)
class Subject:
    """One way for requests to go."""

    port: int
    processes: Callable[[], Groups]
    mirrors: bool = False
    """Whether every request has to arrive at the shadow's node."""
    proxies: tuple[Proxy, ...] = ()
    """Those whose capture logs have to be complete."""

    @property
    def url(self) -> str:
        """What a load asks for."""
        return f"http://127.0.0.1:{self.port}{PATH}"
