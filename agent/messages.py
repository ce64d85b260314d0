"""The long requests and answers, which HAProxy shows while it has them: the messages of ``templates/capture.spoe.cfg.j2``."""

from dataclasses import dataclass

from agent.counter import WRAP
from agent.parts import Proxy, put_request, put_response
from agent.spop.errors import INVALID, SpopError
from agent.spop.values import Value
from record.transaction import Transaction

# In the order of the template.
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


@dataclass(frozen=True, slots=True)
class Request:
    """HAProxy has a request: whole, or as much of it as its buffer holds."""

    values: list[Value]

    @property
    def id(self) -> bytes:
        """The transaction's identifier."""
        return _bytes(self.values[0])

    def fill(self, transaction: Transaction, proxy: Proxy) -> None:
        """Put the request into its transaction."""
        _, method, url, version, headers, body, size, known, received, arrived, client, port = self.values
        transaction.method = _bytes(method)
        transaction.url = _bytes(url)
        transaction.request_version = _bytes(version)
        transaction.earlier_completions = known if isinstance(known, int) else -1
        transaction.received_us = _int(received)
        transaction.arrived_us = _int(arrived)
        transaction.client = _bytes(client)
        transaction.client_port = _int(port)
        put_request(transaction, _bytes(headers), _bytes(body), _int(size), proxy)


@dataclass(frozen=True, slots=True)
class Response:
    """HAProxy has a node's answer: whole, or as much of it as its buffer holds."""

    values: list[Value]

    @property
    def id(self) -> bytes:
        """The transaction's identifier."""
        return _bytes(self.values[0])

    def fill(self, transaction: Transaction, proxy: Proxy) -> None:
        """Put the answer into its transaction."""
        _, status, version, headers, body, size, completion, answered, timers, server, address = self.values
        transaction.status = _int(status)
        transaction.response_version = _bytes(version)
        transaction.completion = (completion or WRAP) if isinstance(completion, int) else 0
        transaction.answered_us = _int(answered)
        transaction.timers = _bytes(timers)
        transaction.server = _bytes(server)
        transaction.server_address = _bytes(address)
        put_response(transaction, _bytes(headers), _bytes(body), _int(size), proxy)


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


def _bytes(value: Value) -> bytes:
    return value if isinstance(value, bytes) else b""


def _int(value: Value) -> int:
    return value if isinstance(value, int) else 0
