"""Counts what is done with bytes, for tests of loops that a peer chooses the length of: twice the bytes may take twice the work, not four times."""

from collections.abc import Callable, Iterator
from typing import SupportsIndex

from agent.copied_body import Chunks


class Work:
    """How many bytes were handled."""

    def __init__(self) -> None:
        self.read = 0
        """Bytes that were handed out."""
        self.joined = 0
        """Bytes that became part of another string of bytes because it was put before or behind one of `parts`."""

    def parts(self, data: bytes, size: int) -> Iterator[bytes]:
        """``data`` in parts of this size."""
        for start in range(0, len(data), size):
            part = _Part(data[start : start + size])
            part.work = self
            self.read += len(part)
            yield part

    def chunks(self, data: bytes, size: int) -> Chunks:
        """The same as a copy that can be read again and again."""
        return lambda: self.parts(data, size)


class _Part(bytes):
    work: Work

    def __add__(self, behind: "bytes | bytearray | memoryview") -> bytes:  # type: ignore[override]
        return self._counted(bytes.__add__(self, behind))

    def __radd__(self, before: bytes | bytearray) -> bytes:  # type: ignore[misc]
        if isinstance(before, bytearray):
            # Most often one that grows in its place.
            self.work.joined += len(self)
            return NotImplemented
        return self._counted(bytes.__add__(before, self))

    def _counted(self, joined: bytes) -> bytes:
        self.work.joined += len(joined)
        part = _Part(joined)
        part.work = self.work
        return part

    def __getitem__(self, key: SupportsIndex | slice) -> int | bytes:  # type: ignore[override]
        found = bytes.__getitem__(self, key)
        if isinstance(found, int):
            return found
        part = _Part(found)
        part.work = self.work
        return part


def grows_no_faster(work_for: Callable[[int], int], count: int) -> bool:
    """Whether four times as much takes about four times the work (not sixteen), and something that does not depend on it."""
    once, four_times = work_for(count), work_for(4 * count)
    return four_times <= 5 * once + 4096
