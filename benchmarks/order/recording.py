"""When each request came to a node and when it was answered: how the node writes it to a file, and how it is read while that grows.

Times are in ns of CLOCK_MONOTONIC, which all processes of the machine share.
"""

import os
import re
import struct
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_RECORD = struct.Struct("@?QQ")

HEADER = "X-Opaque-Id"
"""The header that says which request it is and how long it takes; Elasticsearch knows it, and answers with it."""

_TAG = re.compile(rb"order-(\d+)-(\d+)")


def tag(number: int, takes_ms: int) -> str:
    """The header's value."""
    return f"order-{number}-{takes_ms}"


def read_tag(value: bytes) -> tuple[int, int] | None:
    """The number and ``takes_ms`` of `tag`; None: it is none."""
    match = _TAG.fullmatch(value)
    return (int(match[1]), int(match[2])) if match else None


@dataclass(slots=True)
class Span:
    """A request at a node."""

    arrived_ns: int
    answered_ns: int | None = None
    """None: not yet."""


Spans = Mapping[int, Span]
"""By the request's number."""


class Recorder:
    """Writes a node's file. Each time is there for readers at once."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def arrived(self, number: int) -> None:
        """The request is here, whole."""
        self._write(False, number)

    def answered(self, number: int) -> None:
        """Its answer is sent."""
        self._write(True, number)

    def _write(self, answered: bool, number: int) -> None:
        os.write(self._descriptor, _RECORD.pack(answered, number, time.monotonic_ns()))


class Records:
    """Reads a node's file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read_bytes = 0
        self._spans: dict[int, Span] = {}
        self.repeated = 0
        """Requests that came again after they had come before."""

    def read(self) -> Spans:
        """All requests until now."""
        with self._path.open("rb") as file:
            file.seek(self._read_bytes)
            data = file.read()
        whole = len(data) - len(data) % _RECORD.size
        self._read_bytes += whole
        for answered, number, at_ns in _RECORD.iter_unpack(data[:whole]):
            span = self._spans.get(number)
            if span is None:
                self._spans[number] = Span(at_ns, at_ns if answered else None)
            elif answered:
                span.answered_ns = at_ns
            else:
                self.repeated += 1
        return self._spans
