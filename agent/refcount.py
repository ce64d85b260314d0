"""Counts who still needs the copy of an exchange."""

import threading
from collections.abc import Callable


class RefCount:
    """Held once when made; ``released`` is called when nobody holds it any more, on the thread of the last one."""

    def __init__(self, released: Callable[[], None]) -> None:
        self._released = released
        self._lock = threading.Lock()
        self._holders = 1

    def hold(self) -> None:
        """One more needs it."""
        with self._lock:
            self._holders += 1

    def release(self) -> None:
        """One needs it no longer."""
        with self._lock:
            self._holders -= 1
            last = self._holders == 0
        if last:
            self._released()
