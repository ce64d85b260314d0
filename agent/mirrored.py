"""The client's request as the shadow gets it, with the identifier by which the shadow's record is known too."""

from typing import Final

from record.remembered import Remembered
from record.transaction import Transaction

CAPTURE_ID: Final = b"x-capture-id"
CAPTURE_REPEATED: Final = b"x-capture-repeated"
"""Says of a request that the shadow may have had it before."""
CAPTURE_KEY: Final = b"x-capture-key"
"""Put in when it is sent (`agent.mirror_connection`): what is kept on disk until then is without it."""

# Fields of one hop (RFC 9110 7.6.1), Expect (the body is here already) and a client's own fields of the names that only the mirror may use. What
# else a client names in Connection stays: HAProxy passed it to the primary, and a client that lists Host or Authorization there must not get
# another request mirrored than the one that the primary had.
_DROPPED: Final = frozenset(
    (
        b"connection",
        b"proxy-connection",
        b"keep-alive",
        b"te",
        b"upgrade",
        b"expect",
        CAPTURE_ID,
        CAPTURE_REPEATED,
        CAPTURE_KEY,
    )
)

# RFC 9112 6. How the client framed its body is in the transaction; on the shadow's connection the framing is our own.
_FRAMING: Final = frozenset((b"content-length", b"transfer-encoding"))

NONE: Final = 0
SIZED: Final = 1
CHUNKED: Final = 2


def mirrored_request(transaction: Transaction) -> bytes:
    """The whole message: request line, headers, body. Always HTTP/1.1, as HAProxy itself sends it to a node.

    Without the body where ``request_wire`` has that: as it passed, it is to be sent next. Exactly one field says where the body ends, or none where there
    is no body and the client sent none.
    """
    fields = _end_to_end(transaction.request_headers)
    body = transaction.request_body
    size = len(body)
    wire = transaction.request_wire
    if wire is not None:
        body = b""
        headers = fields.framed(wire.chunked, wire.framed_bytes)
    elif size == fields.length:
        # Nearly all: the client's own field is right, or there is neither field nor body.
        headers = fields.as_sent
    else:
        # HTTP/2 needs no field; HAProxy too sends such a body chunked.
        chunked = fields.framing != SIZED
        headers = fields.framed(chunked, size)
        if chunked:
            body = b"%x\r\n%b\r\n0\r\n\r\n" % (size, body) if size else b"0\r\n\r\n"
    url = transaction.url
    if transaction.request_version == b"2.0" and not url.startswith(b"/"):
        url = _origin_form(url)
    return b"%b %b HTTP/1.1\r\n%bx-capture-id: %b\r\n\r\n%b" % (
        transaction.method,
        url,
        headers,
        transaction.id,
        body,
    )


def repeated(message: bytes) -> bytes:
    """The message of a request that the shadow may have had before, which says so."""
    head, _, body = message.partition(b"\r\n\r\n")
    return b"%b\r\n%b: perhaps\r\n\r\n%b" % (head, CAPTURE_REPEATED, body)


def _origin_form(url: bytes) -> bytes:
    """HTTP/2 names scheme and host apart from the path (RFC 9113 8.3.1); HAProxy shows them as one, and sends a node the path."""
    _, scheme, rest = url.partition(b"://")
    if not scheme:
        return url
    _, slash, path = rest.partition(b"/")
    return slash + path or b"/"


class _Fields:
    """The field lines to pass on, with the place of the one that says where the body ends."""

    def __init__(self, before: bytes, after: bytes, framing: int, length: int) -> None:
        self._before = before
        self._after = after
        self.framing = framing
        """How the client framed its body."""
        self.length = length
        """Of a body that goes with `as_sent`; below 0: there is none."""
        self.as_sent = self.framed(False, length) if framing == SIZED else before

    def framed(self, chunked: bool, size: int) -> bytes:
        """With one field that says where a body of so many bytes ends."""
        if chunked:
            return b"%btransfer-encoding: chunked\r\n%b" % (self._before, self._after)
        return b"%bcontent-length: %d\r\n%b" % (self._before, size, self._after)


def _end_to_end(block: bytes) -> _Fields:
    return _cached[block] if len(block) <= 2048 else _filter(block)


def _filter(block: bytes) -> _Fields:
    before: list[bytes] = []
    after: list[bytes] = []
    kept, framing, length = before, NONE, 0
    for line in block.split(b"\r\n")[:-2]:
        name, _, value = line.partition(b":")
        name = name.strip().lower()
        if name in _FRAMING:
            kept = after
            # Where there are both, it is in chunks (RFC 9112 6.3).
            framing = max(framing, CHUNKED if name == b"transfer-encoding" else SIZED)
            digits = value.strip()
            length = int(digits) if framing == SIZED and digits.isdigit() and len(digits) < 19 else -1
        elif name not in _DROPPED:
            kept.append(line + b"\r\n")
    return _Fields(b"".join(before), b"".join(after), framing, length)


# Clients repeat their header blocks; the bound keeps this under a few MiB.
_cached: Final = Remembered(_filter, 2048)
