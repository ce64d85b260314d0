"""HAProxy's lines about transactions.

`End` is what HAProxy writes for every transaction when it is done with it; short requests and answers are in it. `Unanswered` is written when a
node closes without an answer. `service.haproxy_lines` has the fields of both.
"""

import binascii
import re
from typing import Final

from agent.addresses import pack_address, pack_ip
from agent.counter import WRAP
from agent.parts import Proxy, put_request, put_response
from record.remembered import Remembered
from record.transaction import Transaction
from service.haproxy_lines import END, UNANSWERED, UNANSWERED_WORD

# How HAProxy names the tee among its servers.
TEE: Final = b"tee"

_END_LENGTH: Final = len(END)
_UNANSWERED_LENGTH: Final = 1 + len(UNANSWERED)
_UNANSWERED_WORD: Final = UNANSWERED_WORD.encode()

# The identifier in the line about a request that HAProxy could not even read, and refused with a 400.
NO_ID: Final = b"-"

# Header blocks up to this size, in base64, are remembered.
_REMEMBERED_BYTES: Final = 2732

_COMPLETION: Final = [field.name for field in END].index("completion")

# HAProxy's uuid(), on the shadow with the primary's behind a slash; and the digits of 32 bits.
_ID: Final = re.compile(rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?:/.*)?")
_COUNTER_DIGITS: Final = 10

# What HAProxy writes for a field that has no value.
_NOTHING: Final = b"-"


class _Line:
    """What both lines say about the request, as HAProxy writes it; `service.haproxy_lines` names the fields."""

    __slots__ = (
        "arrived",
        "client",
        "id",
        "known",
        "method",
        "received",
        "request_body",
        "request_headers",
        "request_version",
        "through_tee",
        "url",
    )

    id: bytes
    client: bytes
    request_version: bytes
    method: bytes
    known: bytes
    received: bytes
    arrived: bytes
    url: bytes
    request_headers: bytes
    request_body: bytes
    through_tee: bytes

    def fill_request(self, transaction: Transaction, proxy: Proxy) -> None:
        """Put the request into its transaction.

        Raises:
            ValueError: a number is none, or base64 is none.
        """
        t = transaction
        t.method = self.method
        t.url = _decoded(self.url)
        t.request_version = self.request_version
        t.earlier_completions = _known(self.known)
        t.received_us = _number(self.received)
        t.arrived_us = _number(self.arrived)
        t.client, t.client_port = pack_address[self.client]
        if self.request_headers != _NOTHING:
            held = _decoded(self.request_body)
            # Without the time of arrival the body had not come to its end.
            size = len(held) if t.arrived_us else len(held) + 1
            put_request(t, _block(self.request_headers), held, size, proxy)


class End(_Line):
    """HAProxy is done with a transaction."""

    __slots__ = (
        "_completion",
        "answered",
        "bytes_to_client",
        "error",
        "response_body",
        "response_headers",
        "response_version",
        "server",
        "server_address",
        "status",
        "termination",
        "timers",
    )

    def __init__(self, fields: list[bytes]) -> None:
        # In the order of `service.haproxy_lines.END`.
        (
            self.id,
            self.status,
            self.termination,
            self.bytes_to_client,
            self.timers,
            self.error,
            self.client,
            self.request_version,
            self.method,
            self.known,
            self._completion,
            self.received,
            self.arrived,
            self.answered,
            self.server,
            self.server_address,
            self.response_version,
            self.url,
            self.request_headers,
            self.request_body,
            self.response_headers,
            self.response_body,
            self.through_tee,
        ) = fields

    @property
    def late(self) -> bool:
        """HAProxy did not wait for the acknowledgement of the request or of the answer (``timeout processing``)."""
        return self.error != _NOTHING

    @property
    def completion(self) -> int:
        """The answer's number; 0: there was none.

        Raises:
            ValueError: it is no number.
        """
        return _completion(self._completion)

    def fill(self, transaction: Transaction, proxy: Proxy) -> None:
        """Put into the transaction what the line says and no message has said before.

        Raises:
            ValueError: a number is none, or base64 is none.
        """
        # Where the tee was away a node took its place.
        transaction.through_tee = self.server == TEE
        if not transaction.request_headers:
            self.fill_request(transaction, proxy)
        if not transaction.answered_us:
            transaction.status = max(int(self.status), 0)
            self._fill_response(transaction, proxy)
        if not transaction.completion:
            transaction.completion = self.completion
        transaction.timers = self.timers
        if self.through_tee != _NOTHING:
            # Until the copy is there; of what passed the tee by nobody has kept the bodies.
            transaction.request_whole = transaction.response_whole = False
        if self.termination[:1] in (b"S", b"s"):
            # The node broke off what HAProxy had begun to pass on.
            transaction.response_whole = False
        # "--" beside the whole answer says nothing that is not known.
        if self.termination != b"--" or not transaction.response_whole:
            transaction.termination = self.termination
            transaction.bytes_to_client = int(self.bytes_to_client)

    def _fill_response(self, transaction: Transaction, proxy: Proxy) -> None:
        # Through the tee the answer's headers may be in its copy alone.
        if self.response_headers == _NOTHING and _NOTHING in (self.through_tee, self.answered):
            return
        transaction.answered_us = _number(self.answered)
        transaction.response_version = self.response_version
        transaction.server = self.server
        transaction.server_address = pack_ip[self.server_address]
        body = _decoded(self.response_body)
        put_response(transaction, _block(self.response_headers), body, len(body), proxy)


class Unanswered(_Line):
    """A node closed without an answer. HAProxy's line about the end comes next, or never."""

    __slots__ = ()

    def __init__(self, fields: list[bytes]) -> None:
        # In the order of `service.haproxy_lines.UNANSWERED`.
        (
            _,
            self.id,
            self.client,
            self.request_version,
            self.method,
            self.known,
            self.received,
            self.arrived,
            self.url,
            self.request_headers,
            self.request_body,
            self.through_tee,
        ) = fields

    def fill(self, transaction: Transaction, proxy: Proxy) -> None:
        """Put the request into its transaction.

        Raises:
            ValueError: a number is none, or base64 is none.
        """
        self.fill_request(transaction, proxy)
        if self.through_tee != _NOTHING:
            transaction.through_tee = True
            transaction.request_whole = False


def parse_line(line: bytes) -> End | Unanswered | None:
    """What one line says; None when it is about no transaction."""
    fields = line.split(b" ")
    if len(fields) == _END_LENGTH:
        return End(fields)
    if len(fields) == _UNANSWERED_LENGTH and fields[0] == _UNANSWERED_WORD:
        return Unanswered(fields)
    return None


def is_ours(line: bytes) -> bool:
    """Whether a line that `parse_line` does not know is about a transaction all the same: damaged, or cut. HAProxy's own messages are not."""
    first = line.partition(b" ")[0]
    return first == _UNANSWERED_WORD or _ID.fullmatch(first) is not None


def completion_of(line: bytes) -> int:
    """The completion in a line about an end that is damaged or cut; 0: it is not there."""
    fields = line.split(b" ", _COMPLETION + 1)
    if len(fields) <= _COMPLETION or not _ID.fullmatch(fields[0]):
        return 0
    completion = fields[_COMPLETION]
    return _completion(completion) if completion.isdigit() and len(completion) <= _COUNTER_DIGITS else 0


def _completion(field: bytes) -> int:
    """0: HAProxy gave no number. The one of 0 is that of a counter that has come round."""
    return 0 if field == _NOTHING else int(field) or WRAP


def _decoded(field: bytes) -> bytes:
    return b"" if field == _NOTHING else binascii.a2b_base64(field)


def _block(field: bytes) -> bytes:
    """A header block. Clients and nodes repeat theirs."""
    return _blocks[field] if len(field) <= _REMEMBERED_BYTES else _decoded(field)


_blocks: Final = Remembered(_decoded, 1024)


def _number(field: bytes) -> int:
    return 0 if field == _NOTHING else int(field)


def _known(field: bytes) -> int:
    """-1: HAProxy did not say. 0 would say that the request depends on nothing."""
    return -1 if field == _NOTHING else int(field)
