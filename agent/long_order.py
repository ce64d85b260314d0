"""The order to make a long line, a transaction whose bodies are in the tee's copies, and its outcome; both as bytes. No I/O.

What is ordered is what `long_writer` sends to the process that makes the line (`long_writer_process`); both are of the same image, so the format
(marshal, a dictionary) is nobody else's.
"""

import marshal
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from agent.copied_body import CopiedBody
from agent.long_line import FullError, UnreadableError
from record.long_body import LongBody
from record.transaction import Transaction
from tee.handover import Piece, Stream
from tee.reading import Areas, CopiedStream

LEFT_OUT = ("finished", "request_long", "request_wire", "response_long")
"""Fields of a transaction that the line's maker needs no more, or gets in another form."""

# Spelled out: compiled, a class has no __slots__.
_FIELDS = (
    "answered_us",
    "arrived_us",
    "bytes_to_client",
    "capture_id",
    "client",
    "client_port",
    "completion",
    "earlier_completions",
    "id",
    "method",
    "mirror",
    "opened_ns",
    "perhaps_repeated",
    "placed",
    "received_us",
    "repeated",
    "request_body",
    "request_body_bytes",
    "request_headers",
    "request_version",
    "request_whole",
    "response_body",
    "response_body_bytes",
    "response_headers",
    "response_version",
    "response_whole",
    "server",
    "server_address",
    "status",
    "termination",
    "through_tee",
    "timers",
    "url",
)
_LONG = ("request_long", "response_long")


@dataclass(frozen=True)
class Order:
    """One line to make."""

    message: bytes
    areas: Areas
    """Where the bodies are: descriptors for the other process."""


def encode_order(transaction: Transaction, room: int | None) -> Order | None:
    """The order; None: a body is somewhere else than in a tee's areas, or they are in those of two tees."""
    areas: Areas | None = None
    bodies: dict[str, tuple[Any, ...]] = {}
    for name in _LONG:
        body: LongBody | None = getattr(transaction, name)
        if body is None:
            continue
        if not isinstance(body, CopiedBody) or not isinstance(body.copy, CopiedStream):
            return None
        if areas is not None and body.copy.areas is not areas:
            return None
        areas = body.copy.areas
        stream = body.copy.stream
        bodies[name] = (
            stream.inline,
            tuple(map(tuple, stream.pieces)),
            body.start,
            body.framed_bytes,
            body.chunked,
        )
    if areas is None:
        return None
    fields = {name: getattr(transaction, name) for name in _FIELDS}
    return Order(marshal.dumps({"fields": fields, "bodies": bodies, "room": room}), areas)


def decode_order(message: bytes, areas: Areas) -> tuple[Transaction, int | None]:
    """The transaction, whose bodies are read from ``areas``, and the room for its line."""
    values = marshal.loads(message)  # noqa: S302 - from our own parent, through a socket pair
    transaction = Transaction(b"")
    for name, value in values["fields"].items():
        setattr(transaction, name, value)
    for name, (inline, pieces, start, length, chunked) in values["bodies"].items():
        stream = Stream(0, "", "end", 0, 0, inline, tuple(Piece(*piece) for piece in pieces))
        body = CopiedBody(
            CopiedStream(stream, areas), start, length, announced=None, chunked=chunked, ended=True
        )
        setattr(transaction, name, body)
    return transaction, values["room"]


class Outcome(NamedTuple):
    """What became of an order."""

    what: Literal["written", "full", "unreadable", "refused", "defect"]
    number: int = 0
    """Of bytes that were written; of an error (errno)."""
    text: str = ""


class DefectError(Exception):
    """The other process could not make the line, for no reason outside."""


def encode_outcome(outcome: Outcome) -> bytes:
    """What `read_outcome` reads."""
    return marshal.dumps(tuple(outcome))


def read_outcome(message: bytes) -> int:
    """How many bytes the line has.

    Raises:
        FullError, UnreadableError: see `agent.long_line`.
        OSError: the disk refuses.
        DefectError: see there.
    """
    outcome = Outcome(*marshal.loads(message))  # noqa: S302 - from our own child
    match outcome.what:
        case "written":
            return outcome.number
        case "full":
            raise FullError
        case "unreadable":
            raise UnreadableError(outcome.text)
        case "refused":
            raise OSError(outcome.number, outcome.text)
        case "defect":
            raise DefectError(outcome.text)
