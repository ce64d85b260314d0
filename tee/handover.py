r"""What the tee and the agent tell each other. No I/O, and nothing else of the tee's is imported: the agent imports this.

The tee listens, the agent connects. The tee sends frames: 4 bytes length (big-endian), then a line of JSON, then bytes. The first is the hello, with
one or two descriptors beside it (SCM_RIGHTS): the memory, and the spool file if there is one. Each later frame offers an exchange, or answers a question.

The agent reads an exchange's bytes at its leisure: the short ones from the message, the others from the pieces of memory and spool. Then it
acknowledges: the number as decimal digits and ``\n``. Only then may the tee use these pieces for something else.

The agent may ask what the tee still has: ``?``, a number of its own, ``\n``. The answer comes behind the offers of everything that had ended when the tee
read the question, and has the beginnings of the requests that were under way then. So what was neither offered nor is among these, the tee has not.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, cast

_LENGTH_BYTES = 4
# The pieces of a copy of a terabyte would fit.
_MAX_FRAME_BYTES = 256 * 1024 * 1024
_MAX_DIGITS = 20
_ASKS = b"?"

BEGINNING_BYTES = 256
"""Of a request that is under way: room for HAProxy's PROXY header, which says whose it is."""

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
    spool), ``spool_full``, ``spool_failed``."""
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
    """Counts the tee's connections from 1 on. Of one that is missing nothing was copied, or not a byte passed."""
    request: Stream
    response: Stream


@dataclass(frozen=True)
class Hello:
    """The first message; descriptors come with it."""

    started_us: int
    """When the tee started, microseconds since 1970: the numbers of another start mean other exchanges."""


class Question(NamedTuple):
    """What the agent asks: what has the tee?"""

    number: int
    """The agent's own; the answer has it too."""


@dataclass(frozen=True)
class Answer:
    """What the tee has, besides what it has offered before this."""

    question: int
    under_way: tuple[bytes, ...]
    """The beginnings of the requests that had not ended; one is empty of which nothing has come."""


def encode_hello(hello: Hello) -> bytes:
    """The frame."""
    return _frame(json.dumps({"tee": 1, "started_us": hello.started_us}).encode())


def encode_exchange(exchange: Exchange) -> bytes:
    """The frame."""
    head = {
        "id": exchange.id,
        "request": _stream_head(exchange.request),
        "response": _stream_head(exchange.response),
    }
    return _frame(_ENCODE(head).encode(), exchange.request.inline, exchange.response.inline)


def encode_answer(answer: Answer) -> bytes:
    """The frame."""
    head = {"answer": answer.question, "under_way": [len(beginning) for beginning in answer.under_way]}
    return _frame(_ENCODE(head).encode(), *answer.under_way)


def decode(payload: bytes) -> Hello | Exchange | Answer:
    """What a frame says.

    Raises:
        HandoverError: it is none of the tee's.
    """
    head, _, rest = payload.partition(b"\n")
    try:
        values = json.loads(head)
        if "tee" in values:
            return Hello(values["started_us"])
        if "answer" in values:
            return Answer(values["answer"], tuple(_cut(rest, values["under_way"])))
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


def encode_question(question: Question) -> bytes:
    """See `Answer`."""
    return b"%b%d\n" % (_ASKS, question.number)


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


class AgentLines:
    """Cuts what the tee receives into acknowledgements, which are numbers, and questions."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[int | Question]:
        """Those that are whole now.

        Raises:
            HandoverError: something else.
        """
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > _MAX_DIGITS + len(_ASKS):
            raise HandoverError(f"neither acknowledgement nor question: {data[:80]!r}")
        return [_agent_line(line) for line in lines]


def _agent_line(line: bytes) -> int | Question:
    digits = line.removeprefix(_ASKS)
    if not digits.isdigit() or len(digits) > _MAX_DIGITS:
        raise HandoverError(f"neither acknowledgement nor question: {line[:80]!r}")
    return int(digits) if digits == line else Question(int(digits))


_ENCODE = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


def _frame(head: bytes, *parts: bytes) -> bytes:
    length = len(head) + 1 + sum(map(len, parts))
    return b"".join((length.to_bytes(_LENGTH_BYTES), head, b"\n", *parts))


def _cut(data: bytes, sizes: list[int]) -> Iterator[bytes]:
    if len(data) != sum(sizes):
        raise HandoverError(f"{len(data)} bytes follow where {sum(sizes)} were announced")
    start = 0
    for size in sizes:
        yield data[start : start + size]
        start += size


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
