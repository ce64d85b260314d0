"""Where copies live: in memory, and when that is half full, finished parts move to the spool file behind the scenes."""

import logging
import time
from collections.abc import Callable

from tee.blocks import BLOCK_BYTES
from tee.captured import Block
from tee.memory import Memory
from tee.short import Pack, Short, Shorts
from tee.spool import Spool, Written
from tee.status import Status

_LOG = logging.getLogger(__name__)

# How many blocks the thread has to do at most.
_MOVING = 64

# A disk that has taken nothing for so long stands still; where there is more time the tee itself may have been without a core.
_STILL_S = 1.0

# A disk that refuses is tried again this often; what a bound costs is said this rarely.
_RETRY_S = 5.0
_SAY_EVERY_S = 60.0


class Store:
    """Implements `tee.captured.Room`.

    Args:
        room_wait_s: see `tee.settings`.
    """

    def __init__(
        self, memory: Memory, memory_bytes: int, spool: Spool | None, room_wait_s: float, status: Status
    ) -> None:
        self._memory = memory
        self._spool = spool
        self._spool_from_bytes = memory_bytes // 2
        self._room_wait_s = room_wait_s
        self._status = status
        self._moved_s = 0.0
        """When the spool's thread has last made room, or began to."""
        self._movable: dict[Block, None] = {}
        self._shorts = Shorts()
        self._moving = 0
        self._refused_until_s = 0.0
        self._said_s = -_SAY_EVERY_S
        self._said_refused_s = -_SAY_EVERY_S
        self._waiting: list[Callable[[], None]] = []
        self.has_room = memory.has_room
        self.take_bytes = memory.take_bytes
        self.give_bytes = memory.give_bytes

    def take_block(self) -> Block | None:
        """A new block in memory, or None."""
        number = self._memory.take_block()
        return None if number is None else Block(number)

    def view(self, block: Block) -> memoryview:
        """The bytes of a block in memory."""
        return self._memory.view(block.number)

    def seal(self, block: Block) -> None:
        """The block may be moved from now on."""
        self._movable[block] = None
        self._move()

    def fix(self, block: Block) -> None:
        """The block may no longer be moved."""
        block.fixed = True
        self._movable.pop(block, None)

    def give_block(self, block: Block) -> None:
        """It is no longer needed."""
        self.fix(block)
        if block.place == "memory":
            self._memory.give_block(block.number)
        else:
            assert self._spool is not None
            self._spool.give_block(block.number)

    def keep_short(self, short: Short) -> None:
        """See `tee.captured.Room`."""
        self._shorts.add(short)
        self._move()

    def give_short(self, short: Short) -> None:
        """See `tee.captured.Room`."""
        short.released = True
        pack = short.pack
        if pack is None:
            self._shorts.remove(short)
            self._memory.give_bytes(short.length)
            return
        pack.left -= 1
        if not pack.left:
            assert self._spool is not None
            self._spool.give_block(pack.number)

    @property
    def can_move(self) -> bool:
        """What is in memory, and not told to the agent, will be in the spool before long if there is too much of it."""
        spool = self._spool
        if spool is None or spool.full or self._refused_until_s > time.monotonic():
            return False
        return not self._moving or self._still_s <= _STILL_S

    @property
    def _still_s(self) -> float:
        """How long the spool's thread, which has something to do, has not made room."""
        return time.monotonic() - self._moved_s

    def wait(self, waited_s: float) -> bool:
        """See `tee.captured.Room`: the spool's thread is about to make room, and has just done so."""
        if (
            not self._moving
            or waited_s >= self._room_wait_s
            or self._still_s > max(_STILL_S, self._room_wait_s)
        ):
            return False
        if not waited_s:
            self._status.copies_waited += 1
        return True

    def when_room(self, callback: Callable[[], None]) -> None:
        """See `tee.captured.Room`."""
        self._waiting.append(callback)

    def wait_no_more(self) -> None:
        """The tee stops: what is under way shall end."""
        self._room_wait_s = 0.0

    def why_full(self) -> str:
        """See `tee.handover.Stream`."""
        if self._spool is not None and self._refused_until_s > time.monotonic():
            return "spool_failed"
        return "spool_full" if self._spool is not None and self._spool.full else "memory_full"

    def given_up(self, reason: str) -> None:
        """A copy ends early: counted, and said now and then."""
        self._status.copies_given_up += 1
        now_s = time.monotonic()
        if now_s - self._said_s >= _SAY_EVERY_S:
            self._said_s = now_s
            _LOG.error(
                "no room for a copy (%s), traffic goes on uncaptured: %d were given up until now",
                reason,
                self._status.copies_given_up,
            )

    def moved(self) -> None:
        """The spool's thread has done something."""
        assert self._spool is not None
        for written in self._spool.written():
            self._moving -= 1
            self._settle(self._spool, written)
        self._move()
        waiting, self._waiting = self._waiting, []
        for callback in waiting:
            callback()

    def tick(self) -> None:
        """To be called every second: gives back what is not needed, and tries again what was refused."""
        self._move()
        self._memory.give_back()
        if self._spool is not None:
            self._spool.give_back()

    def _settle(self, spool: Spool, written: Written) -> None:
        block = written.block
        if written.error is not None:
            spool.give_block(written.number)
            self._refused(written.error)
            if isinstance(block, Pack):
                self._shorts.back(block)
            elif not block.fixed:
                self._movable[block] = None
        elif isinstance(block, Pack):
            self._memory.give_bytes(block.written(written.number))
            self._moved_s = time.monotonic()
            if not block.left:
                spool.give_block(written.number)
        elif block.fixed:
            # It was offered to the agent, or done with, meanwhile.
            spool.give_block(written.number)
        else:
            self._memory.give_block(block.number)
            self._moved_s = time.monotonic()
            block.place, block.number = "spool", written.number

    def _move(self) -> None:
        spool = self._spool
        if spool is None:
            return
        # Those that are on their way will have left.
        excess = self._memory.used_bytes - self._moving * BLOCK_BYTES - self._spool_from_bytes
        while excess > 0 and self._moving < _MOVING and self._refused_until_s <= time.monotonic():
            if not (self._move_block(spool) if self._movable else self._move_shorts(spool)):
                return
            if not self._moving:
                self._moved_s = time.monotonic()
            self._moving += 1
            excess -= BLOCK_BYTES

    def _move_block(self, spool: Spool) -> bool:
        """Have the oldest block moved. False: the spool is full."""
        block = next(iter(self._movable))
        if not spool.write(block, self._memory.view(block.number)[: block.length]):
            return False
        del self._movable[block]
        return True

    def _move_shorts(self, spool: Spool) -> bool:
        """Have the oldest short copies moved. False: there are too few, or the spool is full."""
        pack = None if spool.full else self._shorts.take()
        return pack is not None and spool.write(pack, memoryview(pack.data))

    def _refused(self, error: OSError) -> None:
        now_s = time.monotonic()
        self._refused_until_s = now_s + _RETRY_S
        if now_s - self._said_refused_s >= _SAY_EVERY_S:
            self._said_refused_s = now_s
            _LOG.error("the spool can't be written, copies stay in memory: %s", error)
