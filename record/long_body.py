"""What the record asks of a body that is not held in memory."""

from collections.abc import Iterator
from typing import Protocol


class LongBody(Protocol):
    """A body, or the first part of one, that is somewhere else: in a file, or in another process's memory."""

    @property
    def wire_bytes(self) -> int:
        """The length of all that ``chunks`` yields."""

    def chunks(self) -> Iterator[bytes]:
        """The body as on the wire but without transfer coding, in parts of at most 1 MiB; from the start at each call.

        Raises:
            OSError: it can't be read (any more).
        """
