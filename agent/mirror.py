"""Sends requests to the shadow in causal order, over a bounded pool of keep-alive connections."""

import asyncio
import functools
import logging
from collections import deque
from collections.abc import Callable
from typing import Any

from agent.mirror_connection import Job, MirrorConnection, key_field
from agent.mirror_queue import MirrorQueue
from agent.mirrored import mirrored_request
from agent.order import CausalOrder
from agent.status import Status
from record.transaction import Transaction
from service.rarely import is_rare

_LOG = logging.getLogger(__name__)

# After a refused connection the same shadow is left alone for this long.
_RETRY_S = 0.5
_CONNECT_S = 5.0

# A target that has not answered an attempt for so long gets no second one at the same time.
_SLOW_CONNECT_S = 1.0

# Of a request whose body the tee keeps, what the agent has in memory besides its message: where the body is, and who needs it.
_BODY_BYTES = 2048


class _Target:
    """One shadow HAProxy and the connections to it: the `mirror_connection.Owner` that passes on which target they are of."""

    def __init__(self, host: str, port: int, mirror: "Mirror") -> None:
        self.host = host
        self.port = port
        self.idle: list[MirrorConnection] = []
        self.connections = 0
        """Open ones and those being opened."""
        self.opening = 0
        """Those being opened."""
        self.opening_since = 0.0
        """When it was last heard whether one can be opened, or the first attempt after that."""
        self.reached: bool | None = None
        """Whether the last attempt succeeded; None: there was none."""
        self.retry_at = 0.0
        self._mirror = mirror

    def may_open(self, now: float, most: int) -> bool:
        """Whether to try for one more connection; of a target that does not answer there is one attempt at a time."""
        if self.connections >= most or self.retry_at > now:
            return False
        return not self.opening or (self.reached is True and now - self.opening_since <= _SLOW_CONNECT_S)

    def opened(self, connection: MirrorConnection) -> None:
        self.idle.append(connection)
        self._mirror.dispatch()

    def key_refused(self) -> None:
        self._mirror.key_refused()

    def answered(self, connection: MirrorConnection, job: Job, *, reusable: bool) -> None:
        if reusable:
            self.idle.append(connection)
        self._mirror.answered(connection, job)

    def closed(self, connection: MirrorConnection, job: Job | None, *, untouched: bool) -> None:
        self.connections -= 1
        if connection in self.idle:
            self.idle.remove(connection)
        if job is not None:
            self._mirror.unanswered(connection, job, untouched=untouched)
        self._mirror.dispatch()


class Mirror:
    """The queue of requests for the shadow, and what sends them.

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
        order: CausalOrder,
        status: Status,
        key: str = "",
    ) -> None:
        self._key_field = key_field(key)
        self._targets = deque(_Target(host, port, self) for host, port in targets)
        self._connections = connections
        self._queue_bytes = queue_bytes
        self._deadline_s = deadline_s
        self._order = order
        self._status = status
        self._loop = asyncio.get_running_loop()
        self._queue = MirrorQueue()
        self._queued_bytes = 0
        self._busy: set[MirrorConnection] = set()
        self._opening: set[asyncio.Task[None]] = set()
        self._retry: asyncio.TimerHandle | None = None
        self._closing = False
        self._drained: asyncio.Future[None] | None = None

    @property
    def waiting(self) -> int:
        """Requests that are queued or under way."""
        return len(self._queue) + len(self._busy)

    def submit(
        self, transaction: Transaction, completion: int, done: Callable[[], None] | None = None
    ) -> bool:
        """Queue a request that the primary has answered as its ``completion``-th (0: not at all); False when the queue is full.

        ``done`` is called when a queued request's body is needed no longer.
        """
        job = Job(
            mirrored_request(transaction),
            transaction.method == b"HEAD",
            transaction.earlier_completions,
            completion,
            transaction.request_wire,
            done,
        )
        if self._queued_bytes + _held_bytes(job) > self._queue_bytes:
            self._status.mirror_dropped += 1
            self._order.finish(completion)
            return False
        self._queued_bytes += _held_bytes(job)
        self._queue.push(job)
        return True

    def resume(self, jobs: list[Job]) -> None:
        """Queue what an earlier agent had left, before anything else; the jobs are numbered from 1 on."""
        self._order.resume(len(jobs))
        for job in jobs:
            self._queued_bytes += _held_bytes(job)
            self._queue.push(job)

    def dispatch(self) -> None:
        """Start what may start."""
        job = self._queue.first()
        if job is None:
            return
        now = self._loop.time()
        while job is not None and not self._closing and self._order.may_start(job.earlier_completions):
            connection = self._idle_connection(now)
            if connection is None:
                return
            self._queue.pop()
            job.deadline = now + self._deadline_s
            job.attempts += 1
            self._busy.add(connection)
            connection.send(job)
            job = self._queue.first()

    def check_deadlines(self) -> None:
        """End what the shadow takes too long for, so that it does not hold the order for ever; to be called about once a second."""
        now = self._loop.time()
        for connection in [c for c in self._busy if c.job is not None and c.job.deadline <= now]:
            # Not to be sent again: the shadow had its time.
            connection.job.attempts += 1  # type: ignore[union-attr]
            connection.abort()
        self.dispatch()

    async def drain(self, timeout_s: float) -> None:
        """Return when nothing waits any more, or after ``timeout_s``."""
        if self.waiting:
            self._drained = self._loop.create_future()
            await asyncio.wait((self._drained,), timeout=timeout_s)

    def close(self) -> list[Job]:
        """Stop sending; the requests that the shadow has not answered, in their order. Their ``done`` is the caller's now."""
        self._closing = True
        if self._retry is not None:
            self._retry.cancel()
        for task in self._opening:
            task.cancel()
        unsent = [connection.job for connection in self._busy if connection.job is not None]
        for job in unsent:
            # The shadow has had some of it at least, and perhaps done it.
            job.perhaps_repeated = True
        unsent.extend(self._queue.jobs())
        for connection in [*self._busy, *(idle for target in self._targets for idle in target.idle)]:
            connection.job = None
            connection.abort()
        return sorted(unsent, key=lambda job: job.position)

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
            self._queue.push(job)
            return
        self._status.mirror_failed += 1
        self._done(job)

    def _done(self, job: Job) -> None:
        self._queued_bytes -= _held_bytes(job)
        self._order.finish(job.completion)
        if job.done is not None:
            job.done()
        self.dispatch()
        if self._drained is not None and not self._drained.done() and not self.waiting:
            self._drained.set_result(None)

    def _idle_connection(self, now: float) -> MirrorConnection | None:
        """An idle connection, the targets taken in turn; None when one has to be waited for.

        The target whose turn it is gets another connection where it has none that is idle; the request need not wait for that when one to another target is.
        """
        opened = False
        for _ in range(len(self._targets)):
            target = self._targets[0]
            self._targets.rotate(-1)
            if target.idle:
                return target.idle.pop()
            if not opened and target.may_open(now, self._connections):
                # One to the next target too where it is open whether this one answers.
                opened = target.reached is True
                self._open(target, now)
        return None

    def _open(self, target: _Target, now: float) -> None:
        target.connections += 1
        if not target.opening:
            target.opening_since = now
        target.opening += 1
        task = self._loop.create_task(self._connect(target), name=f"connect-{target.host}:{target.port}")
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def _connect(self, target: _Target) -> None:
        try:
            async with asyncio.timeout(_CONNECT_S):
                # Any: it has a protocol's methods, and inherits from nothing, since it is compiled.
                factory: Any = functools.partial(MirrorConnection, target, self._key_field)
                await self._loop.create_connection(factory, target.host, target.port)
        except (OSError, TimeoutError) as error:
            target.connections -= 1
            target.retry_at = self._loop.time() + _RETRY_S
            if target.reached is not False:
                reason = error if str(error) else f"no connection within {_CONNECT_S:.0f} s"
                _LOG.warning(
                    "the shadow %s:%d can't be reached, its requests wait: %s",
                    target.host,
                    target.port,
                    reason,
                )
            target.reached = False
            if self._retry is None:
                self._retry = self._loop.call_later(_RETRY_S, self._try_again)
        else:
            if target.reached is False:
                _LOG.warning(
                    "the shadow %s:%d is reached again, %d requests wait",
                    target.host,
                    target.port,
                    self.waiting,
                )
            target.reached = True
        finally:
            target.opening -= 1
            target.opening_since = self._loop.time()
        # What waits may need more than one connection.
        self.dispatch()

    def _try_again(self) -> None:
        self._retry = None
        # A timer may be early by its clock's resolution: the wait is over when it says so.
        for target in self._targets:
            target.retry_at = 0.0
        self.dispatch()


def _held_bytes(job: Job) -> int:
    """Memory for a request that waits."""
    return len(job.message) + (0 if job.body is None else _BODY_BYTES)
