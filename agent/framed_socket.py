"""Messages between the agent and a process of its own: 8 bytes of length (big-endian), then so many bytes. Descriptors come with the length."""

import os
import socket
from collections.abc import Sequence

_LENGTH_BYTES = 8
_MAX_DESCRIPTORS = 8
_READ_BYTES = 1 << 20


def send(peer: socket.socket, message: bytes, descriptors: Sequence[int] = ()) -> None:
    """Send one message.

    Raises:
        OSError: the peer has gone.
    """
    length = len(message).to_bytes(_LENGTH_BYTES)
    if descriptors:
        socket.send_fds(peer, [length], descriptors)
    else:
        peer.sendall(length)
    peer.sendall(message)


def receive(peer: socket.socket) -> tuple[bytes, list[int]]:
    """Wait for one message; the descriptors are the caller's to close.

    Raises:
        ConnectionResetError: the peer has gone.
    """
    length, descriptors, _, _ = socket.recv_fds(peer, _LENGTH_BYTES, _MAX_DESCRIPTORS)
    try:
        length += _exactly(peer, _LENGTH_BYTES - len(length))
        return _exactly(peer, int.from_bytes(length)), list(descriptors)
    except OSError:
        for descriptor in descriptors:
            os.close(descriptor)
        raise


def _exactly(peer: socket.socket, count: int) -> bytes:
    data = bytearray()
    while len(data) < count:
        part = peer.recv(min(count - len(data), _READ_BYTES))
        if not part:
            raise ConnectionResetError("the other process has ended")
        data += part
    return bytes(data)
