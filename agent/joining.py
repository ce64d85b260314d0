"""Joins HAProxy's news of a transaction's end with the tee's copy of it; either may come first. No I/O; the caller says what time it is."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from agent.copied import Copied
from agent.lease import Lease
from record.transaction import Transaction

# The tee tells of an exchange within milliseconds of its end, but may have many to tell.
_COPY_NS: Final = 10 * 10**9

# A client that reads slowly gets from HAProxy's buffers what the tee passed long ago.
_END_NS: Final = 600 * 10**9

# Transactions whose copies are awaited at most: the tee has stopped telling then.
_WAITING: Final = 65536

# And so many copies at most, but for those that came just now: the tee lets the agent have 4096 of them (`tee.app`), and offers no more then.
_COPIES: Final = 2048
_FRESH_NS: Final = 30 * 10**9

# Identifiers of those that were ended without, so that a copy that comes too late is known for what it is.
_REMEMBERED: Final = 16384


@dataclass(slots=True)
class Copy:
    """What the tee has handed over, and the right to read it."""

    copied: Copied
    lease: Lease


class Joining:
    """Those that wait for their other half."""

    def __init__(self) -> None:
        self._ended: OrderedDict[bytes, tuple[Transaction, int]] = OrderedDict()
        self._copies: OrderedDict[bytes, tuple[Copy, int]] = OrderedDict()
        self._given_up: OrderedDict[bytes, None] = OrderedDict()
        self.missing = 0
        """Transactions through the tee whose copy never came."""
        self.unclaimed = 0
        """Copies of which HAProxy told nothing."""

    def __len__(self) -> int:
        return len(self._ended)

    def end(self, transaction: Transaction, now_ns: int) -> Copy | None:
        """HAProxy is done with a transaction: its copy; None: it is waited for. Not of one whose copy was given up."""
        found = self._copies.pop(transaction.id, None)
        if found is None:
            self._ended[transaction.id] = transaction, now_ns
            return None
        return found[0]

    def copy(self, copy: Copy, now_ns: int) -> Transaction | None:
        """The tee has handed over an exchange: its transaction; None: HAProxy has not told of its end yet, or it ended without."""
        identifier = copy.copied.id
        found = self._ended.pop(identifier, None)
        if found is not None:
            return found[0]
        if identifier in self._given_up or identifier in self._copies:
            copy.lease.release()
        else:
            self._copies[identifier] = copy, now_ns
        return None

    def overdue(self, now_ns: int) -> list[Transaction]:
        """The transactions whose copies are waited for no longer; they are without content."""
        ended = self._ended
        given_up = []
        while ended:
            identifier, (transaction, since_ns) = next(iter(ended.items()))
            if now_ns - since_ns < _COPY_NS and len(ended) <= _WAITING:
                break
            del ended[identifier]
            self._remember(identifier)
            self.missing += 1
            given_up.append(transaction)
        return given_up

    def unclaimed_copies(self, now_ns: int) -> list[Copy]:
        """The copies of whose transactions no news are waited for any longer."""
        copies = self._copies
        given_up = []
        while copies:
            identifier, (copy, since_ns) = next(iter(copies.items()))
            patience_ns = _END_NS if len(copies) <= _COPIES else _FRESH_NS
            if now_ns - since_ns < patience_ns:
                break
            del copies[identifier]
            self._remember(identifier)
            self.unclaimed += 1
            given_up.append(copy)
        return given_up

    def abandon(self) -> list[Transaction]:
        """The agent stops: the transactions that still wait, oldest first."""
        waiting = [transaction for transaction, _ in self._ended.values()]
        for identifier in self._ended:
            self._remember(identifier)
        self.missing += len(waiting)
        self._ended.clear()
        return waiting

    def _remember(self, identifier: bytes) -> None:
        self._given_up[identifier] = None
        if len(self._given_up) > _REMEMBERED:
            self._given_up.popitem(last=False)
