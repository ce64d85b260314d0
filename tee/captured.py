"""The copy of one direction: what passed, as far as there was room for it."""

import time
from collections.abc import Callable
from typing import Protocol

from tee.blocks import BLOCK_BYTES
from tee.handover import BEGINNING_BYTES, Ending, Piece, Place, Stream
from tee.short import INLINE_BYTES, Short

# What comes by two bytes at a time would take twenty times the memory that is accounted for: it is put together after so many reads.
_SHORT_PARTS = 64

# What is read at once when it does not go into a block; an unfinished inline copy and this must fit one.
READ_BYTES = 64 * 1024

assert INLINE_BYTES + READ_BYTES <= BLOCK_BYTES


class Block:
    """A part of a copy; in memory at first."""

    __slots__ = ("fixed", "length", "number", "place")

    def __init__(self, number: int) -> None:
        self.place: Place = "memory"
        self.number = number
        self.length = 0
        self.fixed = False
        """The agent knows where it is, or it is no longer in use: it may not be moved."""


class Room(Protocol):
    """Where copies live (`tee.store`)."""

    def take_bytes(self, count: int) -> bool:
        """Account for bytes that the copy keeps."""

    def give_bytes(self, count: int) -> None:
        """They are no longer kept."""

    def take_block(self) -> Block | None:
        """A new block in memory."""

    def view(self, block: Block) -> memoryview:
        """The bytes of a block in memory."""

    def seal(self, block: Block) -> None:
        """The block has its last byte, and what is in it has been passed on: it may be moved."""

    def fix(self, block: Block) -> None:
        """The block may no longer be moved: the agent knows where it is."""

    def give_block(self, block: Block) -> None:
        """It is no longer needed."""

    def keep_short(self, short: Short) -> None:
        """A short copy has ended, whose bytes are accounted for: it may be moved."""

    def give_short(self, short: Short) -> None:
        """It is no longer needed."""

    def has_room(self, count: int) -> bool:
        """There is room for ``count`` single bytes; for `BLOCK_BYTES`, for a block."""

    def wait(self, waited_s: float) -> bool:
        """Whether to wait for room, after having waited so many seconds; to be called only when there is none."""

    def when_room(self, callback: Callable[[], None]) -> None:
        """Call it, once, when there may be room."""

    def why_full(self) -> str:
        """Why there was no room just now, in a word."""

    def given_up(self, reason: str) -> None:
        """A copy ends early."""


class Copy:
    """What passed in one direction, and when. Bytes are counted even when they are not kept."""

    __slots__ = (
        "_blocks",
        "_ended_short",
        "_ending",
        "_first_us",
        "_incomplete",
        "_last_us",
        "_room",
        "_short",
        "_short_bytes",
        "_view",
        "_waited_s",
        "_waiting_since_s",
        "beginning",
        "total_bytes",
    )

    def __init__(self, room: Room) -> None:
        self._room = room
        self._short: list[bytes] = []
        self._short_bytes = 0
        self._ended_short: Short | None = None
        self._blocks: list[Block] = []
        self._view: memoryview | None = None
        self.total_bytes = 0
        """That passed."""
        self.beginning = b""
        """The first of them, `BEGINNING_BYTES` at most, as long as the exchange is under way; also where nothing is copied."""
        self._incomplete = ""
        self._waited_s = 0.0
        self._waiting_since_s: float | None = None
        self._ending: Ending = "end"
        self._first_us = 0
        self._last_us = 0

    @property
    def block_bytes(self) -> int:
        """Memory that its blocks take."""
        return BLOCK_BYTES * sum(block.place == "memory" for block in self._blocks)

    @property
    def copied_bytes(self) -> int:
        """As many of the first bytes as are kept."""
        return self._short_bytes + sum(block.length for block in self._blocks)

    def buffer(self) -> memoryview | None:
        """Where the next bytes are to be read to, `filled` must follow; None: read `READ_BYTES` elsewhere, and `add` them.

        Everything that came before must have been passed on.
        """
        if self._view is None:
            return None
        block = self._blocks[-1]
        if block.length == BLOCK_BYTES:
            self._room.seal(block)
            # Without a new one the copy ends only if there are more bytes.
            return self._view if self._grow() else None
        return self._view[block.length :]

    def waits(self, count: int) -> bool:
        """There is no room for the next ``count`` bytes, but soon there may be: `add` them later. To be asked only when there is no `buffer`."""
        if self._incomplete or (self._waiting_since_s is None and self._has_room(count)):
            return False
        now_s = time.monotonic()
        waited_s = self._waited_s
        if self._waiting_since_s is not None:
            waited_s += now_s - self._waiting_since_s
        if not self._has_room(count) and self._room.wait(waited_s):
            if self._waiting_since_s is None:
                self._waiting_since_s = now_s
            return True
        self._waited_s, self._waiting_since_s = waited_s, None
        return False

    def when_room(self, callback: Callable[[], None]) -> None:
        """Call it when there may be room."""
        self._room.when_room(callback)

    def filled(self, count: int) -> None:
        """So many bytes are in the `buffer` now."""
        self._count(count)
        self._blocks[-1].length += count

    def add(self, data: bytes) -> None:
        """The next bytes, `READ_BYTES` at most."""
        self._count(len(data))
        if len(self.beginning) < BEGINNING_BYTES:
            self.beginning += data[: BEGINNING_BYTES - len(self.beginning)]
        if self._incomplete:
            return
        if self._fits_inline(len(data)):
            if self._room.take_bytes(len(data)):
                self._short.append(data)
                if len(self._short) == _SHORT_PARTS:
                    self._short = [b"".join(self._short)]
                self._short_bytes += len(data)
                return
        elif self._grow():
            self._move_to_block(data)
            return
        self.without_copying(self._room.why_full())

    def end(self, ending: Ending) -> None:
        """There will be no more; everything has been passed on, or never will be."""
        self._ending = ending
        if self._short:
            self._ended_short = Short(b"".join(self._short))
            self._short = []
            self._room.keep_short(self._ended_short)
        if self._view is not None:
            self._view = None
            if self._blocks[-1].length:
                self._room.seal(self._blocks[-1])
            else:
                self._room.give_block(self._blocks.pop())

    def without_copying(self, reason: str) -> None:
        """Keep no more; from the first byte on, where nothing has come yet."""
        self._incomplete = reason
        self._room.given_up(reason)

    def stream(self) -> Stream:
        """What the agent is told of an ended copy."""
        for block in self._blocks:
            self._room.fix(block)
        inline, pieces = b"".join(self._short), _joined(self._blocks)
        if self._ended_short is not None:
            inline, pieces = _place(self._ended_short)
        return Stream(
            self.total_bytes,
            self._incomplete,
            self._ending,
            self._first_us,
            self._last_us,
            inline,
            pieces,
        )

    def release(self) -> None:
        """Nobody needs it any more."""
        if self._ended_short is not None:
            self._room.give_short(self._ended_short)
        else:
            self._room.give_bytes(self._short_bytes)
        for block in self._blocks:
            self._room.give_block(block)
        self._short, self._short_bytes, self._blocks, self._view = [], 0, [], None
        self._ended_short = None

    def _count(self, count: int) -> None:
        self._last_us = time.time_ns() // 1000
        if not self.total_bytes:
            self._first_us = self._last_us
        self.total_bytes += count

    def _fits_inline(self, count: int) -> bool:
        return not self._blocks and self._short_bytes + count <= INLINE_BYTES

    def _has_room(self, count: int) -> bool:
        return self._room.has_room(count if self._fits_inline(count) else BLOCK_BYTES)

    def _grow(self) -> bool:
        block = self._room.take_block()
        if block is None:
            self._view = None
            return False
        self._blocks.append(block)
        self._view = self._room.view(block)
        return True

    def _move_to_block(self, data: bytes) -> None:
        assert self._view is not None
        self._room.give_bytes(self._short_bytes)
        whole = b"".join((*self._short, data))
        self._view[: len(whole)] = whole
        self._blocks[-1].length = len(whole)
        self._short, self._short_bytes = [], 0


def _place(short: Short) -> tuple[bytes, tuple[Piece, ...]]:
    """Its bytes, or where they are."""
    if short.pack is None:
        return short.data, ()
    return b"", (Piece("spool", short.pack.number * BLOCK_BYTES + short.offset, short.length),)


def _joined(blocks: list[Block]) -> tuple[Piece, ...]:
    """Blocks that follow one another are one piece."""
    pieces: list[Piece] = []
    for block in blocks:
        offset = block.number * BLOCK_BYTES
        last = pieces[-1] if pieces else None
        if last is not None and last.place == block.place and last.offset + last.length == offset:
            pieces[-1] = Piece(last.place, last.offset, last.length + block.length)
        else:
            pieces.append(Piece(block.place, offset, block.length))
    return tuple(pieces)
