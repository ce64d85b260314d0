"""Sends requests to the shadow in causal order, over a bounded pool of keep-alive connections."""

import asyncio
import logging
from collections import deque

from agent.mirror_connection import MirrorConnection
from agent.mirrored import mirrored_request
from agent.order import CausalOrder
from agent.status import Status
from record.transaction import Transaction

_LOG = logging.getLogger(__name__)

# After a refused connection the same shadow is left alone for this long.
_RETRY_S = 0.5


class _Job:
    __slots__ = ("attempts", "completion", "deadline", "earlier_completions", "head", "message")

    def __init__(self, message: bytes, head: bool, earlier_completions: int, completion: int, deadline: float) -> None:
        self.message = message
        self.head = head
        self.earlier_completions = earlier_completions
        self.completion = completion
        self.deadline = deadline
        self.attempts = 0


class _Target:
    """One shadow HAProxy and the connections to it."""

    def __init__(self, host: str, port: int) -> None:
        self.host = host
        self.port = port
        self.idle: list[MirrorConnection] = []
        self.connections = 0
        """Open ones and those being opened."""
        self.retry_at = 0.0


class Mirror:
    """The queue of requests for the shadow, and what sends them.

    Args:
        targets: host and port of every shadow HAProxy; they are taken in turn.
        connections: to each of them, at most.
        queue_bytes: memory for waiting requests.
        deadline_s: how long the shadow may take for one request, from when its turn has come.
    """

    def __init__(
        self,
        targets: list[tuple[str, int]],
        connections: int,
        queue_bytes: int,
        deadline_s: float,
        order: CausalOrder,
        status: Status,
    ) -> None:
        self._targets = deque(_Target(host, port) for host, port in targets)
        self._connections = connections
        self._queue_bytes = queue_bytes
        self._deadline_s = deadline_s
        self._order = order
        self._status = status
        self._loop = asyncio.get_running_loop()
        self._queue: deque[_Job] = deque()
        self._opening: set[asyncio.Task[None]] = set()
        self._retry: asyncio.TimerHandle | None = None
        self._busy: set[MirrorConnection] = set()
        self._refused: str | None = None
        self.queued_bytes = 0

    def __len__(self) -> int:
        """Requests that wait or are under way."""
        return len(self._queue) + len(self._busy)

    def submit(self, transaction: Transaction, completion: int) -> bool:
        """Queue a request that the primary has answered as its ``completion``-th; False when the queue is full."""
        message = mirrored_request(transaction)
        if self.queued_bytes + len(message) > self._queue_bytes:
            self._status.mirror_dropped += 1
            self._order.finish(completion)
            return False
        self.queued_bytes += len(message)
        self._queue.append(
            _Job(message, transaction.method == b"HEAD", transaction.earlier_completions, completion, 0.0)
        )
        return True

    def dispatch(self) -> None:
        """Start what may start."""
        queue = self._queue
        while queue and self._order.may_start(queue[0].earlier_completions):
            connection = self._connection()
            if connection is None:
                return
            self._start(queue.popleft(), connection)

    def check_deadlines(self) -> None:
        """End requests that the shadow takes too long for; to be called about once a second."""
        now = self._loop.time()
        for connection in [c for c in self._busy if c.job.deadline <= now]:
            connection.abort()
        while self._queue and 0 < self._queue[0].deadline <= now:
            self._done(self._queue.popleft(), answered=False)
        # Only the head's clock runs: what waits behind it has not had its turn.
        if self._queue and not self._queue[0].deadline:
            self._queue[0].deadline = now + self._deadline_s
        self.dispatch()

    def close(self) -> None:
        """Drop what is left, and count it."""
        if self._retry is not None:
            self._retry.cancel()
        for task in self._opening:
            task.cancel()
        while self._queue:
            self._status.mirror_failed += 1
            self._queue.popleft()
        for connection in list(self._busy):
            connection.abort()
        for target in self._targets:
            for connection in target.idle:
                connection.abort()

    def _start(self, job: _Job, connection: MirrorConnection) -> None:
        job.deadline = self._loop.time() + self._deadline_s
        job.attempts += 1
        self._busy.add(connection)
        connection.send(job, job.message, job.head)

    def _connection(self) -> MirrorConnection | None:
        """An idle connection to the next target in turn; None when one has to be waited for."""
        now = self._loop.time()
        for _ in range(len(self._targets)):
            target = self._targets[0]
            self._targets.rotate(-1)
            if target.idle:
                return target.idle.pop()
            if target.connections < self._connections and target.retry_at <= now:
                self._open(target)
                return None
        return None

    def _open(self, target: _Target) -> None:
        target.connections += 1
        task = self._loop.create_task(self._connect(target), name=f"mirror-connect-{target.host}:{target.port}")
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def _connect(self, target: _Target) -> None:
        try:
            async with asyncio.timeout(5):
                await self._loop.create_connection(lambda: MirrorConnection(self, target), target.host, target.port)
        except (OSError, TimeoutError) as error:
            target.connections -= 1
            target.retry_at = self._loop.time() + _RETRY_S
            self._say(f"{target.host}:{target.port}: {error or 'no connection within 5 s'}")
            if self._retry is None:
                self._retry = self._loop.call_later(_RETRY_S, self._try_again)
        else:
            self._say(None)

    def _try_again(self) -> None:
        self._retry = None
        self.dispatch()

    def _say(self, refused: str | None) -> None:
        """One line when the shadow goes away, one when it is back."""
        if refused is not None and self._refused is None:
            _LOG.warning("the shadow can't be reached, requests for it wait: %s", refused)
        elif refused is None and self._refused is not None:
            _LOG.warning("the shadow is reached again; %d requests wait", len(self._queue))
        self._refused = refused

    # Called by the connections.

    def opened(self, connection: MirrorConnection, target: _Target) -> None:
        target.idle.append(connection)
        self.dispatch()

    def answered(self, connection: MirrorConnection, target: _Target, job: _Job, reusable: bool) -> None:
        self._busy.discard(connection)
        if reusable:
            target.idle.append(connection)
        self._done(job, answered=True)
        self.dispatch()

    def closed(self, connection: MirrorConnection, target: _Target, job: _Job | None, untouched: bool) -> None:
        """``untouched``: nothing of an answer had come on a connection that had served before."""
        target.connections -= 1
        self._busy.discard(connection)
        if connection in target.idle:
            target.idle.remove(connection)
        if job is not None:
            if untouched and job.attempts == 1:
                # The shadow closed an idle connection while the request was on its way (RFC 9112 9.3.1).
                self._queue.appendleft(job)
            else:
                self._done(job, answered=False)
        self.dispatch()

    def _done(self, job: _Job, *, answered: bool) -> None:
        self.queued_bytes -= len(job.message)
        if answered:
            self._status.mirrored += 1
        else:
            self._status.mirror_failed += 1
        self._order.finish(job.completion)
