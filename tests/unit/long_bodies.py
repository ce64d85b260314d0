"""Bodies that are not in memory, for tests: bytes that come in parts of chosen sizes, and one that is made while it is read."""

import itertools
from collections.abc import Iterator, Sequence


class HeldBody:
    """Known bytes, in parts whose sizes repeat."""

    def __init__(self, data: bytes, sizes: Sequence[int] = (1 << 20,)) -> None:
        self._data = data
        self._sizes = sizes
        self.wire_bytes = len(data)
        self.readings = 0

    def chunks(self) -> Iterator[bytes]:
        self.readings += 1
        start = 0
        for size in itertools.cycle(self._sizes):
            if start >= len(self._data):
                return
            yield self._data[start : start + size]
            start += size


class EndlessBody:
    """The same megabyte over and over."""

    def __init__(self, block: bytes, count: int) -> None:
        self._block = block
        self._count = count
        self.wire_bytes = len(block) * count

    def chunks(self) -> Iterator[bytes]:
        return itertools.repeat(self._block, self._count)


class UnreadableBody:
    """The copy is gone, after so many bytes."""

    def __init__(self, data: bytes, wire_bytes: int) -> None:
        self._data = data
        self.wire_bytes = wire_bytes

    def chunks(self) -> Iterator[bytes]:
        yield self._data
        raise OSError(5, "Input/output error")
