"""The heads at the beginning of a copied message, one after the other: an answer may have any number of interim ones before it."""

from collections.abc import Iterator
from typing import Final

MAX_BYTES: Final = 16 * 1024 * 1024
"""Of all heads of a message together. HAProxy's buffer holds a whole head; more than its largest is no head."""

MAX_HEADS: Final = 1001
"""The answer's own, and 1,000 interim ones. A node that says ``102`` every 4 s says it so often in the hour that it is given; clients take
fewer (Go's 1 MiB of them, curl's 300 KB)."""

_END: Final = b"\r\n\r\n"


class UnboundedError(ValueError):
    """There are more heads, or longer ones, than are read."""


class CopiedHeads:
    """Reads every byte once, and none behind the part with the last head that was asked for.

    Args:
        chunks: the copy, in parts.
        start: where the first head begins there.

    Raises:
        OSError: the copy can't be read.
    """

    __slots__ = ("_at", "_chunks", "_count", "_data", "_start", "end")

    def __init__(self, chunks: Iterator[bytes], start: int) -> None:
        self.end = start
        """Where the last head ends in the copy."""
        self._chunks = chunks
        self._start = start
        self._count = 0
        # Most copies are short, and their heads are in the first part: that is searched as it is. What goes on in the next part is put together
        # in a bytearray, which grows at its end, and shrinks at its front, without being copied each time.
        self._data: bytes | bytearray = next(chunks, b"")
        self._at = start
        """Where the next head begins in the data, or behind them."""

    def next(self) -> bytes | None:
        """The start line, the field lines and the empty line; None: the copy ends before.

        Raises:
            UnboundedError: see there.
            OSError: the copy can't be read.
        """
        if self._count >= MAX_HEADS:
            raise UnboundedError("too many heads")
        searched = 0
        while (end := self._data.find(_END, self._at + searched)) < 0:
            waiting = max(len(self._data) - self._at, 0)
            if self.end - self._start + waiting > MAX_BYTES:
                raise UnboundedError("heads without an end")
            # Its end may be in this part and the next one.
            searched = max(waiting - len(_END) + 1, 0)
            if not self._read_on():
                return None
        head = bytes(self._data[self._at : end + len(_END)])
        self._at += len(head)
        self.end += len(head)
        self._count += 1
        return head

    def _read_on(self) -> bool:
        """Add the next part, and forget what is before the next head; False: there is none."""
        chunk = next(self._chunks, None)
        if chunk is None:
            return False
        if self._at >= len(self._data):
            self._data, self._at = chunk, self._at - len(self._data)
            return True
        if isinstance(self._data, bytes):
            self._data = bytearray(self._data[self._at :])
        else:
            del self._data[: self._at]
        self._data += chunk
        self._at = 0
        return True
