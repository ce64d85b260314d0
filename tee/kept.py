"""Ended exchanges that the agent has not acknowledged, in the order of their end. No I/O."""

import sys
from collections import deque
from dataclasses import dataclass

from tee.captured import Copy
from tee.handover import Exchange


@dataclass(frozen=True)
class Ended:
    """An ended exchange."""

    number: int
    request: Copy
    response: Copy

    @property
    def memory_bytes(self) -> int:
        """Memory that the copies take."""
        return self.request.memory_bytes + self.response.memory_bytes

    def message(self) -> Exchange:
        """What the agent is told; the copies stay where they are from now on."""
        return Exchange(self.number, self.request.stream(), self.response.stream())

    def release(self) -> None:
        """Nobody needs the copies any more."""
        self.request.release()
        self.response.release()


class Kept:
    """Decides which exchange is offered when.

    Args:
        bound: exchanges that are kept at most; the oldest ones are.
        offered: of these, so many are offered at once at most,
        offered_bytes: and they take so much memory at most, but for a single one: it can't be moved to the spool any more.
    """

    def __init__(self, bound: int, offered: int, offered_bytes: int) -> None:
        self._bound = bound
        self._offered_bound = offered
        self._offered_bytes_bound = offered_bytes
        self._waiting: deque[Ended] = deque()
        self._offered: dict[int, tuple[Ended, int]] = {}
        self._offered_bytes = 0
        self._too_much = False

    def __len__(self) -> int:
        return len(self._waiting) + len(self._offered)

    @property
    def full(self) -> bool:
        """No more can be kept."""
        return len(self) >= self._bound

    def add(self, ended: Ended) -> None:
        """Keep one more; not when `full`."""
        self._waiting.append(ended)

    def offer(self) -> Ended | None:
        """The next one to offer; None: there is none, or the agent has to acknowledge others first."""
        if not self._waiting or len(self._offered) >= self._offered_bound or self._too_much:
            return None
        size = self._waiting[0].memory_bytes
        if self._offered and self._offered_bytes + size > self._offered_bytes_bound:
            # Until one of those is acknowledged, or this one moved: measuring a huge one takes its time.
            self._too_much = True
            return None
        ended = self._waiting.popleft()
        self._offered[ended.number] = (ended, size)
        self._offered_bytes += size
        return ended

    def acknowledge(self, number: int) -> Ended | None:
        """The agent is done with it; None: it was not offered."""
        ended, size = self._offered.pop(number, (None, 0))
        self._offered_bytes -= size
        self._too_much = False
        return ended

    @property
    def waiting(self) -> int:
        """How many have not been offered."""
        return len(self._waiting)

    def offer_all(self) -> None:
        """The tee stops: nothing will be moved or used again, so there is nothing to wait for."""
        self._offered_bound = sys.maxsize
        self._offered_bytes_bound = sys.maxsize
        self._too_much = False

    def reconsider(self) -> None:
        """What could not be offered may take less memory by now: it was moved to the spool."""
        self._too_much = False

    def start_over(self) -> None:
        """There is another agent: what is not acknowledged is offered again, in the old order."""
        self._waiting.extendleft(ended for ended, _ in reversed(self._offered.values()))
        self._offered.clear()
        self._offered_bytes = 0
        self._too_much = False
