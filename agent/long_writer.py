"""Has long lines written by a process of their own, which shares no interpreter's lock with the agent and takes the cores that nobody else wants.

The process (`long_writer_process`) gets an order and two or three descriptors (the log's file, a tee's memory and spool), appends the line to the file
and says how that went. It is there before the first line, is started again when it has ended, and ends with the agent.
"""

import contextlib
import logging
import os
import select
import socket
import subprocess
import sys

from agent import framed_socket
from agent.long_line import AbandonedError, GoOn, LongLine, PartsWriter
from agent.long_order import Order, encode_order, read_outcome

_LOG = logging.getLogger(__name__)

# How often it is looked whether there is time for more.
_LOOK_S = 0.2

_CLOSE_S = 1.0

ORDERS_FD = "CAPTURE_ORDERS_FD"
"""In the environment of the process: its end of the socket pair."""


class ProcessWriter:
    """A `agent.long_line.LongWriter`. A line that it can't describe to the process is made on the calling thread.

    Args:
        arguments: what the process is told of how lines are made; see `long_writer_process`.
    """

    def __init__(self, arguments: list[str]) -> None:
        self._arguments = arguments
        self._here = PartsWriter()
        self._process: subprocess.Popen[bytes] | None = None
        self._orders: socket.socket | None = None
        self._has_died = False

    def start(self) -> None:
        """Start the process; without one (no memory, say) lines are made here."""
        ours, theirs = socket.socketpair()
        # Not outliving the agent, not even one that is killed: the next agent appends to the same file.
        command = ["setpriv", "--pdeathsig", "KILL", "--", sys.executable, "-m", "agent.long_writer_process"]
        try:
            with theirs:
                self._process = subprocess.Popen(
                    [*command, *self._arguments],
                    stdin=subprocess.DEVNULL,
                    pass_fds=(theirs.fileno(),),
                    env={**os.environ, ORDERS_FD: str(theirs.fileno())},
                )
        except OSError as error:
            _LOG.error("long lines are written by the agent itself: %s", error)
            ours.close()
            return
        self._orders = ours

    def write(self, line: LongLine, file: int, room: int | None, go_on: GoOn) -> int:
        """See `agent.long_line.LongWriter`; `ConnectionError`, an OSError, when the process has ended: this line's next try is made here."""
        transaction = line.transaction
        order = None if transaction is None or self._has_died else encode_order(transaction, room)
        self._has_died = False
        if order is None:
            return self._here.write(line, file, room, go_on)
        if self._orders is None:
            self.start()
        if self._orders is None:
            return self._here.write(line, file, room, go_on)
        try:
            outcome = _ordered(self._orders, order, file, go_on)
        except AbandonedError:
            # It must write nothing behind what is going to be taken back.
            self._kill()
            raise
        except OSError:
            self._kill()
            self._has_died = True
            raise
        return read_outcome(outcome)

    def close(self) -> None:
        """Let the process end: nothing is ordered any more."""
        if self._orders is not None:
            self._orders.close()
            self._orders = None
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_CLOSE_S)
        self._kill()

    def _kill(self) -> None:
        if self._orders is not None:
            self._orders.close()
            self._orders = None
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


def _ordered(orders: socket.socket, order: Order, file: int, go_on: GoOn) -> bytes:
    framed_socket.send(orders, order.message, [file, *order.areas.descriptors])
    while not select.select([orders], [], [], _LOOK_S)[0]:
        if not go_on():
            raise AbandonedError
    return framed_socket.receive(orders)[0]
