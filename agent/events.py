"""HAProxy's kinds of news about a transaction, read into the transaction.

`End` is the line that HAProxy writes for every transaction when it is done with it (the ``log-format`` in ``templates/haproxy.cfg.j2``). Short
requests and answers are in it. `Unanswered` is the line that is written when a node closes without an answer
(``docker_config_base/haproxy/unanswered.lua``). Long ones are shown before, while HAProxy has them: `Request` and `Response` are the messages of
``templates/capture.spoe.cfg.j2``. The order of arguments and fields is that of the templates.
"""

import binascii
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
    b"known",
    b"received",
    b"arrived",
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
    b"completion",
    b"answered",
    b"timers",
    b"server",
    b"server_address",
)
END_FIELDS = (
    b"id",
    b"status",
    b"termination",
    b"bytes_to_client",
    b"timers",
    b"error",
    b"client",
    b"version",
    b"method",
    b"known",
    b"completion",
    b"received",
    b"arrived",
    b"answered",
    b"server",
    b"server_address",
    b"response_version",
    b"url",
    b"request_headers",
    b"request_body",
    b"response_headers",
    b"response_body",
)

UNANSWERED_FIELDS = (
    b"unanswered",
    b"id",
    b"client",
    b"version",
    b"method",
    b"known",
    b"received",
    b"arrived",
    b"url",
    b"request_headers",
    b"request_body",
)

# A chunked body may have outgrown HAProxy's buffer, and nothing says so; HAProxy keeps up to this much of the buffer
# for the start line and its own bookkeeping (8 bytes a header, and blocks), so less room than this means "perhaps".
_BOOKKEEPING = 4096

_CAPTURE_ID_LINE = b"\r\nx-capture-id: "

# The identifier in the news of a request that HAProxy could not even read, and refused with a 400.
NO_ID = b"-"

# What HAProxy writes for a field that has no value.
_NOTHING = b"-"

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
        _, method, url, version, headers, body, size, known, received, arrived, client, port = self.values
        transaction.method = _bytes(method)
        transaction.url = _bytes(url)
        transaction.request_version = _bytes(version)
        transaction.earlier_completions = _int(known)
        transaction.received_us = _int(received)
        transaction.arrived_us = _int(arrived)
        transaction.client = _bytes(client)
        transaction.client_port = _int(port)
        _fill_request(transaction, _bytes(headers), _bytes(body), _int(size), message_bytes)


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
        _, status, version, headers, body, size, completion, answered, timers, server, address = self.values
        transaction.status = _int(status)
        transaction.response_version = _bytes(version)
        transaction.completion = _int(completion)
        transaction.answered_us = _int(answered)
        transaction.timers = _bytes(timers)
        transaction.server = _bytes(server)
        transaction.server_address = _bytes(address)
        _fill_response(transaction, _bytes(headers), _bytes(body), _int(size), message_bytes)


class End:
    """HAProxy is done with a transaction."""

    __slots__ = ("_fields", "id", "late")

    def __init__(self, fields: list[bytes]) -> None:
        self._fields = fields
        self.id: bytes = fields[0]
        self.late: bool = fields[5] != _NOTHING
        """HAProxy did not wait for the acknowledgement of the request or of the answer (``timeout processing``)."""

    def fill(self, transaction: Transaction, message_bytes: int) -> None:
        """Put into the transaction what the line says and no message has said before.

        Raises:
            ValueError: a number is none, or base64 is none.
        """
        fields = self._fields
        if not transaction.request_headers:
            self._fill_request(transaction, message_bytes)
        if not transaction.answered_us:
            transaction.status = max(int(fields[1]), 0)
            self._fill_response(transaction, message_bytes)
        if not transaction.completion:
            transaction.completion = _number(fields[10])
        transaction.timers = fields[4]
        if fields[2][:1] in (b"S", b"s"):
            # The node broke off what HAProxy had begun to pass on.
            transaction.response_whole = False
        # "--" beside the whole answer says nothing that is not known.
        if fields[2] != b"--" or not transaction.response_whole:
            transaction.termination = fields[2]
            transaction.bytes_to_client = int(fields[3])

    def _fill_request(self, transaction: Transaction, message_bytes: int) -> None:
        f = self._fields
        _fill_from_line(transaction, f[6], f[7], f[8], f[9], f[11], f[12], f[17], f[18], f[19], message_bytes)

    def _fill_response(self, transaction: Transaction, message_bytes: int) -> None:
        fields = self._fields
        if fields[20] == _NOTHING:
            return
        transaction.answered_us = _number(fields[13])
        transaction.response_version = fields[16]
        transaction.server = fields[14]
        transaction.server_address = pack_ip(fields[15])
        body = _decoded(fields[21])
        _fill_response(transaction, _decoded(fields[20]), body, len(body), message_bytes)


class Unanswered:
    """A node closed without an answer. HAProxy's line about the end comes next, or never."""

    __slots__ = ("_fields", "id")

    def __init__(self, fields: list[bytes]) -> None:
        self._fields = fields
        self.id: bytes = fields[1]

    def fill(self, transaction: Transaction, message_bytes: int) -> None:
        """Put the request into its transaction.

        Raises:
            ValueError: a number is none, or base64 is none.
        """
        _, _, client, version, method, known, received, arrived, url, block, body = self._fields
        _fill_from_line(
            transaction, client, version, method, known, received, arrived, url, block, body, message_bytes
        )


def parse_line(line: bytes) -> End | Unanswered | None:
    """The news in one line; None when it is none of ours."""
    fields = line.split(b" ")
    if len(fields) == len(END_FIELDS):
        return End(fields)
    if len(fields) == len(UNANSWERED_FIELDS) and fields[0] == UNANSWERED_FIELDS[0]:
        return Unanswered(fields)
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
    known = _addresses.get(text)
    if known is None:
        host, _, port = text.rpartition(b":")
        packed = pack_ip(host)
        known = (packed, int(port)) if packed and port.isdigit() else (b"", 0)
        if len(_addresses) >= 4096:
            _addresses.clear()
        _addresses[text] = known
    return known


def pack_ip(text: bytes) -> bytes:
    """The 4 or 16 bytes of an address; none for what is no address."""
    packed = _packed.get(text)
    if packed is None:
        try:
            packed = ipaddress.ip_address(text.decode("latin-1")).packed
        except ValueError:
            packed = b""
        if len(_packed) >= 4096:
            _packed.clear()
        _packed[text] = packed
    return packed


# Clients' connections and nodes' addresses repeat themselves.
_addresses: dict[bytes, tuple[bytes, int]] = {}
_packed: dict[bytes, bytes] = {}


def _fill_from_line(
    t: Transaction,
    client: bytes,
    version: bytes,
    method: bytes,
    known: bytes,
    received: bytes,
    arrived: bytes,
    url: bytes,
    block: bytes,
    body: bytes,
    message_bytes: int,
) -> None:
    t.method = method
    t.url = _decoded(url)
    t.request_version = version
    t.earlier_completions = _number(known)
    t.received_us = _number(received)
    t.arrived_us = _number(arrived)
    t.client, t.client_port = pack_address(client)
    if block != _NOTHING:
        held = _decoded(body)
        # Without the time of arrival the body had not come to its end.
        size = len(held) if t.arrived_us else len(held) + 1
        _fill_request(t, _decoded(block), held, size, message_bytes)


def _fill_request(t: Transaction, block: bytes, held: bytes, size: int, message_bytes: int) -> None:
    t.request_headers = block
    t.request_body = held
    length = parse_headers(block).content_length
    t.request_body_bytes = announced = max(size, len(held), length or 0)
    t.request_whole = len(held) == announced and (
        length is not None or len(block) + len(held) + len(t.url) + _BOOKKEEPING <= message_bytes
    )


def _fill_response(t: Transaction, block: bytes, held: bytes, size: int, message_bytes: int) -> None:
    t.response_headers = block
    t.response_body = held
    if t.method == b"HEAD" or t.status in _BODILESS_STATUSES:
        t.response_body_bytes = 0
        t.response_whole = True
        return
    length = parse_headers(block).content_length
    t.response_body_bytes = announced = max(size, len(held), length or 0)
    t.response_whole = len(held) == announced and (
        length is not None or len(block) + len(held) + _BOOKKEEPING <= message_bytes
    )


def _decoded(field: bytes) -> bytes:
    return b"" if field == _NOTHING else binascii.a2b_base64(field)


def _number(field: bytes) -> int:
    return 0 if field == _NOTHING else int(field)


def _bytes(value: Value) -> bytes:
    return value if isinstance(value, bytes) else b""


def _int(value: Value) -> int:
    return value if isinstance(value, int) else 0
