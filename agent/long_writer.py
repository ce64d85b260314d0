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
import time

from agent import framed_socket
from agent.long_line import AbandonedError, GoOn, LongLine, PartsWriter
from agent.long_order import Order, encode_order, read_outcome

_LOG = logging.getLogger(__name__)

# How often it is looked whether there is time for more.
_LOOK_S = 0.2

# Looking a body through before its first byte is written, with no core to be had, is a matter of seconds. A pipe (in tests) has no size.
_STILL_S = 60.0

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
        # One that takes no order, or stops in the middle of an answer, stands still too.
        ours.settimeout(_STILL_S)
        self._orders = ours

    def write(self, line: LongLine, file: int, room: int | None, go_on: GoOn) -> int:
        """See `agent.long_line.LongWriter`.

        `ConnectionError` or `TimeoutError`, which are OSErrors, when the process has ended or stands still: this line's next try is made here.
        """
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
        except BaseException as error:
            # Whatever it is: the process must write nothing behind what is going to be taken back, nor answer the next order with this one's outcome.
            self._kill()
            self._has_died = isinstance(error, OSError)
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
    # Not select(2), which takes no descriptor above 1023.
    answer = select.poll()
    answer.register(orders, select.POLLIN)
    size, still_since_s = -1, time.monotonic()
    while not answer.poll(_LOOK_S * 1000):
        if not go_on():
            raise AbandonedError
        now_s = time.monotonic()
        if (size_now := os.fstat(file).st_size) != size:
            size, still_since_s = size_now, now_s
        elif now_s - still_since_s > _STILL_S:
            _LOG.error("the process for long lines has written nothing for %g s: it is ended", _STILL_S)
            raise TimeoutError("the process for long lines stands still")
    return framed_socket.receive(orders)[0]
