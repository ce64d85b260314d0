"""HAProxy's lines about transactions.

`End` is what HAProxy writes for every transaction when it is done with it (the ``log-format`` in ``templates/haproxy.cfg.j2``); short
requests and answers are in it. `Unanswered` is written when a node closes without an answer (``docker_config_base/haproxy/unanswered.lua``).
"""

import binascii
import re
from typing import Final

from agent.addresses import pack_address, pack_ip
from agent.counter import WRAP
from agent.parts import Proxy, put_request, put_response
from record.remembered import Remembered
from record.transaction import Transaction

# How HAProxy names the tee among its servers.
TEE: Final = b"tee"

# In the order of the template, and of the script.
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
    b"through_tee",
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
    b"through_tee",
)

# The identifier in the news of a request that HAProxy could not even read, and refused with a 400.
NO_ID: Final = b"-"

# Header blocks up to this size, in base64, are remembered.
_REMEMBERED_BYTES: Final = 2732

_COMPLETION: Final = END_FIELDS.index(b"completion")

# HAProxy's uuid(), on the shadow with the primary's behind a slash; and the digits of 32 bits.
_ID: Final = re.compile(rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?:/.*)?")
_COUNTER_DIGITS: Final = 10

# What HAProxy writes for a field that has no value.
_NOTHING: Final = b"-"


class End:
    """HAProxy is done with a transaction."""

    __slots__ = ("_fields", "id", "late")

    def __init__(self, fields: list[bytes]) -> None:
        self._fields = fields
        self.id: bytes = fields[0]
        self.late: bool = fields[5] != _NOTHING
        """HAProxy did not wait for the acknowledgement of the request or of the answer (``timeout processing``)."""

    @property
    def completion(self) -> int:
        """The answer's number; 0: there was none.

        Raises:
            ValueError: it is no number.
        """
        return _completion(self._fields[10])

    def fill(self, transaction: Transaction, proxy: Proxy) -> None:
        """Put into the transaction what the line says and no message has said before.

        Raises:
            ValueError: a number is none, or base64 is none.
        """
        fields = self._fields
        # Where the tee was away a node took its place.
        transaction.through_tee = fields[14] == TEE
        if not transaction.request_headers:
            self._fill_request(transaction, proxy)
        if not transaction.answered_us:
            transaction.status = max(int(fields[1]), 0)
            self._fill_response(transaction, proxy)
        if not transaction.completion:
            transaction.completion = self.completion
        transaction.timers = fields[4]
        if fields[22] != _NOTHING:
            # Until the copy is there; of what passed the tee by nobody has kept the bodies.
            transaction.request_whole = transaction.response_whole = False
        if fields[2][:1] in (b"S", b"s"):
            # The node broke off what HAProxy had begun to pass on.
            transaction.response_whole = False
        # "--" beside the whole answer says nothing that is not known.
        if fields[2] != b"--" or not transaction.response_whole:
            transaction.termination = fields[2]
            transaction.bytes_to_client = int(fields[3])

    def _fill_request(self, transaction: Transaction, proxy: Proxy) -> None:
        f = self._fields
        _fill_from_line(transaction, f[6], f[7], f[8], f[9], f[11], f[12], f[17], f[18], f[19], proxy)

    def _fill_response(self, transaction: Transaction, proxy: Proxy) -> None:
        fields = self._fields
        if fields[20] == _NOTHING and not (fields[22] != _NOTHING and fields[13] != _NOTHING):
            return
        transaction.answered_us = _number(fields[13])
        transaction.response_version = fields[16]
        transaction.server = fields[14]
        transaction.server_address = pack_ip[fields[15]]
        body = _decoded(fields[21])
        put_response(transaction, _block(fields[20]), body, len(body), proxy)


class Unanswered:
    """A node closed without an answer. HAProxy's line about the end comes next, or never."""

    __slots__ = ("_fields", "id")

    def __init__(self, fields: list[bytes]) -> None:
        self._fields = fields
        self.id: bytes = fields[1]

    def fill(self, transaction: Transaction, proxy: Proxy) -> None:
        """Put the request into its transaction.

        Raises:
            ValueError: a number is none, or base64 is none.
        """
        _, _, client, version, method, known, received, arrived, url, block, body, tee = self._fields
        _fill_from_line(
            transaction, client, version, method, known, received, arrived, url, block, body, proxy
        )
        if tee != _NOTHING:
            transaction.through_tee = True
            transaction.request_whole = False


def parse_line(line: bytes) -> End | Unanswered | None:
    """The news in one line; None when it is none of ours."""
    fields = line.split(b" ")
    if len(fields) == len(END_FIELDS):
        return End(fields)
    if len(fields) == len(UNANSWERED_FIELDS) and fields[0] == UNANSWERED_FIELDS[0]:
        return Unanswered(fields)
    return None


def is_ours(line: bytes) -> bool:
    """Whether a line that `parse_line` does not know is about a transaction all the same: damaged, or cut. HAProxy's own messages are not."""
    first = line.partition(b" ")[0]
    return first == UNANSWERED_FIELDS[0] or _ID.fullmatch(first) is not None


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
    proxy: Proxy,
) -> None:
    t.method = method
    t.url = _decoded(url)
    t.request_version = version
    t.earlier_completions = _known(known)
    t.received_us = _number(received)
    t.arrived_us = _number(arrived)
    t.client, t.client_port = pack_address[client]
    if block != _NOTHING:
        held = _decoded(body)
        # Without the time of arrival the body had not come to its end.
        size = len(held) if t.arrived_us else len(held) + 1
        put_request(t, _block(block), held, size, proxy)


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
