"""Causal order: the shadow finishes whatever the client had the answer to before it starts what the client sent next.

HAProxy numbers the primary's answers ("completions") 1, 2, 3 ..., each before the client can have any of it. When a request comes it notes
T, the completions so far. W is the largest n such that the first n completions are all finished on the shadow; a request may start on
the shadow when W >= T. What overlapped on the primary may overlap on the shadow.

HAProxy's counter has 32 bits, counts on while the agent is away, and its news come in any order: here the numbers are 64 bits wide, begin at
the agent's start, and one whose news never come is given up after a while.
"""

from typing import Final

_WRAP: Final = 1 << 32

# News of earlier completions may still be on their way when the agent hears the first of one.
_BEFORE_THE_FIRST: Final = 1024


class CausalOrder:
    """Keeps the completions that are known and the shadow's progress. No I/O; the caller says what time it is."""

    def __init__(self) -> None:
        self.watermark = 0
        """W."""
        self.latest = 0
        """The largest number that is known to have been given."""
        self.missing = 0
        """Completions whose news never came, so that what came after them was not held back by them."""
        self._resumed = 0
        self._reference = -1
        self._reference_number = 0
        self._counted_from = 0
        self._pending: set[int] = set()
        self._finished_beyond: set[int] = set()
        self._missing_number = 0
        self._missing_since_ns = 0

    def resume(self, count: int) -> None:
        """Completions of an earlier run come first, as 1 to ``count``. To be called before anything else."""
        self._resumed = self.latest = count
        self._pending.update(range(1, count + 1))

    def arrive(self, known: int) -> int:
        """A request came when HAProxy's counter was ``known``: its T."""
        if self._reference < 0:
            start = max(known - _BEFORE_THE_FIRST, 0)
            self._reference, self._reference_number = start, self._resumed
            self._counted_from = self._resumed + known - start
        number = self._number(known)
        self.latest = max(self.latest, number)
        return max(number, 0)

    def complete(self, counter: int) -> int:
        """The primary gave the answer that HAProxy numbered ``counter``: its number here, which `finish` is to be called with.

        0, which nobody waits for: it was given up, or is known already. `arrive` comes before.
        """
        number = self._number(counter)
        if number <= self.watermark or number in self._pending or number in self._finished_beyond:
            return 0
        self._pending.add(number)
        self.latest = max(self.latest, number)
        return number

    def may_start(self, earlier_completions: int) -> bool:
        """Whether a request with that T may start on the shadow."""
        return self.watermark >= earlier_completions

    def finish(self, number: int) -> None:
        """The shadow is done with completion ``number``: answered, failed, or never to be sent."""
        if number == 0:
            return
        self._pending.discard(number)
        if number != self.watermark + 1:
            self._finished_beyond.add(number)
            return
        self.watermark = number
        self._advance()

    def give_up_missing(self, now_ns: int, patience_ns: int) -> bool:
        """Wait no longer for a completion that was missing for ``patience_ns``; whether there was one. To be called now and then."""
        first = self.watermark + 1
        if first > self.latest or first in self._pending:
            self._missing_number = 0
            return False
        if first != self._missing_number:
            self._missing_number, self._missing_since_ns = first, now_ns
            return False
        if now_ns - self._missing_since_ns < patience_ns:
            return False
        self._missing_number = 0
        while (
            self.watermark < self.latest
            and self.watermark + 1 not in self._pending
            and self.watermark + 1 not in self._finished_beyond
        ):
            self.watermark += 1
            if self.watermark > self._counted_from:
                self.missing += 1
        self._advance()
        return True

    def _advance(self) -> None:
        beyond = self._finished_beyond
        while beyond and self.watermark + 1 in beyond:
            self.watermark += 1
            beyond.remove(self.watermark)

    def _number(self, counter: int) -> int:
        """HAProxy's 32 bits as the nearest number to the largest that was seen."""
        ahead = (counter - self._reference) % _WRAP
        if ahead >= _WRAP // 2:
            return self._reference_number + ahead - _WRAP
        self._reference, self._reference_number = counter % _WRAP, self._reference_number + ahead
        return self._reference_number
