"""The memory that copies live in: one area that the sockets are read into, and that the agent reads from.

A page that was used before costs nothing to use again, so the copy costs little more than the passing on: it is the buffer.
"""

import mmap
import os

from tee.blocks import BLOCK_BYTES, Blocks

# Blocks that stay the process's own when they are free, and how many of the others are given back at a time: it takes 0.1 ms per MiB.
_KEEP = 32 * 1024 * 1024 // BLOCK_BYTES
_GIVE_BACK = 8 * 1024 * 1024 // BLOCK_BYTES


class Memory:
    """Blocks of `BLOCK_BYTES` in a memfd, and single bytes elsewhere; together they stay under a bound.

    Args:
        bound_bytes: of all copies; at least one block.
    """

    def __init__(self, bound_bytes: int) -> None:
        count = max(1, bound_bytes // BLOCK_BYTES)
        self._bound_bytes = count * BLOCK_BYTES
        self._blocks = Blocks(count)
        self._single_bytes = 0
        self.fd = os.memfd_create("tee-copies", os.MFD_CLOEXEC)
        os.ftruncate(self.fd, self._bound_bytes)
        self._map = mmap.mmap(self.fd, self._bound_bytes)
        self._view = memoryview(self._map)

    @property
    def used_bytes(self) -> int:
        """Of blocks and single bytes."""
        return self._blocks.used * BLOCK_BYTES + self._single_bytes

    def has_room(self, count: int) -> bool:
        """There is room for ``count`` bytes more."""
        return self.used_bytes + count <= self._bound_bytes

    def take_block(self) -> int | None:
        """A block's number; None: the bound is reached."""
        return self._blocks.take() if self.has_room(BLOCK_BYTES) else None

    def give_block(self, number: int) -> None:
        """The block may be used for something else."""
        self._blocks.give(number)

    def view(self, number: int) -> memoryview:
        """A block's bytes, to read and to write."""
        return self._view[number * BLOCK_BYTES : (number + 1) * BLOCK_BYTES]

    def take_bytes(self, count: int) -> bool:
        """Account for bytes that the caller keeps himself. False: the bound is reached."""
        if not self.has_room(count):
            return False
        self._single_bytes += count
        return True

    def give_bytes(self, count: int) -> None:
        """The caller no longer keeps them."""
        self._single_bytes -= count

    def give_back(self) -> None:
        """Give some memory that is no longer used back to the system; to be called now and then."""
        unused = self._blocks.shrink(_GIVE_BACK, _KEEP)
        if unused:
            self._map.madvise(mmap.MADV_REMOVE, unused.start * BLOCK_BYTES, len(unused) * BLOCK_BYTES)
