"""A body as tests compare it: by length and SHA-256, so that nobody keeps a hundred megabytes to look at them again."""

import hashlib
from dataclasses import dataclass, field
from typing import Any

KEPT_BYTES = 1 << 20


@dataclass(frozen=True)
class Content:
    """What a body was."""

    size: int
    sha256: str
    """In hex."""
    beginning: bytes = field(compare=False, repr=False)
    """All of it, or its first `KEPT_BYTES`."""

    @property
    def data(self) -> bytes:
        """All of it, which was short enough to keep.

        Raises:
            AssertionError: it was not.
        """
        assert len(self.beginning) == self.size, f"only the first {KEPT_BYTES} bytes of {self.size} are kept"
        return self.beginning


def content_of(data: bytes) -> Content:
    """Of a body that is there at once."""
    return Content(len(data), hashlib.sha256(data).hexdigest(), data[:KEPT_BYTES])


class ContentSum:
    """Of a body that comes in parts."""

    def __init__(self) -> None:
        self.size = 0
        self._sha256: Any = hashlib.sha256()
        self._beginning = bytearray()

    def add(self, data: bytes) -> None:
        """The next part."""
        self.size += len(data)
        self._sha256.update(data)
        room = KEPT_BYTES - len(self._beginning)
        if room > 0:
            self._beginning += data[:room]

    @property
    def content(self) -> Content:
        """Of what came by now."""
        return Content(self.size, self._sha256.hexdigest(), bytes(self._beginning))
