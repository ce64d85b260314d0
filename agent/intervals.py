"""Equal intervals of the clock: when one ends, so that the capture log is rotated then."""

import math

# Not slept longer, so that a clock that is set does not matter for long.
_MOST_S = 60.0


class Intervals:
    """Intervals that begin at multiples of ``interval_s`` seconds since 1970 (UTC); 0: there is one, without an end."""

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s
        self._seen: int | None = None

    def left_s(self, now_s: float) -> float | None:
        """How long to wait, at most, before asking whether an interval has passed; None: for ever."""
        if not self._interval_s:
            return None
        left_s = self._interval_s - now_s % self._interval_s
        return min(left_s, _MOST_S)

    def passed(self, now_s: float) -> bool:
        """Whether this is another interval than at the last call; True at the first one."""
        if not self._interval_s:
            return False
        seen, self._seen = self._seen, self._number(now_s)
        return self._seen != seen

    def differ(self, before_s: float, now_s: float) -> bool:
        """Whether the interval of ``before_s`` is over. A clock that was set back ends none."""
        return self._number(before_s) < self._number(now_s)

    def _number(self, at_s: float) -> int:
        return math.floor(at_s / self._interval_s)
