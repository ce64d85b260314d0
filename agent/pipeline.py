"""What happens to a transaction: joined, ordered, mirrored, captured. The one place where these meet."""

import logging
import re
from collections import deque
from collections.abc import Callable, Container, Iterator

from agent.footprints.footprint import NOTHING, Footprint
from agent.joining import Copy, Joining
from agent.lines import NO_ID, TEE, End, completion_of, is_ours, parse_line
from agent.messages import Request, Response, parse_message
from agent.mirror_connection import Job
from agent.order import Order
from agent.parts import Proxy
from agent.placing import Placing
from agent.put_copied import put_copied
from agent.spop.connection import Message
from agent.spop.errors import SpopError
from agent.status import Status
from agent.transactions import LOST, SERVER_CLOSED, Transactions
from record.transaction import Transaction
from service.rarely import is_rare

_LOG = logging.getLogger(__name__)

# The whole line is HAProxy's own (3.0 has a NUL at its end); a node's words stand inside a longer one.
_DROPPED = re.compile(rb"([0-9]{1,20}) events? dropped[\0\n]*")

# How long HAProxy's news of an end are waited for after a node closed without an answer.
_SILENT_NS = 10**9

# How long the order waits for HAProxy's news of a completion whose number is known to be given.
_PATIENCE_NS = 2 * 10**9

# So many long bodies are read in turns for what they read and write.
_READINGS_AT_ONCE = 8

# Memory for transactions that wait for the tee's copies, and for copies that wait for HAProxy's lines.
_WAITING_BYTES = 64 * 1024 * 1024

SubmitToShadow = Callable[[Transaction, int, Footprint, Callable[[], None] | None], bool]
"""Takes a request, the number of its completion, what it reads and writes, and what to call when its body is needed no longer."""


class _Reading:
    """A transaction whose long bodies are being read, for what it reads and writes."""

    def __init__(self, transaction: Transaction, copy: Copy, slices: Iterator[Footprint | None]) -> None:
        self.transaction = transaction
        self.copy = copy
        self.slices = slices


class Pipeline:
    """Takes events, gives ended transactions to ``ended`` and requests to ``submit``.

    Args:
        proxy: the HAProxy that tells of them.
        submit: queues a request for the shadow; None when nothing is mirrored.
        placing: what a request reads and writes.
        waiting_bytes: see `agent.joining.Joining`.
    """

    def __init__(
        self,
        proxy: Proxy,
        transactions: Transactions,
        order: Order[Job],
        submit: SubmitToShadow | None,
        status: Status,
        placing: Placing,
        waiting_bytes: int = _WAITING_BYTES,
    ) -> None:
        self._proxy = proxy
        self._transactions = transactions
        self._joining = Joining(waiting_bytes)
        self._completions: dict[bytes, int] = {}
        """The number in the order of each transaction through the tee that has ended and is not given to the shadow yet, nor left out."""
        self._order = order
        self._submit = submit
        self._placing = placing
        self._readings: deque[_Reading] = deque()
        self._status = status
        self.ended: deque[Transaction] = deque()
        """Transactions for the capture log, in the order of their ends."""

    def messages(self, messages: list[Message], now_ns: int) -> None:
        """The long requests and answers that HAProxy shows, of one read of a socket."""
        for message in messages:
            try:
                event = parse_message(*message.decode())
            except SpopError as error:
                self._status.protocol_errors += 1
                _LOG.error("SPOP: %s", error)
                continue
            if isinstance(event, Request):
                self._request(event, now_ns)
            else:
                self._response(event)
        self._bound(now_ns)

    def ends(self, lines: list[bytes], now_ns: int, now_us: int) -> None:
        """HAProxy's lines about transactions that ended."""
        for line in lines:
            event = parse_line(line)
            try:
                if isinstance(event, End):
                    self._end(event, now_ns, now_us)
                elif event is not None:
                    self._place(self._transactions.unanswered(event, now_ns))
                else:
                    self._other_line(line, now_ns)
            except ValueError as error:
                self._unreadable(line, str(error), now_ns)

    def tick(self, now_ns: int) -> None:
        """End what is overdue; to be called about once a second."""
        self._bound(now_ns)
        for transaction in self._transactions.silent(now_ns - _SILENT_NS):
            self._ended(transaction, now_ns)
        for transaction in self._joining.too_many():
            self.finish(transaction)
        for copy in self._joining.unclaimed_copies(now_ns):
            self._unclaimed(copy, now_ns)
        self._order.give_up_missing(now_ns, _PATIENCE_NS)
        self.count()

    def count(self) -> None:
        """Bring the counters up to date that others keep."""
        self._status.order_given_up = self._order.missing
        self._status.order_unread = self._placing.failed
        self._status.lost_ends = self._transactions.lost
        self._status.orphan_answers = self._transactions.orphans
        self._status.untrusted_capture_ids = self._transactions.primary_ids.untrusted
        self._status.repeated_capture_ids = self._transactions.primary_ids.repeated
        self._status.copies_missing = self._joining.missing
        self._status.copies_unclaimed = self._joining.unclaimed

    def is_to_ask(self, now_ns: int) -> bool:
        """Whether the tee is to be asked what it has: a copy is late."""
        return self._joining.is_to_ask(now_ns)

    def asked(self) -> int:
        """The tee is asked now; the question's number, for `answered`."""
        return self._joining.asked()

    def answered(self, question: int, under_way: Container[bytes]) -> None:
        """The tee has handed over all that it had when it was asked, but for these; or it has gone, and with it what it had."""
        for transaction in self._joining.answered(question, under_way):
            self.finish(transaction)

    def lines_lost(self, until_us: int, now_ns: int) -> None:
        """HAProxy's lines about what ended before ``until_us`` may be lost: nobody had read them, or an agent that was killed had."""
        self._joining.lines_lost(until_us, now_ns)

    @property
    def waiting_copies(self) -> int:
        """Copies whose transactions HAProxy has not ended: their clients are still reading."""
        return self._joining.copies

    @property
    def waiting_for_copies(self) -> int:
        """Transactions that have ended whose copies the tee has not handed over yet."""
        return len(self._joining)

    @property
    def is_reading(self) -> bool:
        """Whether `read_on` has something to do."""
        return bool(self._readings)

    def read_on(self) -> None:
        """Read a slice of one of the long bodies that the order asks for; to be called as often as others can wait a few milliseconds."""
        readings = self._readings
        reading = readings.popleft()
        footprint = self._placing.read_on(reading.slices, reading.transaction)
        if footprint is None:
            # The others have their turn: the longest must not hold up the rest. Only some: each has what it has read in memory.
            readings.insert(min(len(readings), _READINGS_AT_ONCE - 1), reading)
        else:
            self.finish(reading.transaction, reading.copy, footprint)

    def copy(self, copy: Copy, now_ns: int) -> None:
        """The tee has handed over what passed in an exchange."""
        transaction = self._joining.copy(copy, now_ns)
        if transaction is not None:
            self._join(transaction, copy)

    def abandon(self) -> None:
        """The agent stops: what is open ends as it is."""
        for transaction in self._transactions.abandon():
            self._ended(transaction, 0)
        for transaction in self._joining.abandon():
            self.finish(transaction)
        while self._readings:
            reading = self._readings.popleft()
            self.finish(reading.transaction, reading.copy, self._placing.without_bodies(reading.transaction))
        self.count()

    def _bound(self, now_ns: int) -> None:
        for transaction in self._transactions.overdue(now_ns):
            self._ended(transaction, now_ns)

    def _end(self, end: End, now_ns: int, now_us: int) -> None:
        if end.id == NO_ID:
            self._status.bad_requests += 1
            return
        if end.late:
            self._status.passed_unacknowledged += 1
        transaction = self._transactions.end(end, now_ns, now_us)
        if transaction is not None:
            self._ended(transaction, now_ns)
        elif self._submit is not None and end.completion:
            # Its record is written; what waits for its answer must not wait for ever.
            self._order.finish(self._order.complete(end.completion, 0, NOTHING))

    def _ended(self, transaction: Transaction, now_ns: int) -> None:
        """HAProxy is done with a transaction."""
        if not transaction.through_tee:
            self.finish(transaction)
            return
        if transaction.id in self._joining or transaction.id in self._completions:
            # Its line came again, so long after the first that this was forgotten: the first one's number must not be lost.
            return
        if self._submit is not None and transaction.mirror is None:
            # Now, whenever the copy comes: what depends on this answer waits for it, and it is not taken for lost.
            self._place(transaction)
            if transaction.completion:
                self._completions[transaction.id] = self._order.complete(
                    transaction.completion, transaction.answered_us, self._placing.without_bodies(transaction)
                )
        copy = self._joining.end(transaction, now_ns)
        if copy is not None:
            self._join(transaction, copy)

    def _join(self, transaction: Transaction, copy: Copy) -> None:
        try:
            kept = put_copied(transaction, copy.copied, self._proxy)
        except OSError as error:
            _LOG.error("a copy can't be read: %s", error)
            self._status.copies_unreadable += 1
            kept = False
        except Exception:  # noqa: BLE001 - a defect, if there is one, must not make others wait for ever
            _LOG.exception("a copy is of no use")
            self._status.copies_unreadable += 1
            transaction.request_long = transaction.response_long = transaction.request_wire = None
            transaction.request_whole = False
            kept = False
        else:
            self._status.copied += 1
            if copy.copied.unbounded:
                self._not_reached(transaction)
        if not kept:
            copy.refcount.release()
            self.finish(transaction)
            return
        transaction.finished = copy.refcount.release
        if self._is_to_be_mirrored(transaction) and self._placing.needs_long_bodies(transaction):
            self._readings.append(_Reading(transaction, copy, self._placing.reading(transaction)))
        else:
            self.finish(transaction, copy)

    def _not_reached(self, transaction: Transaction) -> None:
        self._status.answers_not_reached += 1
        if is_rare(self._status.answers_not_reached):
            _LOG.error(
                "the answer of transaction %s is behind too many interim ones, it is recorded without its content (%d times until now)",
                transaction.id.decode("latin-1"),
                self._status.answers_not_reached,
            )

    def _unclaimed(self, copy: Copy, now_ns: int) -> None:
        """HAProxy's line was lost: an agent that was killed had it, or the ring was full."""
        transaction = self._transactions.unheard_of(copy.copied.id, now_ns)
        transaction.arrived_us = copy.copied.last_us
        transaction.termination = LOST
        self._join(transaction, copy)

    def _unreadable(self, line: bytes, why: str, now_ns: int) -> None:
        """A line about a transaction that is damaged: counted, and nobody waits for what it should have said."""
        self._status.protocol_errors += 1
        if is_rare(self._status.protocol_errors):
            _LOG.error("HAProxy's line can't be read (%d until now): %s", self._status.protocol_errors, why)
        transaction = self._transactions.give_up(line.partition(b" ")[0])
        if transaction is not None:
            self._ended(transaction, now_ns)
        completion = completion_of(line)
        if completion:
            self._order.finish(self._order.complete(completion, 0, NOTHING))

    def _other_line(self, line: bytes, now_ns: int) -> None:
        """HAProxy's own messages go to the ring too: servers up and down, and how many lines it had no room for."""
        if is_ours(line):
            self._unreadable(line, f"it has {line.count(b' ') + 1} fields", now_ns)
            return
        dropped = _DROPPED.fullmatch(line)
        if dropped is not None:
            self._status.ring_dropped += int(dropped[1])
            _LOG.error(
                "transactions are lost, the agent was away or too slow for too long: %s",
                line.decode("latin-1"),
            )

    def _request(self, event: Request, now_ns: int) -> None:
        transaction, early_answer = self._transactions.request(event, now_ns)
        if transaction is None:
            return
        self._place(transaction)
        if early_answer is not None:
            self._response(early_answer)

    def _place(self, transaction: Transaction | None) -> None:
        """Settle what the request may have depended on."""
        if self._submit is not None and transaction is not None and not transaction.placed:
            transaction.earlier_completions = self._order.arrive(
                transaction.earlier_completions, transaction.received_us
            )
            transaction.placed = True

    def _response(self, event: Response) -> None:
        transaction = self._transactions.response(event)
        if transaction is not None and transaction.server != TEE:
            self._mirror(transaction, None, None)

    def _mirror(self, transaction: Transaction, copy: Copy | None, footprint: Footprint | None) -> None:
        """The primary is done with the request: now the shadow may have it."""
        if self._submit is None:
            return
        if is_tunnel(transaction):
            transaction.mirror = "not sent: client and node left HTTP"
            self._status.not_mirrored_tunnels += 1
            self._leave_out(transaction)
        elif not transaction.request_headers or not transaction.url:
            transaction.mirror = "not sent: the request passed while the agent was away or busy"
            self._status.not_mirrored_unseen += 1
            self._leave_out(transaction)
        elif not transaction.request_whole:
            transaction.mirror = (
                "not sent: the request is not whole"
                if transaction.through_tee
                else "not sent: the request did not fit the proxy's buffer"
            )
            self._status.not_mirrored_truncated += 1
            self._leave_out(transaction)
        else:
            if footprint is None:
                footprint = self._placing.of(transaction)
            completion = self._completion(transaction, footprint)
            if completion:
                # Where nobody knows what its client knew, it may be all that was given by now; but a request never waits for itself.
                transaction.earlier_completions = min(transaction.earlier_completions, completion - 1)
            done = None
            if copy is not None and transaction.request_wire is not None:
                copy.refcount.hold()
                done = copy.refcount.release
            if self._submit(transaction, completion, footprint, done):
                transaction.mirror = ""
            else:
                transaction.mirror = "not sent: the queue for the shadow is full"
                if done is not None:
                    done()

    def _leave_out(self, transaction: Transaction) -> None:
        """The shadow never gets it: nobody waits for it there."""
        self._order.finish(self._completion(transaction, NOTHING))

    def _completion(self, transaction: Transaction, footprint: Footprint) -> int:
        """The number of its answer in the order, which now knows its footprint; 0: there is none that anybody waits for."""
        if not transaction.completion:
            return 0
        number = self._completions.pop(transaction.id, None)
        if number is None:
            return self._order.complete(transaction.completion, transaction.answered_us, footprint)
        self._order.narrow(number, footprint)
        return number

    def _is_to_be_mirrored(self, transaction: Transaction) -> bool:
        return self._submit is not None and transaction.mirror is None and reached_a_node(transaction)

    def finish(
        self, transaction: Transaction, copy: Copy | None = None, footprint: Footprint | None = None
    ) -> None:
        """A transaction has ended: mirror it if that is still to be decided, and let it be captured.

        ``copy``: what it reads its bodies from. ``footprint``: what it reads and writes, where that is known already.
        """
        if self._submit is not None and transaction.mirror is None:
            self._place(transaction)
            if reached_a_node(transaction):
                self._mirror(transaction, copy, footprint)
            else:
                lost = transaction.termination == LOST
                transaction.mirror = (
                    f"not sent: {'its end is unknown' if lost else 'the request did not reach a node'}"
                )
                self._status.not_mirrored_unanswered += 1
                self._leave_out(transaction)
        self._status.transactions += 1
        self.ended.append(transaction)


def is_tunnel(transaction: Transaction) -> bool:
    """Whether what passed, or might pass on the shadow, is no HTTP from some byte on (RFC 9110 9.3.6 and 7.8).

    The mirror's connections are for one request after the other: behind a CONNECT that the shadow accepts the next client's request would be
    bytes in a tunnel.
    """
    return transaction.method == b"CONNECT" or transaction.status == 101


def reached_a_node(transaction: Transaction) -> bool:
    """Whether a node may have worked on the request: it answered, or a connection to it had been made (``%Tc``)."""
    if transaction.answered_us or transaction.termination == SERVER_CLOSED:
        return True
    timers = transaction.timers.split(b"/")
    return len(timers) > 2 and not timers[2].startswith(b"-")
