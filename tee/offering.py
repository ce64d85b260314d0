"""The agent's connection: offers it ended exchanges, takes its acknowledgements, and answers its questions. Nothing here ever waits for the agent."""

import logging
import socket
from collections.abc import Callable, Sequence

from tee.handover import (
    AgentLines,
    Answer,
    HandoverError,
    Hello,
    Question,
    encode_answer,
    encode_exchange,
    encode_hello,
)
from tee.kept import Ended, Kept
from tee.loop import READ, WRITE, Loop

_LOG = logging.getLogger(__name__)

# Nobody waits for news of an exchange, and waking the agent up for each one costs both sides more than the news.
_REST_S = 0.005

# What waits for room in the socket at most, and one message more.
_UNSENT_BYTES = 64 * 1024

_READ_BYTES = 16 * 1024


class Offering:
    """Listens for the agent; the newest connection is the agent's, an older one is closed.

    Args:
        listener: where the agent connects.
        hello: what a new agent is told first,
        fds: and the descriptors that go with it.
        done: what to do with an exchange that is acknowledged.
        under_way: gives the beginnings of the requests that are under way.
    """

    def __init__(
        self,
        loop: Loop,
        listener: socket.socket,
        kept: Kept,
        hello: Hello,
        fds: Sequence[int],
        done: Callable[[Ended], None],
        under_way: Callable[[], tuple[bytes, ...]],
    ) -> None:
        self._loop = loop
        self._listener = listener
        self._kept = kept
        self._hello = encode_hello(hello)
        self._fds = list(fds)
        self._done = done
        self._under_way = under_way
        self._agent: socket.socket | None = None
        self._lines = AgentLines()
        self._unsent = bytearray()
        self._scheduled = False
        loop.add(listener.fileno(), self._connecting)

    @property
    def connected(self) -> bool:
        """There is an agent."""
        return self._agent is not None

    @property
    def all_offered(self) -> bool:
        """The agent has been told of everything that is kept."""
        return self._agent is not None and not self._kept.waiting and not self._unsent

    def schedule(self) -> None:
        """Have more offered within 5 ms."""
        if not self._scheduled:
            self._scheduled = True
            self._loop.later(_REST_S, self._rested)

    def close(self) -> None:
        """No more agents."""
        self._loop.close(self._listener)
        if self._agent is not None:
            self._loop.close(self._agent)
            self._agent = None

    def _rested(self) -> None:
        self._scheduled = False
        self._offer()

    def _offer(self) -> None:
        """Offer what may be offered now."""
        agent = self._agent
        if agent is None:
            return
        while len(self._unsent) < _UNSENT_BYTES:
            if (answer := self._kept.answer()) is not None:
                self._unsent += encode_answer(answer)
            elif (ended := self._kept.offer()) is not None:
                self._unsent += encode_exchange(ended.message())
            else:
                break
        if not self._unsent:
            return
        try:
            sent = agent.send(self._unsent)
        except BlockingIOError:
            return
        except OSError as error:
            self._lose(f"can't be reached: {error}")
            return
        del self._unsent[:sent]

    def _connecting(self, _events: int) -> None:
        while True:
            try:
                agent, _ = self._listener.accept()
            except BlockingIOError:
                return
            except OSError as error:
                _LOG.error("the agent's connection can't be accepted: %s", error)
                return
            self._welcome(agent)

    def _welcome(self, agent: socket.socket) -> None:
        if self._agent is not None:
            self._lose("is replaced by a new one")
        agent.setblocking(False)
        try:
            # The socket is empty: the hello fits.
            socket.send_fds(agent, [self._hello], self._fds)
        except OSError as error:
            _LOG.warning("an agent went at once: %s", error)
            agent.close()
            return
        self._agent = agent
        self._lines = AgentLines()
        self._loop.add(agent.fileno(), self._agent_event, READ | WRITE)
        _LOG.info("the agent is here, %d exchanges wait for it", len(self._kept))
        self._offer()

    def _agent_event(self, _events: int) -> None:
        agent = self._agent
        while agent is not None and agent is self._agent:
            try:
                data = agent.recv(_READ_BYTES)
                said = self._lines.feed(data)
            except BlockingIOError:
                break
            except (OSError, HandoverError) as error:
                self._lose(str(error))
                return
            if not data:
                self._lose("closed its connection")
                return
            for one in said:
                if isinstance(one, Question):
                    self._kept.answer_later(Answer(one.number, self._under_way()))
                elif (ended := self._kept.acknowledge(one)) is not None:
                    self._done(ended)
        self._offer()

    def _lose(self, why: str) -> None:
        assert self._agent is not None
        _LOG.warning("the agent %s; copies are kept for the next one", why)
        self._loop.close(self._agent)
        self._agent = None
        self._unsent.clear()
        self._kept.start_over()
