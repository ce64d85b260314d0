"""The shadow's proxies and the connections to them, which are opened when they are needed and stay."""

import asyncio
import functools
import logging
from collections import deque
from typing import Any, Final, Protocol

from agent.mirror_connection import Job, MirrorConnection

_LOG = logging.getLogger(__name__)

# After a refused connection the same shadow is left alone for this long.
_RETRY_S: Final = 0.5
_CONNECT_S: Final = 5.0

# A target that has not answered an attempt for so long gets no second one at the same time.
_SLOW_CONNECT_S: Final = 1.0


class Sender(Protocol):
    """Whoever sends requests over the connections."""

    @property
    def waiting(self) -> int:
        """Requests that are not done."""

    def dispatch(self) -> None:
        """A connection may be had."""

    def key_refused(self) -> None:
        """The shadow's proxy does not believe our identifiers."""

    def answered(self, connection: MirrorConnection, job: Job) -> None:
        """The shadow has answered."""

    def unanswered(self, connection: MirrorConnection, job: Job, *, untouched: bool) -> None:
        """The connection ended before the answer did."""


class _Target:
    """One shadow HAProxy: the `mirror_connection.Owner` that passes on what happens."""

    def __init__(self, host: str, port: int, sender: Sender) -> None:
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
        self._sender = sender

    def may_open(self, now: float, most: int) -> bool:
        """Whether to try for one more connection; of a target that does not answer there is one attempt at a time."""
        if self.connections >= most or self.retry_at > now:
            return False
        return not self.opening or (self.reached is True and now - self.opening_since <= _SLOW_CONNECT_S)

    def opened(self, connection: MirrorConnection) -> None:
        self.idle.append(connection)
        self._sender.dispatch()

    def key_refused(self) -> None:
        self._sender.key_refused()

    def answered(self, connection: MirrorConnection, job: Job, *, reusable: bool) -> None:
        if reusable:
            self.idle.append(connection)
        self._sender.answered(connection, job)

    def closed(self, connection: MirrorConnection, job: Job | None, *, untouched: bool) -> None:
        self.connections -= 1
        if connection in self.idle:
            self.idle.remove(connection)
        if job is not None:
            self._sender.unanswered(connection, job, untouched=untouched)
        self._sender.dispatch()


class Targets:
    """A pool of keep-alive connections to each target.

    Args:
        addresses: host and port of every shadow HAProxy; they are taken in turn.
        connections: to each of them, at most.
        key_field: `agent.mirror_connection.key_field`.
    """

    def __init__(
        self, addresses: list[tuple[str, int]], connections: int, key_field: bytes, sender: Sender
    ) -> None:
        self._targets = deque(_Target(host, port, sender) for host, port in addresses)
        self._connections = connections
        self._key_field = key_field
        self._sender = sender
        self._loop = asyncio.get_running_loop()
        self._opening: set[asyncio.Task[None]] = set()
        self._retry: asyncio.TimerHandle | None = None

    @property
    def away(self) -> bool:
        """Whether no connection to any target could be opened when it was last tried."""
        return all(target.reached is False for target in self._targets)

    @property
    def full(self) -> bool:
        """Whether every target that can be reached has as many open connections as it may have."""
        reached = [target for target in self._targets if target.reached is not False]
        return bool(reached) and all(
            target.connections - target.opening >= self._connections for target in reached
        )

    def idle_connection(self, now: float, most: int) -> MirrorConnection | None:
        """An idle connection, the targets taken in turn; None when one has to be waited for. No target gets more than ``most`` of them.

        The target whose turn it is gets another connection where it has none that is idle; the request need not wait for that when one to another target is.
        """
        opened = False
        for _ in range(len(self._targets)):
            target = self._targets[0]
            self._targets.rotate(-1)
            if target.idle:
                return target.idle.pop()
            if not opened and target.may_open(now, min(most, self._connections)):
                # One to the next target too where it is open whether this one answers.
                opened = target.reached is True
                self._open(target, now)
        return None

    def close(self) -> None:
        """Open no more, and close those that are idle."""
        if self._retry is not None:
            self._retry.cancel()
        for task in self._opening:
            task.cancel()
        for connection in [idle for target in self._targets for idle in target.idle]:
            connection.abort()

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
        except (OSError, TimeoutError, ValueError) as error:
            # ValueError: a host's name that can't be one.
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
                    self._sender.waiting,
                )
            target.reached = True
        finally:
            target.opening -= 1
            target.opening_since = self._loop.time()
        # What waits may need more than one connection.
        self._sender.dispatch()

    def _try_again(self) -> None:
        self._retry = None
        # A timer may be early by its clock's resolution: the wait is over when it says so.
        for target in self._targets:
            target.retry_at = 0.0
        self._sender.dispatch()
