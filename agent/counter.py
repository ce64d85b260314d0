"""HAProxy's counter of answers as a number that only grows. No I/O.

The counter has 32 bits and wraps, what is read of it comes in any order and counts on while no agent is there, and it may go back to zero while the
agent lives (somebody cleared the table, or another HAProxy runs).
"""

from typing import Final

WRAP: Final = 1 << 32
"""Behind the counter's largest value comes 0."""

# Lines of earlier completions may still be on their way when the agent reads the first one.
_BEFORE_THE_FIRST: Final = 1024

# HAProxy's threads read counter and clock one after the other, and the clock once for a round of events: so far a smaller value may seem younger
# than a larger one without the counter having gone back.
_SKEW_US: Final = 1_000_000
_SKEW: Final = 1024

# So many answers do not pass unread: half a day's at 5,000 a second.
_FAR: Final = 1 << 28


class Counter:
    """Gives each value of the counter its number: 0 or less for what was before the first one that was seen."""

    def __init__(self) -> None:
        self._behind = 0
        self._reference = -1
        self._number = 0
        self._newest_us = 0
        self._before: tuple[int, int, int] | None = None

    def begin_behind(self, count: int) -> None:
        """Numbers from ``count`` + 1 on. To be called before anything else."""
        self._behind = count

    def number(self, value: int, at_us: int) -> int:
        """The number of the counter's ``value`` as it was at ``at_us`` (HAProxy's clock, microseconds; 0: unknown)."""
        if self._reference < 0:
            self._reference, self._number = max(value - _BEFORE_THE_FIRST, 0), self._behind
        before = self._before
        if before is not None and 0 < at_us < before[2]:
            return _nearest(value, before[0], before[1])
        number = _nearest(value, self._reference, self._number)
        if number - self._number > _FAR and value < number - self._number:
            return self._begin_again(value, at_us)
        if number >= self._number:
            self._reference, self._number = value % WRAP, number
            self._newest_us = max(self._newest_us, at_us)
            return number
        # Younger than a much larger value.
        if self._number - number > _SKEW and at_us > self._newest_us + _SKEW_US > _SKEW_US:
            return self._begin_again(value, at_us)
        return number

    def _begin_again(self, value: int, at_us: int) -> int:
        """The counter went back to zero, and has counted from there."""
        self._before = self._reference, self._number, self._newest_us + _SKEW_US
        self._reference, self._number, self._newest_us = value % WRAP, self._number + value, at_us
        return self._number


def _nearest(value: int, reference: int, number: int) -> int:
    """The number of ``value`` where ``reference`` has ``number``: of all that agree in 32 bits the nearest."""
    ahead = (value - reference) % WRAP
    return number + (ahead if ahead < WRAP // 2 else ahead - WRAP)
