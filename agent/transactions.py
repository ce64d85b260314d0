"""Joins HAProxy's events into transactions. No I/O; the caller says what time it is.

A transaction ends exactly once: with HAProxy's news of its end; or, when those never come, by its age or because memory for open
transactions is used up. Most are never open: the news of the end are all that is told of them.
"""

from collections import OrderedDict
from typing import Final

from agent.lines import End, Unanswered
from agent.messages import Request, Response
from agent.parts import Proxy
from agent.primary_ids import PrimaryIds
from record.transaction import Transaction

LOST: Final = b"??"
"""Termination of a transaction whose end HAProxy never told."""

SERVER_CLOSED: Final = b"SH"
"""Termination of a transaction whose node closed without an answer, as HAProxy calls it where it tells of it."""

# How many ended transactions are remembered at least, to know late news of them for what they are: a line that is read twice, a message that
# was read after the line.
_REMEMBERED: Final = 32768

# Those that ended without their line are few, and it may come hours later: a client may read as slowly as it likes. 200 bytes each.
_REMEMBERED_WITHOUT_LINE: Final = 131072


class Transactions:
    """The open transactions.

    Args:
        proxy: the HAProxy that tells of them.
        max_bytes: memory for open transactions; beyond it the oldest are ended as lost.
        max_age_ns: how long the news of an end are waited for.
    """

    def __init__(self, proxy: Proxy, max_bytes: int, max_age_ns: int) -> None:
        self._proxy = proxy
        self._max_bytes = max_bytes
        self._max_age_ns = max_age_ns
        self._open: OrderedDict[bytes, Transaction] = OrderedDict()
        self._unanswered: dict[bytes, int] = {}
        self._early_answers: dict[bytes, Response] = {}
        self._recent: set[bytes] = set()
        self._recent_before: set[bytes] = set()
        self._without_line: OrderedDict[bytes, None] = OrderedDict()
        self.primary_ids = PrimaryIds()
        """Used where the proxy is the shadow's."""
        self.held_bytes = 0
        self.lost = 0
        """Transactions that were ended because the news of their end never came, or memory ran out."""
        self.orphans = 0
        """Answers whose request was never seen."""

    def __len__(self) -> int:
        return len(self._open)

    def request(self, event: Request, now_ns: int) -> tuple[Transaction | None, Response | None]:
        """Open a transaction. Also its answer, if that came first; nothing for a request that is known already."""
        identifier = event.id
        if identifier in self._open or self._ended(identifier):
            return None, None
        transaction = self._begin(event, identifier, now_ns)
        return transaction, self._early_answers.pop(identifier, None) if self._early_answers else None

    def response(self, event: Response) -> Transaction | None:
        """The primary has answered: the transaction, which is open until the news of its end come."""
        identifier = event.id
        transaction = self._open.get(identifier)
        if transaction is None:
            if not self._ended(identifier):
                self._keep_early(identifier, event)
            return None
        if transaction.answered_us:
            return None
        self.held_bytes -= transaction.held_bytes
        event.fill(transaction, self._proxy)
        self.held_bytes += transaction.held_bytes
        return transaction

    def end(self, event: End, now_ns: int, now_us: int) -> Transaction | None:
        """HAProxy is done with a transaction: it, or None when it had ended already.

        Raises:
            ValueError: the news can't be read.
        """
        if self._ended(event.id):
            return None
        transaction = self._open.get(event.id)
        held = 0 if transaction is None else transaction.held_bytes
        if transaction is None:
            transaction = self._new(event.id, now_ns)
            early_answer = self._early_answers.pop(event.id, None) if self._early_answers else None
            if early_answer is not None:
                early_answer.fill(transaction, self._proxy)
        event.fill(transaction, self._proxy)
        if not transaction.received_us:
            # Nobody told when it came: about now, less HAProxy's total time.
            transaction.arrived_us = now_us
        if held:
            del self._open[event.id]
            self.held_bytes -= held
            self._unanswered.pop(event.id, None)
        self._remember(event.id)
        return transaction

    def give_up(self, identifier: bytes) -> Transaction | None:
        """The news of its end came and can't be read: the transaction, which ends as lost; None: it is not open."""
        transaction = self._open.get(identifier)
        return None if transaction is None else self._lose(transaction)

    def overdue(self, now_ns: int) -> list[Transaction]:
        """End what is too old, or too much: those transactions, oldest first."""
        ended: list[Transaction] = []
        while self._open:
            oldest = next(iter(self._open.values()))
            if self.held_bytes <= self._max_bytes and now_ns - oldest.opened_ns <= self._max_age_ns:
                break
            ended.append(self._lose(oldest))
        return ended

    def unanswered(self, event: Unanswered, now_ns: int) -> Transaction | None:
        """A node closed without an answer: the transaction, when it is a new one. It ends with its end's news, or by `silent`.

        Raises:
            ValueError: the news can't be read.
        """
        if self._ended(event.id):
            return None
        self._unanswered[event.id] = now_ns
        if event.id in self._open:
            return None
        return self._begin(event, event.id, now_ns)

    def silent(self, before_ns: int) -> list[Transaction]:
        """End those whose node had closed by ``before_ns``, and whose end HAProxy has not told: it never will."""
        ended: list[Transaction] = []
        # In their order.
        while self._unanswered:
            identifier, since_ns = next(iter(self._unanswered.items()))
            if since_ns > before_ns:
                break
            del self._unanswered[identifier]
            transaction = self._open.get(identifier)
            if transaction is not None:
                transaction.termination = SERVER_CLOSED
                self._drop(transaction)
                ended.append(transaction)
        return ended

    def unheard_of(self, identifier: bytes, now_ns: int) -> Transaction:
        """One that is known by its copy alone. What HAProxy may still tell of it comes too late."""
        transaction = self._new(identifier, now_ns)
        self._remember_without_line(identifier)
        return transaction

    def abandon(self) -> list[Transaction]:
        """End all that are open, oldest first: the agent stops, and HAProxy stopped to tell of ends before."""
        return [self._lose(transaction) for transaction in list(self._open.values())]

    def _new(self, identifier: bytes, now_ns: int) -> Transaction:
        transaction = Transaction(identifier)
        transaction.opened_ns = now_ns
        if self._proxy.mirrored:
            self.primary_ids.name(transaction)
        return transaction

    def _begin(self, event: Request | Unanswered, identifier: bytes, now_ns: int) -> Transaction:
        transaction = self._new(identifier, now_ns)
        event.fill(transaction, self._proxy)
        self._open[identifier] = transaction
        self.held_bytes += transaction.held_bytes
        return transaction

    def _lose(self, transaction: Transaction) -> Transaction:
        if not transaction.response_whole:
            transaction.termination = LOST
            self.lost += 1
        self._unanswered.pop(transaction.id, None)
        self._drop(transaction)
        return transaction

    def _drop(self, transaction: Transaction) -> None:
        del self._open[transaction.id]
        self.held_bytes -= transaction.held_bytes
        self._remember_without_line(transaction.id)

    def _remember(self, identifier: bytes) -> None:
        self._recent.add(identifier)
        if len(self._recent) >= _REMEMBERED:
            self._recent_before, self._recent = self._recent, set()

    def _remember_without_line(self, identifier: bytes) -> None:
        self._without_line[identifier] = None
        if len(self._without_line) > _REMEMBERED_WITHOUT_LINE:
            self._without_line.popitem(last=False)

    def _ended(self, identifier: bytes) -> bool:
        return (
            identifier in self._recent
            or identifier in self._recent_before
            or identifier in self._without_line
        )

    def _keep_early(self, identifier: bytes, event: Response) -> None:
        # After a stall of the agent two connections can be read in the wrong order; by a few requests, never by many.
        if len(self._early_answers) >= 256:
            self._early_answers.pop(next(iter(self._early_answers)))
            self.orphans += 1
        self._early_answers[identifier] = event
