"""Joins HAProxy's line about a transaction's end with the tee's copy of it; either may come first. No I/O; the caller says what time it is.

A transaction waits for its copy until the tee says that it has none (`asked`, `answered`), a copy for its line until it is known that the line
may be lost (`lines_lost`). Bounds in bytes are the last resort.
"""

from collections import OrderedDict
from collections.abc import Container
from dataclasses import dataclass
from typing import Final

from agent.copied import Copied
from agent.refcount import RefCount
from record.transaction import Transaction

# A line that may be lost, or still to come, is waited for so long: HAProxy's ring is read within seconds, and clients slower than this are rare.
_DOUBTFUL_NS: Final = 600 * 10**9

# A copy that does not come so soon after its line is asked for. The tee offers an exchange within milliseconds of its end.
_SOON_NS: Final = 10**9

# Of those that were ended without, so that a copy that comes too late is known for what it is.
_REMEMBERED: Final = 65536

# What a copy takes here besides the bytes that came with it.
_COPY_BYTES: Final = 2048


@dataclass(slots=True)
class Copy:
    """What the tee has handed over, and the right to read it."""

    copied: Copied
    refcount: RefCount
    inline_bytes: int = 0
    """Of its bytes, those that are in the agent's memory."""


@dataclass(slots=True)
class _Waiting:
    """A transaction without its copy."""

    transaction: Transaction
    since_ns: int
    questions: int
    """That had been asked when it came, or when the tee said that it is under way."""


class Joining:
    """Those that wait for their other half.

    Args:
        max_bytes: memory for transactions that wait, and for copies that wait: so much for each. Beyond it the oldest are given up.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._ended: OrderedDict[bytes, _Waiting] = OrderedDict()
        self._ended_bytes = 0
        self._copies: OrderedDict[bytes, Copy] = OrderedDict()
        self._copies_bytes = 0
        self._doubtful: OrderedDict[bytes, int] = OrderedDict()
        self._lost_until_us = -1
        self._given_up: OrderedDict[bytes, None] = OrderedDict()
        self._questions = 0
        self.missing = 0
        """Transactions through the tee whose copy never came."""
        self.unclaimed = 0
        """Copies whose line never came."""

    def __len__(self) -> int:
        return len(self._ended)

    @property
    def copies(self) -> int:
        """Copies that wait for their lines."""
        return len(self._copies)

    def __contains__(self, identifier: bytes) -> bool:
        """Whether a transaction waits for its copy."""
        return identifier in self._ended

    def end(self, transaction: Transaction, now_ns: int) -> Copy | None:
        """HAProxy is done with a transaction: its copy; None: it is waited for."""
        copy = self._copies.pop(transaction.id, None)
        if copy is None:
            self._ended[transaction.id] = _Waiting(transaction, now_ns, self._questions)
            self._ended_bytes += transaction.held_bytes
            return None
        self._forget(copy)
        return copy

    def copy(self, copy: Copy, now_ns: int) -> Transaction | None:
        """The tee has handed over an exchange: its transaction; None: its line has not come yet, or it ended without."""
        identifier = copy.copied.id
        found = self._ended.pop(identifier, None)
        if found is not None:
            self._ended_bytes -= found.transaction.held_bytes
            return found.transaction
        if identifier in self._given_up or identifier in self._copies:
            copy.refcount.release()
            return None
        self._copies[identifier] = copy
        self._copies_bytes += _size(copy)
        if copy.copied.last_us <= self._lost_until_us:
            self._doubtful[identifier] = now_ns
        return None

    def is_to_ask(self, now_ns: int) -> bool:
        """Whether a copy is late, so that the tee is to be asked for it."""
        return bool(self._ended) and now_ns - next(iter(self._ended.values())).since_ns >= _SOON_NS

    def asked(self) -> int:
        """The tee is asked now what it has: the question's number."""
        self._questions += 1
        return self._questions

    def answered(self, question: int, under_way: Container[bytes]) -> list[Transaction]:
        """The tee has offered all that it had when it was asked, but for what was under way: those that it has no copy of.

        Their lines had come before the question, so whatever there was of their exchanges had begun.
        """
        given_up = []
        while self._ended:
            identifier, waiting = next(iter(self._ended.items()))
            if waiting.questions >= question:
                # Those behind it came later.
                break
            if identifier in under_way:
                waiting.questions = self._questions
                self._ended.move_to_end(identifier)
            else:
                given_up.append(self._give_up(identifier))
        return given_up

    def too_many(self) -> list[Transaction]:
        """The transactions that memory has no room for any longer; they are without content."""
        given_up = []
        while self._ended_bytes > self._max_bytes:
            given_up.append(self._give_up(next(iter(self._ended))))
        return given_up

    def lines_lost(self, until_us: int, now_ns: int) -> None:
        """Lines about transactions that ended before ``until_us`` (HAProxy's clock) may be lost."""
        self._lost_until_us = until_us
        for identifier in self._copies:
            self._doubtful.setdefault(identifier, now_ns)

    def unclaimed_copies(self, now_ns: int) -> list[Copy]:
        """The copies whose lines are waited for no longer."""
        given_up = []
        while self._doubtful:
            identifier, since_ns = next(iter(self._doubtful.items()))
            if now_ns - since_ns < _DOUBTFUL_NS:
                break
            given_up.append(self._unclaim(identifier))
        while self._copies_bytes > self._max_bytes:
            given_up.append(self._unclaim(next(iter(self._copies))))
        return given_up

    def abandon(self) -> list[Transaction]:
        """The agent stops: the transactions that still wait, oldest first."""
        return [self._give_up(identifier) for identifier in list(self._ended)]

    def _give_up(self, identifier: bytes) -> Transaction:
        transaction = self._ended.pop(identifier).transaction
        self._ended_bytes -= transaction.held_bytes
        self._remember(identifier)
        self.missing += 1
        return transaction

    def _unclaim(self, identifier: bytes) -> Copy:
        copy = self._copies.pop(identifier)
        self._forget(copy)
        self._remember(identifier)
        self.unclaimed += 1
        return copy

    def _forget(self, copy: Copy) -> None:
        self._copies_bytes -= _size(copy)
        self._doubtful.pop(copy.copied.id, None)

    def _remember(self, identifier: bytes) -> None:
        self._given_up[identifier] = None
        if len(self._given_up) > _REMEMBERED:
            self._given_up.popitem(last=False)


def _size(copy: Copy) -> int:
    return _COPY_BYTES + copy.inline_bytes
