"""Ended exchanges that the agent has not acknowledged, in the order of their end. No I/O."""

import sys
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from tee.captured import Copy
from tee.handover import Answer, Exchange

EXCHANGE_BYTES = 2048
"""Memory that an exchange takes besides what is copied, until it is acknowledged: objects of some 1.3 KB (measured)."""


@dataclass(frozen=True)
class Ended:
    """An ended exchange."""

    number: int
    request: Copy
    response: Copy

    @property
    def block_bytes(self) -> int:
        """Memory that the copies' blocks take."""
        return self.request.block_bytes + self.response.block_bytes

    def message(self) -> Exchange:
        """What the agent is told; the blocks stay where they are from now on."""
        return Exchange(self.number, self.request.stream(), self.response.stream())

    def release(self) -> None:
        """Nobody needs the copies any more."""
        self.request.release()
        self.response.release()


class Kept:
    """Decides which exchange is offered when: at once, unless that would keep too many blocks in memory.

    Args:
        offered_bytes: the blocks of all that is offered take so much memory at most, as long as they can be moved to the spool before: later
            they can't be.
        can_move: whether they can.
    """

    def __init__(self, offered_bytes: int, can_move: Callable[[], bool]) -> None:
        self._offered_bytes_bound = offered_bytes
        self._can_move = can_move
        self._waiting: deque[Ended] = deque()
        self._offered: dict[int, tuple[Ended, int]] = {}
        self._offered_bytes = 0
        self._offers = 0
        self._answers: deque[tuple[int, Answer]] = deque()
        self._too_much = False

    def __len__(self) -> int:
        return len(self._waiting) + len(self._offered)

    def add(self, ended: Ended) -> None:
        """Keep one more."""
        self._waiting.append(ended)

    def offer(self) -> Ended | None:
        """The next one to offer; None: there is none, or its blocks are to be moved first."""
        if not self._waiting or self._too_much:
            return None
        size = self._waiting[0].block_bytes
        if size and self._offered_bytes + size > self._offered_bytes_bound and self._can_move():
            # Until it is moved, or others are acknowledged: measuring a huge one takes its time.
            self._too_much = True
            return None
        ended = self._waiting.popleft()
        self._offered[ended.number] = (ended, size)
        self._offered_bytes += size
        self._offers += 1
        return ended

    def acknowledge(self, number: int) -> Ended | None:
        """The agent is done with it; None: it was not offered."""
        ended, size = self._offered.pop(number, (None, 0))
        self._offered_bytes -= size
        self._too_much = False
        return ended

    def answer_later(self, answer: Answer) -> None:
        """To be given when all that is kept now has been offered."""
        self._answers.append((self._offers + len(self._waiting), answer))

    def answer(self) -> Answer | None:
        """An answer that is to be given now."""
        if self._answers and self._answers[0][0] <= self._offers:
            return self._answers.popleft()[1]
        return None

    @property
    def waiting(self) -> int:
        """How many have not been offered."""
        return len(self._waiting)

    def offer_all(self) -> None:
        """The tee stops: nothing will be moved or used again, so there is nothing to wait for."""
        self._offered_bytes_bound = sys.maxsize
        self._too_much = False

    def reconsider(self) -> None:
        """What could not be offered may take less memory by now, or can't be moved after all."""
        self._too_much = False

    def start_over(self) -> None:
        """There is another agent: what is not acknowledged is offered again, in the old order."""
        self._waiting.extendleft(ended for ended, _ in reversed(self._offered.values()))
        self._offered.clear()
        self._offered_bytes = 0
        self._answers.clear()
        self._too_much = False
