"""How many requests the shadow gets at once. No I/O.

Usually whatever may start starts, so the shadow has as many at once as the primary's load makes it have. After a time in which it was away, thousands may start: all at
once they would be a load that the primary never had. So it gets them as a load that is twice its usual one.
"""

from typing import Final

# A request that has waited so long for a connection shows that the shadow is behind.
_BEHIND_S: Final = 1.0

# Its usual load is the most that it had at once in the last two of these.
_WINDOW_S: Final = 60.0

_FACTOR: Final = 2
_LEAST: Final = 64


class CatchingUp:
    """The bound of requests under way.

    Args:
        most: it is never more than that.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self.limit = most
        """So many may be under way now."""
        self.behind = False
        """The shadow has to catch up."""
        self._peak = 0
        self._peak_before = 0
        self._window_from: float | None = None

    def started(self, under_way: int) -> None:
        """One more is under way: so many now."""
        if under_way > self._peak and not self.behind:
            self._peak = under_way

    def tick(self, now: float, waited_s: float) -> None:
        """To be called about once a second; ``waited_s``: how long the first request has waited that may start, 0 where there is none."""
        if self.behind:
            if waited_s == 0:
                self.behind = False
                self.limit = self._most
        elif waited_s > _BEHIND_S:
            self.behind = True
            self.limit = min(max(_FACTOR * max(self._peak, self._peak_before), _LEAST), self._most)
        if not self.behind and (self._window_from is None or now - self._window_from >= _WINDOW_S):
            self._window_from = now
            self._peak_before, self._peak = self._peak, 0
