"""When what has failed is tried again: later each time, at a random moment, for ever."""

from collections.abc import Callable

_FIRST_S = 1.0
_MOST_S = 300.0
# A shorter wait would not be one.
_LEAST_SHARE = 0.5


class Backoff:
    """Delays that double from a second to five minutes, each shortened by chance so that many hosts do not come at once.

    Args:
        chance: a random number from 0 to 1.
    """

    def __init__(self, chance: Callable[[], float]) -> None:
        self._chance = chance
        self._failures = 0

    def failed(self) -> float:
        """How long to wait now, in seconds."""
        # 2^10 s is more than the most; a larger power would overflow some day.
        longest_s = min(_FIRST_S * (1 << min(self._failures, 10)), _MOST_S)
        self._failures += 1
        return longest_s * (_LEAST_SHARE + (1 - _LEAST_SHARE) * self._chance())

    def succeeded(self) -> None:
        """Begin anew."""
        self._failures = 0
