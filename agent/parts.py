"""The parts of a message put into its transaction: how much of it there is, and whether that is all of it."""

from dataclasses import dataclass
from typing import Final

from record.headers import parse_headers
from record.transaction import Transaction

# A chunked body may have outgrown HAProxy's buffer, and nothing says so; HAProxy keeps up to this much of the buffer
# for the start line and its own bookkeeping (8 bytes a header, and blocks), so less room than this means "perhaps".
_BOOKKEEPING: Final = 4096

_BODILESS_STATUSES: Final = frozenset((*range(100, 200), 204, 304))


@dataclass(frozen=True, slots=True)
class Proxy:
    """What must be known of the HAProxy that tells of a message."""

    message_bytes: int
    """What its buffer holds of one message."""
    mirrored: bool
    """Its requests come from a primary's mirror, and bear its identifiers."""


def put_request(t: Transaction, block: bytes, held: bytes, size: int, proxy: Proxy) -> None:
    """Put a request's header block and what there is of its body into its transaction.

    ``size``: the body's length in bytes as far as HAProxy knows it, more than ``held`` has when that is not all.
    """
    t.request_headers = block
    t.request_body = held
    length = parse_headers(block).content_length
    t.request_body_bytes = announced = max(size, len(held), length or 0)
    t.request_whole = len(held) == announced and (
        length is not None or len(block) + len(held) + len(t.url) + _BOOKKEEPING <= proxy.message_bytes
    )


def put_response(t: Transaction, block: bytes, held: bytes, size: int, proxy: Proxy) -> None:
    """Put an answer's header block and what there is of its body into its transaction; arguments as for `put_request`."""
    t.response_headers = block
    t.response_body = held
    if t.method == b"HEAD" or t.status in _BODILESS_STATUSES:
        t.response_body_bytes = 0
        t.response_whole = True
        return
    length = parse_headers(block).content_length
    t.response_body_bytes = announced = max(size, len(held), length or 0)
    t.response_whole = len(held) == announced and (
        length is not None or len(block) + len(held) + _BOOKKEEPING <= proxy.message_bytes
    )
