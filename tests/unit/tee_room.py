"""A place for copies that tests can look into."""

from collections.abc import Callable

from tee.blocks import BLOCK_BYTES
from tee.captured import Block
from tee.short import Short


class FakeRoom:
    """As many blocks as it is told; single bytes count as a block's part."""

    def __init__(self, blocks: int) -> None:
        self._bound_bytes = blocks * BLOCK_BYTES
        self.contents: dict[int, bytearray] = {}
        self.single_bytes = 0
        self.sealed: list[int] = []
        self.shorts: list[Short] = []
        self.reasons: list[str] = []
        self.wait_s = 0.0
        self.callbacks: list[Callable[[], None]] = []

    def take_bytes(self, count: int) -> bool:
        if len(self.contents) * BLOCK_BYTES + self.single_bytes + count > self._bound_bytes:
            return False
        self.single_bytes += count
        return True

    def give_bytes(self, count: int) -> None:
        self.single_bytes -= count

    def take_block(self) -> Block | None:
        if (len(self.contents) + 1) * BLOCK_BYTES + self.single_bytes > self._bound_bytes:
            return None
        # Two next to each other, then a gap.
        number = next(number for number in range(10_000) if number % 3 < 2 and number not in self.contents)
        self.contents[number] = bytearray(BLOCK_BYTES)
        return Block(number)

    def view(self, block: Block) -> memoryview:
        return memoryview(self.contents[block.number])

    def seal(self, block: Block) -> None:
        assert block.number not in self.sealed
        self.sealed.append(block.number)

    def fix(self, block: Block) -> None:
        block.fixed = True

    def give_block(self, block: Block) -> None:
        del self.contents[block.number]

    def keep_short(self, short: Short) -> None:
        self.shorts.append(short)

    def give_short(self, short: Short) -> None:
        self.shorts.remove(short)
        self.give_bytes(short.length)

    def has_room(self, count: int) -> bool:
        return len(self.contents) * BLOCK_BYTES + self.single_bytes + count <= self._bound_bytes

    def wait(self, waited_s: float) -> bool:
        return waited_s < self.wait_s

    def when_room(self, callback: Callable[[], None]) -> None:
        self.callbacks.append(callback)

    def why_full(self) -> str:
        return "memory_full"

    def given_up(self, reason: str) -> None:
        self.reasons.append(reason)

    def read(self, offset: int, length: int) -> bytes:
        """Bytes of the whole area; blocks that follow one another are one."""
        first, last = offset // BLOCK_BYTES, (offset + length - 1) // BLOCK_BYTES
        area = b"".join(bytes(self.contents[number]) for number in range(first, last + 1))
        return area[offset - first * BLOCK_BYTES :][:length]
