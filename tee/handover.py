r"""What the tee and the agent tell each other. No I/O, and nothing else of the tee's is imported: the agent imports this.

The tee listens, the agent connects. The tee sends frames: 4 bytes length (big-endian), then a line of JSON, then bytes. The first is the hello, with
one or two descriptors beside it (SCM_RIGHTS): the memory, and the spool file if there is one. Each later frame offers an exchange.

The agent reads an exchange's bytes at its leisure: the short ones from the message, the others from the pieces of memory and spool. Then it
acknowledges: the number as decimal digits and ``\n``. Only then may the tee use these pieces for something else.
"""

import json
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, cast

_LENGTH_BYTES = 4
# The pieces of a copy of a terabyte would fit.
_MAX_FRAME_BYTES = 256 * 1024 * 1024
_MAX_DIGITS = 20

Place = Literal["memory", "spool"]

Ending = Literal["end", "reset", "receiver_closed"]
"""``end``: the sender closed. ``reset``: its connection broke. ``receiver_closed``: the receiver wanted no more; if it had all that the sender
meant to send, the message says, not the connection."""


class HandoverError(Exception):
    """The other side does not keep to the format."""


class Piece(NamedTuple):
    """Where a part of a copy is; bytes."""

    place: Place
    offset: int
    length: int


@dataclass(frozen=True)
class Stream:
    """One direction of an exchange."""

    total_bytes: int
    """That passed."""
    incomplete: str
    """Empty: all of them were copied. Otherwise the reason why only the first ones were: ``memory_full`` (the disk is too slow, or there is no
    spool), ``spool_full``, ``spool_failed``, ``too_many`` (exchanges that the agent has not read)."""
    ending: Ending
    first_us: int
    """When the first byte came, microseconds since 1970; 0: there was none."""
    last_us: int
    """When the last byte came, before it was passed on."""
    inline: bytes
    """The copy, when it is short."""
    pieces: tuple[Piece, ...]
    """The copy, when it is not."""

    @property
    def copied_bytes(self) -> int:
        """How many of the first bytes there are."""
        return len(self.inline) + sum(piece.length for piece in self.pieces)


@dataclass(frozen=True)
class Exchange:
    """What passed over one connection: HAProxy uses it for one request and its response."""

    id: int
    """Counts the tee's connections from 1 on. One that is missing was not copied, or not a byte passed."""
    request: Stream
    response: Stream


@dataclass(frozen=True)
class Hello:
    """The first message; descriptors come with it."""

    started_us: int
    """When the tee started, microseconds since 1970: the numbers of another start mean other exchanges."""


def encode_hello(hello: Hello) -> bytes:
    """The frame."""
    return _frame(json.dumps({"tee": 1, "started_us": hello.started_us}).encode(), b"", b"")


def encode_exchange(exchange: Exchange) -> bytes:
    """The frame."""
    head = {
        "id": exchange.id,
        "request": _stream_head(exchange.request),
        "response": _stream_head(exchange.response),
    }
    return _frame(_ENCODE(head).encode(), exchange.request.inline, exchange.response.inline)


def decode(payload: bytes) -> Hello | Exchange:
    """What a frame says.

    Raises:
        HandoverError: it is none of the tee's.
    """
    head, _, rest = payload.partition(b"\n")
    try:
        values = json.loads(head)
        if "tee" in values:
            return Hello(values["started_us"])
        between = values["request"]["inline"]
        end = between + values["response"]["inline"]
        if len(rest) != end:
            raise HandoverError(f"{len(rest)} bytes follow where {end} were announced")
        return Exchange(
            values["id"],
            _stream(values["request"], rest[:between]),
            _stream(values["response"], rest[between:]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise HandoverError(f"no message of the tee's: {head[:80]!r}") from error


def encode_acknowledgement(number: int) -> bytes:
    """What the agent answers when it no longer needs an exchange's bytes."""
    return b"%d\n" % number


class Frames:
    """Cuts what the agent receives into frames."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """The payloads that are whole now.

        Raises:
            HandoverError: a length is impossible.
        """
        rest = self._rest
        rest += data
        payloads, start = [], 0
        while len(rest) - start >= _LENGTH_BYTES:
            length = int.from_bytes(rest[start : start + _LENGTH_BYTES])
            if length > _MAX_FRAME_BYTES:
                raise HandoverError(f"a frame of {length} bytes")
            end = start + _LENGTH_BYTES + length
            if end > len(rest):
                break
            payloads.append(bytes(rest[start + _LENGTH_BYTES : end]))
            start = end
        del rest[:start]
        return payloads


class Acknowledgements:
    """Cuts what the tee receives into numbers."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[int]:
        """The numbers that are whole now.

        Raises:
            HandoverError: something else than numbers.
        """
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > _MAX_DIGITS or not all(
            line.isdigit() and len(line) <= _MAX_DIGITS for line in lines
        ):
            raise HandoverError(f"no acknowledgement: {data[:80]!r}")
        return [int(line) for line in lines]


_ENCODE = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


def _frame(head: bytes, first: bytes, second: bytes) -> bytes:
    length = len(head) + 1 + len(first) + len(second)
    return b"".join((length.to_bytes(_LENGTH_BYTES), head, b"\n", first, second))


def _stream_head(stream: Stream) -> dict[str, Any]:
    return {
        "total": stream.total_bytes,
        "incomplete": stream.incomplete,
        "ending": stream.ending,
        "first_us": stream.first_us,
        "last_us": stream.last_us,
        "inline": len(stream.inline),
        "pieces": stream.pieces,
    }


def _stream(head: dict[str, Any], inline: bytes) -> Stream:
    return Stream(
        head["total"],
        head["incomplete"],
        cast("Ending", head["ending"]),
        head["first_us"],
        head["last_us"],
        inline,
        tuple(Piece(*piece) for piece in head["pieces"]),
    )
