"""Sends requests to the shadow in causal order, over a bounded pool of keep-alive connections."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable

from agent.at_once import AtOnce
from agent.backlog import Backlog, BacklogReport
from agent.footprints.footprint import Footprint
from agent.mirror_connection import Job, MirrorConnection, key_field
from agent.mirror_targets import Targets
from agent.mirrored import mirrored_request
from agent.order import Order
from agent.status import Status
from record.transaction import Transaction
from service.rarely import is_rare

_LOG = logging.getLogger(__name__)

# Of a request whose body the tee keeps, what the agent has in memory besides its message: where the body is, and who needs it.
_BODY_BYTES = 2048


# For each document in the order's tables, and in the footprint.
_DOCUMENT_BYTES = 300


class Mirror:
    """The requests for the shadow: those that wait for others (`agent.order`), a queue of those that may start, and what sends them.

    Args:
        targets: host and port of every shadow HAProxy; they are taken in turn.
        connections: to each of them, at most.
        queue_bytes: memory for waiting requests.
        deadline_s: how long the shadow may take for one request once it is sent.
        key: what makes the shadow's proxy believe our identifiers; empty: nothing does.
    """

    def __init__(
        self,
        targets: list[tuple[str, int]],
        connections: int,
        queue_bytes: int,
        deadline_s: float,
        order: Order[Job],
        status: Status,
        key: str = "",
    ) -> None:
        self._targets = Targets(targets, connections, key_field(key), self)
        self._queue_bytes = queue_bytes
        self._deadline_s = deadline_s
        self._order = order
        self._status = status
        self._loop = asyncio.get_running_loop()
        self._queue: deque[Job] = deque()
        self._jobs: dict[Job, None] = {}
        self._held_bytes = 0
        self._stops = 0
        self._at_once = AtOnce(connections * len(targets))
        self._coming_back = False
        self._report = BacklogReport()
        self._busy: set[MirrorConnection] = set()
        self._closing = False
        self._drained: asyncio.Future[None] | None = None

    @property
    def waiting(self) -> int:
        """Requests that are queued or under way."""
        return len(self._jobs)

    @property
    def backlog(self) -> Backlog:
        """What they wait for."""
        startable = len(self._queue) + len(self._order.ready)
        away = self._targets.away
        oldest = next(iter(self._jobs), None)
        # As many are passed as connections may have at once.
        unsent = next((job for job in self._jobs if not job.attempts), None)
        now = self._loop.time()
        return Backlog(
            under_way=len(self._busy),
            for_order=self._order.waiting,
            for_connections=0 if away else startable,
            for_shadow=startable if away else 0,
            lag_s=0.0 if oldest is None else now - oldest.since,
            waited_s=0.0 if unsent is None else now - unsent.since,
        )

    def submit(
        self,
        transaction: Transaction,
        completion: int,
        footprint: Footprint,
        done: Callable[[], None] | None = None,
    ) -> bool:
        """Queue a request that the primary has answered as its ``completion``-th (0: not at all); False when the queue is full.

        ``done`` is called when a queued request's body is needed no longer.
        """
        job = Job(
            mirrored_request(transaction),
            transaction.method == b"HEAD",
            transaction.earlier_completions,
            completion,
            footprint,
            transaction.request_wire,
            done,
        )
        job.held_bytes = _bytes_of(job)
        if self._held_bytes + job.held_bytes > self._queue_bytes:
            self._status.mirror_dropped += 1
            self._order.finish(completion)
            return False
        self._take(job)
        if transaction.arrived_us and transaction.answered_us > transaction.arrived_us:
            self._at_once.primary_answered(
                job.since, (transaction.answered_us - transaction.arrived_us) / 1_000_000
            )
        return True

    def resume(self, jobs: list[Job]) -> None:
        """Queue what an earlier agent had left, before anything else; their completions are numbered from 1 on."""
        self._order.resume([job.footprint for job in jobs if job.completion])
        for job in jobs:
            job.held_bytes = _bytes_of(job)
            self._take(job)
        if jobs:
            self._at_once.fall_behind()

    def _take(self, job: Job) -> None:
        job.since = self._loop.time()
        self._held_bytes += job.held_bytes
        self._jobs[job] = None
        self._order.wait(job)

    def dispatch(self) -> None:
        """Start what may start."""
        if self._order.is_going:
            self._order.go_on()
            self._come_back()
        ready = self._order.ready
        queue = self._queue
        if not ready and not queue:
            return
        now = self._loop.time()
        while ready:
            job = ready.popleft()
            job.ready_at = now
            job.stops = self._stops
            queue.append(job)
        busy = self._busy
        while queue and not self._closing:
            if len(busy) >= self._at_once.limit:
                if self._at_once.holds_back:
                    self._stops += 1
                return
            connection = self._targets.idle_connection(now, self._at_once.limit)
            if connection is None:
                if self._targets.full:
                    self._stops += 1
                return
            job = queue.popleft()
            if job.stops != self._stops:
                self._status.mirror_held_back += 1
            job.deadline = now + self._deadline_s
            job.attempts += 1
            busy.add(connection)
            connection.send(job)

    def _come_back(self) -> None:
        """If more can go on: in the loop's next turn, since hundreds of thousands may."""
        if self._order.is_going and not self._coming_back:
            self._coming_back = True
            self._loop.call_soon(self._back)

    def _back(self) -> None:
        self._coming_back = False
        self.dispatch()

    def tick(self) -> None:
        """To be called about once a second: look after deadlines, and after a backlog."""
        now = self._loop.time()
        self._check_deadlines(now)
        self._at_once.tick(
            now,
            now - self._queue[0].ready_at if self._queue else None,
            self.waiting,
            len(self._busy),
            self._status.mirrored,
        )
        self.dispatch()
        line = self._report.line(self.backlog, now)
        if line is not None:
            _LOG.warning("%s", line)

    def _check_deadlines(self, now: float) -> None:
        """End what the shadow takes too long for, so that it does not hold up others for ever."""
        for connection in [c for c in self._busy if c.job is not None and c.job.deadline <= now]:
            # Not to be sent again: the shadow had its time.
            connection.job.attempts += 1  # type: ignore[union-attr]
            connection.abort()

    async def drain(self, timeout_s: float) -> None:
        """Return when nothing waits any more, or after ``timeout_s``."""
        if self.waiting:
            self._drained = self._loop.create_future()
            await asyncio.wait((self._drained,), timeout=timeout_s)

    def close(self) -> list[Job]:
        """Stop sending; the requests that the shadow has not answered, in their order. Their ``done`` is the caller's now."""
        self._closing = True
        for connection in list(self._busy):
            if connection.job is not None:
                # The shadow has had some of it at least, and perhaps done it.
                connection.job.perhaps_repeated = True
            connection.job = None
            connection.abort()
        self._targets.close()
        return sorted(self._jobs, key=lambda job: job.position)

    def key_refused(self) -> None:
        """A target's: the shadow's proxy has another key, or none."""
        self._status.mirror_key_refused += 1
        if is_rare(self._status.mirror_key_refused):
            _LOG.warning(
                "the shadow's proxy does not know our key: it records mirrored requests under identifiers of its own, which do not join with ours "
                "(%d so far). Give both proxies the same CAPTURE_MIRROR_KEY, or images of one build",
                self._status.mirror_key_refused,
            )

    def answered(self, connection: MirrorConnection, job: Job) -> None:
        """A target's: the shadow has answered."""
        self._busy.discard(connection)
        self._status.mirrored += 1
        self._done(job)

    def unanswered(self, connection: MirrorConnection, job: Job, *, untouched: bool) -> None:
        """A target's: the connection ended before the answer did."""
        self._busy.discard(connection)
        if untouched and job.attempts == 1 and job.idempotent:
            # The shadow closed an idle connection while the request was on its way to it (RFC 9112 9.3.1), most likely;
            # it may have worked on the request before, so only some may be repeated (RFC 9110 9.2.2).
            job.perhaps_repeated = True
            job.stops = self._stops
            job.ready_at = self._loop.time()
            self._queue.appendleft(job)
            return
        self._status.mirror_failed += 1
        self._done(job)

    def _done(self, job: Job) -> None:
        self._held_bytes -= job.held_bytes
        del self._jobs[job]
        self._order.finish(job.completion)
        if job.done is not None:
            job.done()
        self.dispatch()
        if self._drained is not None and not self._drained.done() and not self.waiting:
            self._drained.set_result(None)


def _bytes_of(job: Job) -> int:
    """Memory for a request that waits."""
    footprint = job.footprint
    documents = sum([len(some.ids) for some in footprint.writes_documents])
    if footprint.reads_documents is not footprint.writes_documents:
        documents += sum([len(some.ids) for some in footprint.reads_documents])
    return len(job.message) + (0 if job.body is None else _BODY_BYTES) + _DOCUMENT_BYTES * documents
