"""Which of the primary's answers ("completions") the agent has been told. No I/O.

HAProxy numbers the completions 1, 2, 3 ..., each before the client can have any of it. `agent.counter` turns HAProxy's 32 bits into the
numbers that are used here.

A number that was given and that no line has named yet is a **hole**. Its line is on its way: nobody knows yet what the shadow has to do, so
what came after it waits, for a while. Then the hole is **given up**. Its line may still come, as HAProxy writes it when the client has read the whole
answer, or is gone.
"""

from collections import deque

from agent.counter import Counter
from agent.given_up import GivenUp


class Told:
    """Numbers the completions and knows the holes between them.

    Args:
        started_us: the agent's start, microseconds since 1970. Completions of before were perhaps told to another agent, and are not counted
            as missing.
    """

    def __init__(self, started_us: int = 0) -> None:
        self.up_to = 0
        """All completions up to this one were told, or given up."""
        self.latest = 0
        """The largest number that is known to have been given."""
        self.missing = 0
        """Holes that were given up: their lines did not come in time, so that what came after them was not held back by them.

        A line that comes later changes nothing here: what started meanwhile did not wait for it.
        """
        self._started_us = started_us
        self._counter = Counter()
        self._first = True
        self._counted_from = 0
        self._beyond: set[int] = set()
        self._given_up = GivenUp()
        self._seen: deque[tuple[int, int]] = deque()

    def resume(self, count: int) -> None:
        """Completions of an earlier run come first, as 1 to ``count``. To be called before anything else."""
        self._counter.begin_behind(count)
        self._counted_from = self.latest = self.up_to = count

    def arrive(self, known: int, received_us: int = 0) -> int:
        """A request came at ``received_us`` (HAProxy's clock; 0: unknown) when HAProxy's counter was ``known``: how many completions came before.

        ``known`` below 0: nobody knows. Then the client may have had any answer that was given until now.
        """
        if known < 0:
            return self.latest
        return max(self._given(known, received_us), 0)

    def complete(self, counter: int, answered_us: int = 0) -> int:
        """The completion that HAProxy numbered ``counter`` is told: its number here.

        0, which nobody waits for: it was told before, or was given up so long ago that it is forgotten.
        """
        number = self._given(counter, answered_us)
        if self._first:
            # What HAProxy had told before its first line to this agent it told another one.
            self._first = False
            self._counted_from = max(self._counted_from, number)
        if number <= self.up_to:
            return number if self._given_up.take(number) else 0
        if number in self._beyond:
            return 0
        if number == self.up_to + 1:
            self._pass(number)
        else:
            self._beyond.add(number)
        return number

    def give_up_missing(self, now_ns: int, patience_ns: int) -> bool:
        """Wait no longer for the holes that have been known for ``patience_ns``; whether there were any. To be called now and then."""
        seen = self._seen
        if self.latest > self.up_to and (not seen or seen[-1][1] < self.latest):
            seen.append((now_ns, self.latest))
        last = 0
        while seen and now_ns - seen[0][0] >= patience_ns:
            last = seen.popleft()[1]
        if last <= self.up_to:
            return False
        passed = sorted(number for number in self._beyond if number <= last)
        first = max(self.up_to, self._counted_from) + 1
        told = sum(1 for number in passed if number >= first)
        self.missing += max(last - first + 1, 0) - told
        self._beyond.difference_update(passed)
        self._given_up.add(self.up_to + 1, last, passed)
        self._pass(last)
        return True

    def _given(self, counter: int, at_us: int) -> int:
        """The number of HAProxy's counter; all up to it have been given."""
        number = self._counter.number(counter, at_us)
        self.latest = max(self.latest, number)
        if self._first or 0 < at_us < self._started_us:
            self._counted_from = max(self._counted_from, number)
        return number

    def _pass(self, number: int) -> None:
        """All up to ``number`` are told or given up, and what was told behind it follows."""
        beyond = self._beyond
        while number + 1 in beyond:
            number += 1
            beyond.remove(number)
        self.up_to = number
