"""What the bound of all capture logs has cost: rotated files that were removed, as far as is known, before anybody had them. No I/O."""

# A flood removes a file every few seconds.
_SAY_S = 60.0


class RemovedFiles:
    """Counts them, and words a message about them at most once a minute.

    Args:
        total_bytes: the bound.
        awaited: an offload was to take them.
    """

    def __init__(self, total_bytes: int, *, awaited: bool) -> None:
        self._total_bytes = total_bytes
        self._awaited = awaited
        self._names: list[str] = []
        self._said_bytes = 0
        self._said_s: float | None = None
        self.files = 0
        self.bytes = 0
        """As they were on the disk, most of them compressed."""

    def add(self, name: str, size: int) -> None:
        """A file of ``size`` bytes was removed."""
        # The first one and the last one are named.
        self._names = [*self._names[:1], name]
        self.files += 1
        self.bytes += size

    def left_s(self, now_s: float) -> float | None:
        """How long until there is something to say; None: there is nothing. ``now_s``: any clock that only goes forward."""
        if not self._names:
            return None
        return 0.0 if self._said_s is None else max(self._said_s + _SAY_S - now_s, 0.0)

    def message(self, now_s: float) -> str | None:
        """What is to be said now about files that were not spoken of before; None: nothing."""
        if self.left_s(now_s) != 0.0:
            return None
        names, size = " to ".join(self._names), self.bytes - self._said_bytes
        self._names, self._said_bytes, self._said_s = [], self.bytes, now_s
        return (
            f"removed {names}{' before it was offloaded' if self._awaited else ''} ({size} bytes): the capture logs would exceed"
            f" {self._total_bytes} bytes; {self.files} files with {self.bytes} bytes were removed until now"
        )
