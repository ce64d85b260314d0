"""What happens to a transaction: joined, ordered, mirrored, captured. The one place where these meet."""

import logging
from collections import deque
from collections.abc import Callable
from collections.abc import Set as AbstractSet

from agent.events import NO_ID, End, Request, Response, parse_message
from agent.order import CausalOrder
from agent.spop.connection import Message
from agent.spop.errors import SpopError
from agent.status import Status
from agent.transactions import LOST, Transactions
from record.transaction import Transaction

_LOG = logging.getLogger(__name__)

SubmitToShadow = Callable[[Transaction, int], bool]


class Pipeline:
    """Takes events, gives ended transactions to ``ended`` and requests to ``submit``.

    Args:
        submit: queues a request for the shadow; None when nothing is mirrored.
    """

    def __init__(
        self,
        transactions: Transactions,
        order: CausalOrder,
        submit: SubmitToShadow | None,
        status: Status,
    ) -> None:
        self._transactions = transactions
        self._order = order
        self._submit = submit
        self._status = status
        self.ended: deque[Transaction] = deque()
        """Transactions for the capture log, in the order of their ends."""

    def messages(self, messages: list[Message], now_ns: int, now_us: int) -> None:
        """HAProxy's requests and answers of one read of a socket."""
        for message in messages:
            try:
                event = parse_message(*message.decode())
            except SpopError as error:
                self._status.protocol_errors += 1
                _LOG.error("SPOP: %s", error)
                continue
            if isinstance(event, Request):
                self._request(event, now_ns, now_us)
            else:
                self._response(event, now_ns)
        self._bound(now_ns)

    def ends(self, ends: list[End], now_ns: int, now_us: int) -> None:
        """HAProxy's news of transactions that ended without a whole answer."""
        for end in ends:
            if end.id == NO_ID:
                self._status.bad_requests += 1
                continue
            if end.late:
                self._status.passed_unacknowledged += 1
            transaction = self._transactions.end(end, now_ns, now_us)
            if transaction is not None:
                self.finish(transaction)

    def tick(self, now_ns: int) -> None:
        """End what is overdue; to be called about once a second."""
        self._bound(now_ns)
        self.count()

    def vanished(self, live: AbstractSet[tuple[bytes, int]], before_ns: int) -> None:
        """End what HAProxy no longer works on, and never told the end of."""
        for transaction in self._transactions.vanished(live, before_ns):
            if transaction.mirror is None:
                # It keeps silent only about requests that a node had got.
                self._mirror(transaction)
            self.finish(transaction)

    def count(self) -> None:
        """Bring the counters up to date that the joining keeps."""
        self._status.lost_ends = self._transactions.lost
        self._status.orphan_answers = self._transactions.orphans

    def _bound(self, now_ns: int) -> None:
        for transaction in self._transactions.overdue(now_ns):
            self.finish(transaction)

    def _request(self, event: Request, now_ns: int, now_us: int) -> None:
        transaction, early_answer = self._transactions.request(event, now_ns, now_us)
        if transaction is None:
            return
        self._status.requests += 1
        transaction.earlier_completions = self._order.arrive()
        if early_answer is not None:
            self._response(early_answer, now_ns)

    def _response(self, event: Response, now_ns: int) -> None:
        transaction = self._transactions.response(event, now_ns)
        if transaction is None:
            return
        self._mirror(transaction)
        if transaction.response_whole:
            self._transactions.close(transaction)
            self.finish(transaction)

    def _mirror(self, transaction: Transaction) -> None:
        """The primary is done with the request: now the shadow may have it."""
        if self._submit is None:
            return
        completion = self._order.complete()
        if not transaction.request_headers:
            transaction.mirror = "not sent: the request passed while the agent was away or busy"
            self._status.not_mirrored_unseen += 1
            self._order.finish(completion)
        elif not transaction.request_whole:
            transaction.mirror = "not sent: the request did not fit the proxy's buffer"
            self._status.not_mirrored_truncated += 1
            self._order.finish(completion)
        elif self._submit(transaction, completion):
            transaction.mirror = ""
        else:
            transaction.mirror = "not sent: the queue for the shadow is full"

    def finish(self, transaction: Transaction) -> None:
        """A transaction has ended: mirror it if that is still to be decided, and let it be captured."""
        if self._submit is not None and transaction.mirror is None:
            if reached_a_node(transaction):
                self._mirror(transaction)
            else:
                lost = transaction.termination == LOST
                transaction.mirror = (
                    f"not sent: {'its end is unknown' if lost else 'the request did not reach a node'}"
                )
                self._status.not_mirrored_unanswered += 1
        self._status.transactions += 1
        self.ended.append(transaction)


def reached_a_node(transaction: Transaction) -> bool:
    """Whether a node may have worked on the request although no answer was seen: a connection to it had been made (``%Tc``)."""
    timers = transaction.timers.split(b"/")
    return len(timers) > 2 and not timers[2].startswith(b"-")
