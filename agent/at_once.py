"""How many requests the shadow has at once. No I/O.

Usually whatever may start starts, so the shadow has as many at once as the primary's load makes it have. Two things would make it more than the primary ever had:
the agent reads many of HAProxy's lines at a time, and after an outage thousands of requests may start. So the bound is low, and rises when requests really wait.
"""

from typing import Final

_LEAST: Final = 64

SHORT_S: Final = 0.05
"""A request that has waited so long shows that the shadow needs more at once: then the bound rises by a quarter."""

# One that has waited so long shows that the shadow is behind. Now the bound is twice its usual load, which is the most that it had at once in the last two
# windows, and it rises by a twentieth in each second in which the shadow answers and the backlog does not shrink: then the bound may be what holds it up.
_BEHIND_S: Final = 1.0
_WINDOW_S: Final = 60.0
_FACTOR: Final = 2


class AtOnce:
    """The bound of requests under way.

    Args:
        most: it is never more than that.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self.limit = min(_LEAST, most)
        """So many may be under way now."""
        self.behind = False
        """The shadow has to catch up."""
        self._waiting = 0
        self._answered = 0
        self._peak = 0
        self._peak_before = 0
        self._window_from: float | None = None

    @property
    def holds_back(self) -> bool:
        """Whether it rises no more, or only slowly: requests wait for it."""
        return self.behind or self.limit >= self._most

    def started(self, under_way: int) -> None:
        """One more is under way: so many now."""
        if under_way > self._peak and not self.behind:
            self._peak = under_way

    def fall_behind(self) -> None:
        """Requests wait that should have started long ago."""
        self.behind = True
        self.limit = self._usual()

    def full(self, waited_s: float) -> bool:
        """As many as may be are under way, and a request has waited so long; whether the bound is higher now."""
        if self.behind or waited_s < SHORT_S or self.limit >= self._most:
            return False
        self.limit = min(self.limit + self.limit // 4 + 1, self._most)
        return True

    def tick(self, now: float, waited_s: float | None, waiting: int, answered: int, full: bool) -> None:
        """To be called about once a second.

        Args:
            now: seconds of any steady clock.
            waited_s: how long the first request has waited that may start; None: there is none.
            waiting: requests that are not done.
            answered: requests that the shadow has answered until now.
            full: as many as may be are under way.
        """
        if not self.behind:
            if waited_s is not None and waited_s > _BEHIND_S:
                self.fall_behind()
        elif waited_s is None:
            self.behind = False
        elif full and answered > self._answered and waiting >= self._waiting:
            self.limit = min(self.limit + self.limit // 20 + 1, self._most)
        self._waiting, self._answered = waiting, answered
        if not self.behind and (self._window_from is None or now - self._window_from >= _WINDOW_S):
            self._window_from = now
            self._peak_before, self._peak = self._peak, 0
            self.limit = self._usual()

    def _usual(self) -> int:
        return min(max(_FACTOR * max(self._peak, self._peak_before), _LEAST), self._most)
