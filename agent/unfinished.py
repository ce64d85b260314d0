"""The beginning of a message that a socket has given only in part."""


class Unfinished:
    """Kept in one place that grows. With each part put before the next one, a message that comes in many parts is copied as often."""

    def __init__(self) -> None:
        self._begun = bytearray()
        self._missing = 0

    def with_next(self, data: bytes) -> bytes:
        """What was kept, and ``data`` behind it; nothing, while that is less than what was missing."""
        if len(data) < self._missing:
            self._begun += data
            self._missing -= len(data)
            return b""
        self._missing = 0
        if self._begun:
            data = b"".join((self._begun, data))
            self._begun = bytearray()
        return data

    def keep(self, rest: bytes, missing: int) -> None:
        """Keep the last bytes of what `with_next` gave; with fewer than ``missing`` bytes more there is nothing to do for the caller."""
        self._begun += rest
        self._missing = missing
