"""The requests that may start on the shadow, by their positions (`agent.mirror_connection.Job`). No I/O."""

import heapq
from collections import deque

from agent.mirror_connection import Job


class MirrorQueue:
    """Gives the job with the lowest position. Of equal ones any: they overlapped on the primary.

    What the primary has answered is told almost in the order of the positions, so most jobs only have to be put behind the last one. A
    heap takes the others: what overlapped on the primary is told in any order, and must not wait behind what waits for it.
    """

    def __init__(self) -> None:
        self._in_order: deque[Job] = deque()
        self._late: list[tuple[int, int, Job]] = []
        self._put = 0

    def __len__(self) -> int:
        return len(self._in_order) + len(self._late)

    def push(self, job: Job) -> None:
        """Put a job into its place."""
        if not self._in_order or self._in_order[-1].position <= job.position:
            self._in_order.append(job)
            return
        self._put += 1
        heapq.heappush(self._late, (job.position, self._put, job))

    def first(self) -> Job | None:
        """The next job, which stays."""
        if self._late_is_next():
            return self._late[0][2]
        return self._in_order[0] if self._in_order else None

    def pop(self) -> Job:
        """Take the next job.

        Raises:
            IndexError: there is none.
        """
        return heapq.heappop(self._late)[2] if self._late_is_next() else self._in_order.popleft()

    def _late_is_next(self) -> bool:
        return bool(self._late) and (not self._in_order or self._late[0][0] < self._in_order[0].position)
