"""For the agent: the connection to the tee, and an exchange's bytes."""

import errno
import os
import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tee.handover import Frames, HandoverError, Hello, Stream, decode

# What is read of a copy at once.
_CHUNK_BYTES = 1024 * 1024

_HELLO_BYTES = 4096


@dataclass(frozen=True)
class Areas:
    """Where copies are: descriptors, the reader's own. They outlive the tee."""

    memory: int
    spool: int | None

    def chunks(self, stream: Stream) -> Iterator[bytes]:
        """The copied bytes, in order, in parts of at most 1 MiB. Not after the exchange has been acknowledged.

        Raises:
            OSError: they can't be read, or there are fewer than were announced.
        """
        if stream.inline:
            yield stream.inline
        for piece in stream.pieces:
            file = self.memory if piece.place == "memory" else self.spool
            if file is None:
                raise OSError(errno.EIO, f"there is no {piece.place}")
            position, end = piece.offset, piece.offset + piece.length
            while position < end:
                chunk = os.pread(file, min(end - position, _CHUNK_BYTES), position)
                if not chunk:
                    raise OSError(errno.EIO, f"the {piece.place} ends at {position}, before {end}")
                yield chunk
                position += len(chunk)

    @property
    def descriptors(self) -> tuple[int, ...]:
        """One or two."""
        return (self.memory,) if self.spool is None else (self.memory, self.spool)

    def close(self) -> None:
        """Close the descriptors."""
        close_all(self.descriptors)


@dataclass(frozen=True)
class CopiedStream:
    """One direction of an exchange, to be read again and again until the exchange is acknowledged."""

    stream: Stream
    areas: Areas

    def __call__(self) -> Iterator[bytes]:
        """See `Areas.chunks`."""
        return self.areas.chunks(self.stream)


def close_all(descriptors: Iterable[int]) -> None:
    """Close each."""
    for descriptor in descriptors:
        os.close(descriptor)


def receive_hello(tee: socket.socket) -> tuple[Hello, Areas]:
    """The first message on a new, blocking connection; it comes at once.

    Raises:
        HandoverError: it is no hello.
        OSError: the tee went.
    """
    # A Unix socket hands out what came with descriptors on its own: nothing of the next message is read.
    data, fds, _, _ = socket.recv_fds(tee, _HELLO_BYTES, 2)
    payloads = Frames().feed(data)
    hello = decode(payloads[0]) if payloads else None
    if not isinstance(hello, Hello) or not fds:
        close_all(fds)
        raise HandoverError(f"no hello: {data[:80]!r}")
    return hello, Areas(fds[0], fds[1] if len(fds) > 1 else None)
