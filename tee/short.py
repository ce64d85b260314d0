"""Short copies: the agent gets their bytes in the message, so they need no block. What waits for long moves to the spool, many in one block. No I/O."""

from tee.blocks import BLOCK_BYTES

INLINE_BYTES = 16 * 1024
"""A copy up to this size is short."""


class Short:
    """A short copy that has ended. It may be moved at any time: no agent is told where it is, as long as it is in memory."""

    __slots__ = ("data", "length", "offset", "pack", "released")

    def __init__(self, data: bytes) -> None:
        self.data = data
        """Empty once it is in the spool."""
        self.length = len(data)
        self.pack: Pack | None = None
        """Where it is in the spool; None: it is in memory."""
        self.offset = 0
        """In the pack's block."""
        self.released = False
        """Nobody needs it any more."""


class Pack:
    """Short copies that share a block of the spool."""

    __slots__ = ("left", "number", "shorts")

    def __init__(self, shorts: list[Short]) -> None:
        self.shorts = shorts
        self.number = 0
        """The block, once it is written."""
        self.left = 0
        """How many of them somebody still needs."""

    @property
    def data(self) -> bytes:
        """What is written into the block."""
        return b"".join(short.data for short in self.shorts)

    def written(self, number: int) -> int:
        """It is in the spool's block ``number``; returns how many bytes of memory that has freed."""
        self.number = number
        offset = freed = 0
        for short in self.shorts:
            if not short.released:
                short.pack, short.offset, short.data = self, offset, b""
                self.left += 1
                freed += short.length
            offset += short.length
        self.shorts = []
        return freed


class Shorts:
    """The short copies in memory that may be moved, oldest first."""

    def __init__(self) -> None:
        self._shorts: dict[Short, None] = {}
        self._bytes = 0

    def add(self, short: Short) -> None:
        """It may be moved from now on."""
        self._shorts[short] = None
        self._bytes += short.length

    def remove(self, short: Short) -> None:
        """It is not to be moved, if it was to be."""
        if short in self._shorts:
            del self._shorts[short]
            self._bytes -= short.length

    def take(self) -> Pack | None:
        """The oldest ones, as many as fit a block; None: they do not fill one yet."""
        if self._bytes <= BLOCK_BYTES - INLINE_BYTES:
            return None
        taken, size = [], 0
        for short in self._shorts:
            if size + short.length > BLOCK_BYTES:
                break
            taken.append(short)
            size += short.length
        for short in taken:
            self.remove(short)
        return Pack(taken)

    def back(self, pack: Pack) -> None:
        """It could not be written."""
        for short in pack.shorts:
            if not short.released:
                self.add(short)
