"""HAProxy's three kinds of news about a transaction, read into the transaction.

The arguments' order is that of ``templates/capture.spoe.cfg.j2``, the end's fields those of the ``log-format`` in
``templates/haproxy.cfg.j2``.
"""

import ipaddress
from dataclasses import dataclass

from agent.spop.errors import INVALID, SpopError
from agent.spop.values import Value
from record.headers import parse_headers
from record.transaction import Transaction

REQUEST_ARGUMENTS = (
    b"id",
    b"method",
    b"url",
    b"version",
    b"headers",
    b"body",
    b"body_size",
    b"received",
    b"client",
    b"client_port",
)
RESPONSE_ARGUMENTS = (
    b"id",
    b"status",
    b"version",
    b"headers",
    b"body",
    b"body_size",
    b"timers",
    b"server",
    b"server_address",
)

# A chunked body may have outgrown HAProxy's buffer, and nothing says so; HAProxy keeps up to this much of the buffer
# for the start line and its own bookkeeping (8 bytes a header, and blocks), so less room than this means "perhaps".
_BOOKKEEPING = 4096

_CAPTURE_ID_LINE = b"\r\nx-capture-id: "

# The identifier in the news of a request that HAProxy could not even read, and refused with a 400.
NO_ID = b"-"

_BODILESS_STATUSES = frozenset((*range(100, 200), 204, 304))


@dataclass(frozen=True, slots=True)
class Request:
    """HAProxy has a request: whole, or as much of it as its buffer holds."""

    values: list[Value]

    @property
    def id(self) -> bytes:
        """The transaction's identifier."""
        return _bytes(self.values[0])

    def fill(self, transaction: Transaction, message_bytes: int) -> None:
        """Put the request into its transaction. ``message_bytes``: what HAProxy's buffer holds of one message."""
        _, method, url, version, headers, body, size, received, client, port = self.values
        transaction.method = _bytes(method)
        transaction.url = _bytes(url)
        transaction.request_version = _bytes(version)
        transaction.request_headers = block = _bytes(headers)
        transaction.request_body = held = _bytes(body)
        transaction.received_us = _int(received)
        transaction.client = _bytes(client)
        transaction.client_port = _int(port)
        transaction.request_body_bytes = announced = max(_int(size), len(held))
        transaction.request_whole = len(held) == announced and (
            parse_headers(block).content_length is not None or _fits(block, held, url, message_bytes)
        )


@dataclass(frozen=True, slots=True)
class Response:
    """HAProxy has a node's answer: whole, or as much of it as its buffer holds."""

    values: list[Value]

    @property
    def id(self) -> bytes:
        """The transaction's identifier."""
        return _bytes(self.values[0])

    def fill(self, transaction: Transaction, message_bytes: int) -> None:
        """Put the answer into its transaction."""
        _, status, version, headers, body, size, timers, server, address = self.values
        transaction.status = code = _int(status)
        transaction.response_version = _bytes(version)
        transaction.response_headers = block = _bytes(headers)
        transaction.response_body = held = _bytes(body)
        transaction.timers = _bytes(timers)
        transaction.server = _bytes(server)
        transaction.server_address = _bytes(address)
        if transaction.method == b"HEAD" or code in _BODILESS_STATUSES:
            transaction.response_body_bytes = 0
            transaction.response_whole = True
            return
        transaction.response_body_bytes = announced = max(_int(size), len(held))
        transaction.response_whole = len(held) == announced and (
            parse_headers(block).content_length is not None or _fits(block, held, b"", message_bytes)
        )


@dataclass(frozen=True, slots=True)
class End:
    """HAProxy is done with a transaction whose whole answer it did not show, or can't be sure to have shown."""

    id: bytes
    status: int
    termination: bytes
    bytes_to_client: int
    timers: bytes
    late: bool
    """HAProxy did not wait for the acknowledgement of the request or of the answer (``timeout processing``)."""
    client: bytes
    version: bytes
    method: bytes
    url: bytes


def parse_end(line: bytes) -> End | None:
    """The news in one log line; None when it is none of ours (a bad request has no method, so none of the last fields)."""
    fields = line.rstrip(b"\n").split(b" ", 9)
    if len(fields) < 10:
        return None
    identifier, status, termination, size, timers, error, client, version, method, url = fields
    try:
        return End(
            identifier,
            int(status),
            termination,
            int(size),
            timers,
            error != b"-",
            client,
            version,
            method,
            url,
        )
    except ValueError:
        return None


def parse_message(name: bytes, values: list[Value]) -> Request | Response:
    """The event that a message carries.

    Raises:
        SpopError: the message is not one that our SPOE configuration sends.
    """
    if name == b"request" and len(values) == len(REQUEST_ARGUMENTS):
        return Request(values)
    if name == b"response" and len(values) == len(RESPONSE_ARGUMENTS):
        return Response(values)
    raise SpopError(INVALID, f"unexpected message {name!r} with {len(values)} arguments")


def take_capture_id(transaction: Transaction) -> None:
    """On the shadow: the primary's identifier moves from the headers, where the mirror put it last, to the transaction."""
    block = transaction.request_headers
    start = block.rfind(_CAPTURE_ID_LINE)
    if start < 0:
        # The only line there is (HTTP/1.0 needs no Host) has no line end before it.
        if block.startswith(_CAPTURE_ID_LINE[2:]):
            identifier, _, transaction.request_headers = block[len(_CAPTURE_ID_LINE) - 2 :].partition(b"\r\n")
            transaction.capture_id = identifier
        return
    end = block.find(b"\r\n", start + 2)
    transaction.capture_id = block[start + len(_CAPTURE_ID_LINE) : end]
    transaction.request_headers = block[:start] + block[end:]


def pack_address(text: bytes) -> tuple[bytes, int]:
    """HAProxy's ``%ci:%cp`` as the 4 or 16 bytes of the address, and the port; (b"", 0) for what is no address."""
    host, _, port = text.decode("latin-1").rpartition(":")
    try:
        return ipaddress.ip_address(host).packed, int(port)
    except ValueError:
        return b"", 0


def _fits(block: bytes, body: bytes, url: Value, message_bytes: int) -> bool:
    start_line = len(url) if isinstance(url, bytes) else 0
    return len(block) + len(body) + start_line + _BOOKKEEPING <= message_bytes


def _bytes(value: Value) -> bytes:
    return value if isinstance(value, bytes) else b""


def _int(value: Value) -> int:
    return value if isinstance(value, int) else 0
