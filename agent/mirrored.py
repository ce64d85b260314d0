"""The client's request as the shadow gets it, with the identifier by which the shadow's record is known too."""

import re
from typing import Final

from record.remembered import Remembered
from record.transaction import Transaction

CAPTURE_ID: Final = b"x-capture-id"
CAPTURE_KEY: Final = b"x-capture-key"
"""Put in when it is sent (`agent.mirror_connection`): what is kept on disk until then is without it."""

# RFC 9110 7.6.1, plus Expect (the body is here already) and a client's own fields of the names that only the mirror may use. Transfer-Encoding is handled apart:
# the body is framed as the client framed it. HAProxy shows names in lower case.
_HOP_BY_HOP: Final = frozenset(
    (
        b"connection",
        b"proxy-connection",
        b"keep-alive",
        b"te",
        b"upgrade",
        b"expect",
        b"transfer-encoding",
        CAPTURE_ID,
        CAPTURE_KEY,
    )
)


def mirrored_request(transaction: Transaction) -> bytes:
    """The whole message: request line, headers, body. Always HTTP/1.1, as HAProxy itself sends it to a node.

    Without the body where ``request_wire`` has that: as it passed, it is to be sent next.
    """
    headers, chunked, sized = _end_to_end(transaction.request_headers)
    body = transaction.request_body
    wire = transaction.request_wire
    if wire is not None:
        if wire.chunked and not chunked:
            headers += b"transfer-encoding: chunked\r\n"
        body, chunked = b"", False
    elif body and not sized and not chunked:
        # HTTP/2 needs neither field; HAProxy too sends such a body chunked.
        headers, chunked = headers + b"transfer-encoding: chunked\r\n", True
    if chunked:
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n"
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


def _origin_form(url: bytes) -> bytes:
    """HTTP/2 names scheme and host apart from the path (RFC 9113 8.3.1); HAProxy shows them as one, and sends a node the path."""
    _, scheme, rest = url.partition(b"://")
    if not scheme:
        return url
    _, slash, path = rest.partition(b"/")
    return slash + path or b"/"


def _end_to_end(block: bytes) -> tuple[bytes, bool, bool]:
    """The field lines to pass on, whether the client framed its body by chunks, and whether by a length."""
    return _cached[block] if len(block) <= 2048 else _filter(block)


def _filter(block: bytes) -> tuple[bytes, bool, bool]:
    lines = block.split(b"\r\n")[:-2]
    named = {name for line in lines if line.startswith(b"connection:") for name in _tokens(line)}
    dropped = _HOP_BY_HOP | named
    chunked = any(line.startswith(b"transfer-encoding:") for line in lines)
    kept = [line for line in lines if line.partition(b":")[0] not in dropped]
    if chunked:
        kept.append(b"transfer-encoding: chunked")
    sized = any(line.startswith(b"content-length:") for line in kept)
    return b"".join(line + b"\r\n" for line in kept), chunked, sized


# Clients repeat their header blocks; the bound keeps this under a few MiB.
_cached: Final = Remembered(_filter, 2048)


def _tokens(line: bytes) -> list[bytes]:
    return re.findall(rb"[^\s,]+", line.partition(b":")[2].lower())
