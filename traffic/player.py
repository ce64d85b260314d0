"""Plays a workload against time: an open loop over a bounded number of connections."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator

from traffic.client import TIME_OUT, Answer, NoAnswerError
from traffic.operations import Request
from traffic.outcome import error_of
from traffic.record import Record
from traffic.workload import Due

# Of an answer that is an error, so much is kept.
_WORDS_BYTES = 2000

Send = Callable[[Request], Awaitable[Answer]]


class Player:
    """Sends every request when it is due, or as soon afterwards as a connection is free.

    The latency of a request counts from when it was due. So one that had to wait because all connections waited for the target
    tells of that too, and a target that stands still for a second has slowed down everything that was due in that second
    (coordinated omission).
    """

    def __init__(
        self, dues: Iterator[Due], send: Send, record: Record, *, connections: int, give_up_s: float
    ) -> None:
        self._dues = dues
        self._send = send
        self._record = record
        self._connections = connections
        self._give_up_s = give_up_s
        self._start = 0.0

    @property
    def now_s(self) -> float:
        """Seconds since the start."""
        return asyncio.get_running_loop().time() - self._start

    async def play(self) -> None:
        """Play all of it. What was not sent by ``give_up_s`` after the start is given up; what was sent ends by itself."""
        self._start = asyncio.get_running_loop().time()
        async with asyncio.TaskGroup() as group:
            for number in range(self._connections):
                group.create_task(self._connection(), name=f"traffic {number}")

    async def _connection(self) -> None:
        # All of them draw from one iterator: whoever is free first has the next request.
        for due in self._dues:
            if (early_s := due.at_s - self.now_s) > 0:
                await asyncio.sleep(early_s)
            if self.now_s > self._give_up_s:
                return
            await self._exchange(due)

    async def _exchange(self, due: Due) -> None:
        sent_s = self.now_s
        self._record.sent(due.at_s, sent_s)
        error, words, timed = None, "", True
        request: Request | None = due.request
        while request is not None and error is None:
            try:
                answer = await self._send(request)
            except NoAnswerError as problem:
                # A time-out is at least so long. The others can be quick, and are no answer.
                error, words, timed = problem.kind, str(problem), problem.kind == TIME_OUT
            else:
                error = error_of(request, answer.status, answer.body)
                words = answer.body[:_WORDS_BYTES].decode("utf-8", "replace") if error else ""
            if error is not None:
                words = f"{request.method} {request.path}: {words}"
            else:
                request = request.then(answer.body) if request.then else None
        self._record.ended(due.operation, due.at_s, sent_s, self.now_s, error=error, words=words, timed=timed)
