"""Which blocks of an area are in use. The lowest free one is taken first, so that the area's end can be given back."""

import heapq

BLOCK_BYTES = 128 * 1024


class Blocks:
    """Numbers from 0 on, at most ``count``. No I/O."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._free: list[int] = []
        self._used = bytearray(count)
        self.used = 0
        """Blocks in use."""
        self.touched = 0
        """All blocks from here on have never been used, or not since `shrink`."""

    @property
    def full(self) -> bool:
        """There is no free block."""
        return self.used >= self._count

    def take(self) -> int | None:
        """A block that is free; None: there is none."""
        if self.full:
            return None
        self.used += 1
        number = self._lowest()
        self._used[number] = 1
        return number

    def give(self, number: int) -> None:
        """Make a block free again."""
        assert self._used[number]
        self._used[number] = 0
        self.used -= 1
        heapq.heappush(self._free, number)

    def shrink(self, at_most: int, keep: int = 0) -> range:
        """Forget free blocks at the end of what was touched, ``at_most`` so many, but not the first ``keep``; returns which."""
        end = self.touched
        floor = max(keep, end - at_most)
        while self.touched > floor and not self._used[self.touched - 1]:
            self.touched -= 1
        return range(self.touched, end)

    def _lowest(self) -> int:
        while self._free:
            number = heapq.heappop(self._free)
            # What `shrink` forgot is still in the heap, and may be in use again.
            if number < self.touched and not self._used[number]:
                return number
        self.touched += 1
        return self.touched - 1
