"""How many requests the shadow gets at once. No I/O.

Usually whatever may start starts, so the shadow has as many at once as the primary's load makes it have. After a time in which it was away, thousands may start: all at
once they would be a load that the primary never had. So it gets them as a load that is twice its usual one. Where that is too little (the load has grown meanwhile, or
the agent has just started and knows no usual one), the backlog does not shrink, and the bound is doubled until it does.
"""

from typing import Final

# A request that has waited so long for a connection shows that the shadow is behind.
_BEHIND_S: Final = 1.0

# Its usual load is the most that it had at once in the last two of these.
_WINDOW_S: Final = 60.0

_FACTOR: Final = 2
_LEAST: Final = 64

# So long the backlog may take to shrink.
_PATIENCE_S: Final = 10.0


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
        self._reached = False
        self._looked_at = 0.0
        self._waiting_before = 0

    def started(self, under_way: int) -> None:
        """One more is under way: so many now."""
        if self.behind:
            self._reached = self._reached or under_way >= self.limit
        elif under_way > self._peak:
            self._peak = under_way

    def tick(self, now: float, waited_s: float | None, waiting: int) -> None:
        """To be called about once a second.

        Args:
            now: seconds of any steady clock.
            waited_s: how long the first request has waited that may start; None: there is none.
            waiting: requests that the shadow is not done with.
        """
        if self.behind:
            if waited_s is None:
                self.behind = False
                self.limit = self._most
            else:
                self._widen(now, waiting)
        elif waited_s is not None and waited_s > _BEHIND_S:
            self.behind = True
            self.limit = min(max(_FACTOR * max(self._peak, self._peak_before), _LEAST), self._most)
            self._look(now, waiting)
        if not self.behind and (self._window_from is None or now - self._window_from >= _WINDOW_S):
            self._window_from = now
            self._peak_before, self._peak = self._peak, 0

    def _widen(self, now: float, waiting: int) -> None:
        """Double the bound if it is what keeps the backlog from shrinking."""
        if not self._reached:
            # The shadow is away, or does not answer: more at once would not help it.
            self._look(now, waiting)
        elif now - self._looked_at >= _PATIENCE_S:
            if waiting >= self._waiting_before:
                self.limit = min(_FACTOR * self.limit, self._most)
            self._look(now, waiting)

    def _look(self, now: float, waiting: int) -> None:
        self._reached = False
        self._looked_at = now
        self._waiting_before = waiting
