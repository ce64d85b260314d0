"""Passes on what one socket sends to another one, at the pace of both."""

import contextlib
import select
import socket

from tee.captured import READ_BYTES, Copy
from tee.handover import Ending

# Reads in a row before others have their turn.
_READS_AT_ONCE = 16

GONE = select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR
"""The sender has ended or broken off: what it sent is all that there is to read."""


class Direction:
    """One direction of an exchange; the other one does not concern it."""

    def __init__(self, source: socket.socket, target: socket.socket, copy: Copy) -> None:
        self._source = source
        self._target = target
        self._unsent: bytes | memoryview = b""
        self._readable = False
        self._gone = False
        self.copy = copy
        self.blocked = False
        """The target has no room: `pump` is to be called when it has."""
        self._held = b""
        self.over = False

    @property
    def waiting(self) -> bool:
        """Bytes were read for which the copy has no room yet: `pump` is to be called soon."""
        return bool(self._held)

    @property
    def progress(self) -> tuple[int, int]:
        """Another one when bytes have been passed on."""
        return self.copy.total_bytes, len(self._unsent)

    def source_event(self, events: int) -> None:
        """There is something to read."""
        self._readable = True
        if events & GONE:
            self._gone = True

    def pump(self) -> bool:
        """Pass on what there is. True: there may be more, but others should have their turn."""
        for _ in range(_READS_AT_ONCE):
            if self._unsent and not self._write():
                return False
            # What has been passed on may be read from the copy's place: nothing is read while anything is unsent.
            if not (self._readable or self._held) or not self._read():
                return False
        return not self._unsent or self._write()

    def receiver_closed(self) -> None:
        """Nobody wants any more: the sender learns it when it writes."""
        if not self.over:
            self._end("receiver_closed")
            # The peer's write fails then (EPIPE), as if it had been the receiver's own socket.
            _shut_down(self._source, socket.SHUT_RD)

    def abort(self) -> None:
        """End it as it is; the sockets are closed by the caller."""
        if not self.over:
            self._end("reset")

    def _read(self) -> bool:
        buffer = self.copy.buffer()
        data = self._held
        try:
            if data:
                room = count = len(data)
            elif buffer is None:
                data = self._source.recv(READ_BYTES)
                room, count = READ_BYTES, len(data)
            else:
                room, count = len(buffer), self._source.recv_into(buffer)
        except BlockingIOError:
            self._readable = False
            return False
        except OSError:
            self._sender_ended("reset")
            return False
        if not count:
            self._sender_ended("end")
            return False
        if count < room and not self._gone:
            # There was no more just now. The next bytes are news (EPOLLET), and the end would have been told.
            self._readable = False
        if buffer is not None and not data:
            self.copy.filled(count)
            self._unsent = buffer[:count]
            return True
        if self.copy.waits(count):
            self._held = data
            return False
        self._held = b""
        self.copy.add(data)
        self._unsent = data
        return True

    def _write(self) -> bool:
        """Send what is unsent. False: not all of it could be."""
        try:
            sent = self._target.send(self._unsent)
            while sent < len(self._unsent):
                self._unsent = memoryview(self._unsent)[sent:]
                sent = self._target.send(self._unsent)
        except BlockingIOError:
            self.blocked = True
            return False
        except OSError:
            self.receiver_closed()
            return False
        self.blocked = False
        self._unsent = b""
        return True

    def _sender_ended(self, ending: Ending) -> None:
        self._end(ending)
        _shut_down(self._target, socket.SHUT_WR)

    def _end(self, ending: Ending) -> None:
        self.over = True
        self._held = b""
        self._unsent = b""
        self.copy.end(ending)


def _shut_down(end: socket.socket, how: int) -> None:
    # It may be gone already.
    with contextlib.suppress(OSError):
        end.shutdown(how)
