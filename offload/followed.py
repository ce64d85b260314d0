"""The files that the CloudWatch Agent follows: two at most, so that their room is bounded, and each removed when the service has all of it.

The agent takes, of the files that one pattern matches, the one that was changed last, and never looks at the others again. So there are two
patterns, ``odd.*.log`` and ``even.*.log``, and at most one file of each. It finds its place by the file's name: no name is used twice.
No file is ever cut, for the agent would read it from its beginning again.
"""

from collections.abc import Callable
from pathlib import Path

from offload.agent_state import read_taken, state_file
from offload.whose import no_link

_COUNT_BYTES = 1 << 20


class Followed:
    """For one thread.

    Args:
        folder: where they are; ``state`` in it is the agent's state folder.
        number: of the last file.
        most_bytes: all of them together; a file is full at half of it.
        on_taken: called with the lines and bytes that the service has taken since the last time.
    """

    def __init__(
        self, folder: Path, number: int, most_bytes: int, on_taken: Callable[[int, int], None]
    ) -> None:
        self._folder = folder
        self._state = folder / "state"
        self._full_bytes = most_bytes // 2
        self._on_taken = on_taken
        self._taken = {before: read_taken(self._state, self.path(before)) for before in (number - 1, number)}
        self.number = number
        """Of the file that is written to."""

    def path(self, number: int) -> Path:
        """The file with this number."""
        return self._folder / f"{'odd' if number % 2 else 'even'}.{number:09d}.log"

    def size(self) -> int:
        """Bytes of the file that is written to."""
        return _size(self.path(self.number))

    def has_room(self) -> bool:
        """Whether a line can be appended."""
        return self.size() < self._full_bytes

    def next(self) -> bool:
        """Go on with the next file; False: the one before this is still there."""
        if self.path(self.number - 1).exists():
            return False
        self.number += 1
        return True

    def append(self, data: bytes) -> None:
        """Write at the end of the last file.

        Raises:
            OSError: the disk refuses; a part may have been written.
        """
        with open(self.path(self.number), "ab", buffering=0, opener=no_link) as file:
            rest = memoryview(data)
            while rest:
                rest = rest[file.write(rest) :]

    def beginning_at(self, offset: int) -> bytes:
        """What the last file has from ``offset`` on."""
        try:
            with open(self.path(self.number), "rb", opener=no_link) as file:
                file.seek(offset)
                return file.read()
        except FileNotFoundError:
            return b""

    def settle(self) -> int:
        """Look what the service has taken, and remove the files that it has all of; the bytes that wait for it."""
        waiting = 0
        for number in (self.number - 1, self.number):
            path = self.path(number)
            size = _size(path)
            if not size:
                continue
            taken = min(read_taken(self._state, path), size)
            self._tell(number, taken)
            waiting += size - taken
            # The last one stays even when it is full: its name must not be used again.
            if taken == size and number < self.number:
                path.unlink()
                state_file(self._state, path).unlink(missing_ok=True)
                self._taken.pop(number, None)
        return waiting

    def _tell(self, number: int, taken: int) -> None:
        before = self._taken.get(number, 0)
        if taken > before:
            self._taken[number] = taken
            self._on_taken(_lines(self.path(number), before, taken), taken - before)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _lines(path: Path, start: int, end: int) -> int:
    lines = 0
    with open(path, "rb", opener=no_link) as file:
        file.seek(start)
        while start < end and (block := file.read(min(_COUNT_BYTES, end - start))):
            lines += block.count(b"\n")
            start += len(block)
    return lines
