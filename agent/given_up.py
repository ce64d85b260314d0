"""Numbers that are no longer waited for and may still come. No I/O."""

from bisect import bisect_right
from collections.abc import Iterable
from typing import Final

# Some 1.5 MB. At 500 slow clients a second it is half a minute.
_MAX_RANGES: Final = 16384


class GivenUp:
    """Remembers them as ranges, so that a jump of any size is one entry. Beyond ``_MAX_RANGES`` the smallest numbers are forgotten."""

    def __init__(self) -> None:
        # In ascending order: the first and the last number of each range.
        self._firsts: list[int] = []
        self._lasts: list[int] = []

    def __len__(self) -> int:
        """How many ranges are remembered."""
        return len(self._firsts)

    def add(self, first: int, last: int, but: Iterable[int]) -> None:
        """Remember ``first`` to ``last`` except for ``but``, which is sorted. All that is remembered already is below ``first``."""
        for number in but:
            self._append(first, number - 1)
            first = number + 1
        self._append(first, last)
        excess = len(self._firsts) - _MAX_RANGES
        if excess > 0:
            del self._firsts[:excess]
            del self._lasts[:excess]

    def take(self, number: int) -> bool:
        """Forget ``number``; whether it was remembered."""
        firsts, lasts = self._firsts, self._lasts
        at = bisect_right(firsts, number) - 1
        if at < 0 or number > lasts[at]:
            return False
        first, last = firsts[at], lasts[at]
        if first == last:
            del firsts[at]
            del lasts[at]
        elif number == first:
            firsts[at] = number + 1
        elif number == last:
            lasts[at] = number - 1
        else:
            lasts[at] = number - 1
            firsts.insert(at + 1, number + 1)
            lasts.insert(at + 1, last)
            if len(firsts) > _MAX_RANGES:
                del firsts[0]
                del lasts[0]
        return True

    def _append(self, first: int, last: int) -> None:
        if first > last:
            return
        if self._lasts and self._lasts[-1] == first - 1:
            self._lasts[-1] = last
        else:
            self._firsts.append(first)
            self._lasts.append(last)
