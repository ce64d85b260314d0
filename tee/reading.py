"""For the agent: the connection to the tee, and an exchange's bytes."""

import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass

from tee.handover import Exchange, Frames, HandoverError, Hello, Stream, decode

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
            OSError: the spool can't be read.
            HandoverError: there are fewer bytes than were announced.
        """
        if stream.inline:
            yield stream.inline
        for place, offset, length in stream.pieces:
            file = self.memory if place == "memory" else self.spool
            assert file is not None
            end = offset + length
            while offset < end:
                chunk = os.pread(file, min(end - offset, _CHUNK_BYTES), offset)
                if not chunk:
                    raise HandoverError(f"the {place} ends at {offset}, before {end}")
                yield chunk
                offset += len(chunk)

    def close(self) -> None:
        """Close the descriptors."""
        os.close(self.memory)
        if self.spool is not None:
            os.close(self.spool)


def receive_hello(tee: socket.socket) -> tuple[Hello, Areas, list[Exchange], Frames]:
    """The first message on a new, blocking connection; it comes at once. Returns, too, what came with it: exchanges, and what is to be fed the rest.

    Raises:
        HandoverError: it is no hello.
        OSError: the tee went.
    """
    data, fds, _, _ = socket.recv_fds(tee, _HELLO_BYTES, 2)
    frames = Frames()
    try:
        payloads = frames.feed(data)
        # A Unix socket hands out what came with descriptors on its own.
        hello = decode(payloads[0]) if payloads else None
        if not isinstance(hello, Hello) or not fds:
            raise HandoverError(f"no hello: {data[:80]!r}")
        exchanges = [message for message in map(decode, payloads[1:]) if isinstance(message, Exchange)]
    except HandoverError:
        for fd in fds:
            os.close(fd)
        raise
    return hello, Areas(fds[0], fds[1] if len(fds) > 1 else None), exchanges, frames
