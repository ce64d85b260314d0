"""One SPOP connection as a state machine: bytes in, messages and bytes out."""

from dataclasses import dataclass, field

from agent.spop.errors import (
    BAD_MAX_FRAME_SIZE,
    BAD_VERSION,
    FRAGMENTATION,
    INVALID,
    NO_MAX_FRAME_SIZE,
    NO_VERSION,
    NORMAL,
    TOO_BIG,
    SpopError,
)
from agent.spop.values import Value, decode_pairs, decode_values, decode_varint, encode_value, encode_varint
from agent.unfinished import Unfinished

HAPROXY_HELLO, HAPROXY_DISCONNECT, NOTIFY = 1, 2, 3
AGENT_HELLO, AGENT_DISCONNECT, ACK = 101, 102, 103

FIN = 1
ABORT = 2

# HAProxy's own lower limit of a frame; anything less can't be meant.
_SMALLEST_FRAME = 256

# Of a text of the peer's, in the agent's log and in an answer.
_SHOWN_BYTES = 200

_FIN_FLAGS = FIN.to_bytes(4, "big")
# The start of an ACK by the length of the two identifiers that it echoes: no action follows, so that is all that varies.
_ACK_STARTS = [(5 + size).to_bytes(4, "big") + bytes((ACK,)) + _FIN_FLAGS for size in range(21)]


class Message:
    """One message of a NOTIFY frame, its arguments not yet decoded: the acknowledgement need not wait for that."""

    __slots__ = ("_data", "_end", "_position")

    def __init__(self, data: bytes, position: int, end: int) -> None:
        self._data = data
        self._position = position
        self._end = end

    def decode(self) -> tuple[bytes, list[Value]]:
        """The message's name, and its arguments' values in the order of the SPOE configuration.

        Raises:
            SpopError: the frame does not hold what it announces.
        """
        data, position = self._data, self._position
        try:
            size, position = decode_varint(data, position)
            name = data[position : position + size]
            position += size
            count = data[position]
        except IndexError as error:
            raise SpopError(INVALID, "a NOTIFY frame ends within its message") from error
        values, position = decode_values(data, position + 1, self._end, count, named=True)
        if position != self._end:
            raise SpopError(INVALID, "a NOTIFY frame has more than one message")
        return name, values


@dataclass
class Received:
    """What a read of the socket came to."""

    messages: list[Message] = field(default_factory=list)
    reply: bytes = b""
    """To be sent at once."""
    close: bool = False
    """The connection ends after the reply."""
    error: SpopError | None = None
    """Why, if the peer broke the protocol or said that something was wrong."""


class Connection:
    """The agent's side of one connection with HAProxy.

    Args:
        max_frame_size: the largest frame that this side reads, in bytes; HAProxy's own limit counts too when it is lower.
    """

    def __init__(self, max_frame_size: int) -> None:
        self.max_frame_size = max_frame_size
        self.healthcheck = False
        """HAProxy opened this connection only to see whether the agent lives."""
        self._greeted = False
        self._closed = False
        self._unfinished = Unfinished()

    def receive(self, data: bytes) -> Received:
        """Take what the socket gave. At most one frame's worth of bytes is kept for the next call."""
        received = Received()
        if self._closed:
            return received
        data = self._unfinished.with_next(data)
        replies: list[bytes] = []
        position = 0
        try:
            try:
                position = self._frames(data, received, replies)
            except IndexError as error:
                raise SpopError(INVALID, "a frame ends within its identifiers") from error
        except SpopError as error:
            received.error = error
            self._closed = received.close = True
            replies.append(_disconnect(error.status, str(error)))
        if position < len(data) and not self._closed:
            rest = data[position:]
            size = 4 + int.from_bytes(rest[:4], "big") if len(rest) >= 4 else 4
            self._unfinished.keep(rest, size - len(rest))
        received.reply = b"".join(replies)
        return received

    def _frames(self, data: bytes, received: Received, replies: list[bytes]) -> int:
        """Handle every whole frame of ``data``; the position behind the last."""
        position, available = 0, len(data)
        while available - position >= 4 and not self._closed:
            size = int.from_bytes(data[position : position + 4], "big")
            # Before anything of that length is waited for.
            if size > self.max_frame_size:
                raise SpopError(
                    TOO_BIG, f"a frame of {size} bytes, {self.max_frame_size} at most were agreed on"
                )
            start = position + 4
            end = start + size
            if end > available:
                break
            if size < 7:
                raise SpopError(INVALID, f"a frame of {size} bytes")
            kind = data[start]
            if kind == NOTIFY and self._greeted:
                if data[start + 4] != FIN:
                    _refuse_flags(data[start + 4])
                # Two identifiers, echoed as they came.
                payload = start + 5
                for _ in range(2):
                    if data[payload] < 240:
                        payload += 1
                    else:
                        _, payload = decode_varint(data, payload)
                if payload > end:
                    raise SpopError(INVALID, "a NOTIFY frame ends within its identifiers")
                replies.append(_ACK_STARTS[payload - start - 5] + data[start + 5 : payload])
                if payload < end:
                    received.messages.append(Message(data, payload, end))
            else:
                self._control(kind, data[start:end], received, replies)
            position = end
        return position

    def _control(self, kind: int, frame: bytes, received: Received, replies: list[bytes]) -> None:
        if kind == HAPROXY_HELLO and not self._greeted:
            replies.append(self._hello(_control_pairs(frame)))
            received.close = self._closed = self.healthcheck
        elif kind == HAPROXY_DISCONNECT:
            pairs = _control_pairs(frame)
            status = pairs.get(b"status-code")
            if isinstance(status, int) and status != NORMAL:
                received.error = SpopError(status, f"HAProxy disconnects: {_text(pairs.get(b'message'))}")
            replies.append(_disconnect(NORMAL, "bye"))
            received.close = self._closed = True
        elif kind >= 128 or kind in (HAPROXY_HELLO, NOTIFY):
            raise SpopError(INVALID, f"a frame of type {kind} is out of place here")
        # Unknown types are skipped: SPOE.txt, 3.2.1.

    def _hello(self, pairs: dict[bytes, Value]) -> bytes:
        versions = pairs.get(b"supported-versions")
        if not isinstance(versions, bytes):
            raise SpopError(NO_VERSION, "the hello names no version")
        if not any(version.strip().split(b".")[0] == b"2" for version in versions.split(b",")):
            raise SpopError(BAD_VERSION, f"this agent speaks SPOP 2.0, HAProxy {_text(versions)}")
        size = pairs.get(b"max-frame-size")
        if not isinstance(size, int):
            raise SpopError(NO_MAX_FRAME_SIZE, "the hello names no max-frame-size")
        if size < _SMALLEST_FRAME:
            raise SpopError(BAD_MAX_FRAME_SIZE, f"a max-frame-size of {size} bytes")
        self.max_frame_size = min(self.max_frame_size, size)
        self.healthcheck = pairs.get(b"healthcheck") is True
        self._greeted = True
        return _control_frame(
            AGENT_HELLO,
            {"version": "2.0", "max-frame-size": self.max_frame_size, "capabilities": "pipelining"},
        )


def _refuse_flags(flags: int) -> None:
    if not flags & FIN:
        raise SpopError(FRAGMENTATION, "fragmented payloads are not supported")
    if flags & ABORT:
        raise SpopError(INVALID, "a frame is aborted that was never begun")


def _control_pairs(frame: bytes) -> dict[bytes, Value]:
    _, position = decode_varint(frame, 5)
    _, position = decode_varint(frame, position)
    return decode_pairs(frame, position, len(frame))


def _control_frame(kind: int, pairs: dict[str, str | int]) -> bytes:
    payload = b"".join(
        encode_varint(len(name)) + name.encode() + encode_value(value) for name, value in pairs.items()
    )
    # Control frames have both identifiers 0.
    frame = bytes((kind,)) + _FIN_FLAGS + b"\0\0" + payload
    return len(frame).to_bytes(4, "big") + frame


def _disconnect(status: int, message: str) -> bytes:
    return _control_frame(AGENT_DISCONNECT, {"status-code": status, "message": message})


def _text(value: Value) -> str:
    return value[:_SHOWN_BYTES].decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
