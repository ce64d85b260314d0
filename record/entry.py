"""A transaction as one line of the capture log: a HAR 1.2 entry, with our additions in fields that start with ``_``.

docs/capture-format.md describes every field.
"""

import functools
import http
import json.encoder
import socket
import time
import urllib.parse
from collections.abc import Callable

from record.bodies import read_body
from record.headers import Headers, parse_headers
from record.transaction import Transaction

REDACTED = "[redacted]"

# The C function behind json.dumps(..., ensure_ascii=False): a string with its quotes.
# By its name: older type stubs, which mypyc in the images may have, do not know it.
_quote: Callable[[str], str] = vars(json.encoder)["encode_basestring"]

# Why a transaction without a whole answer ended (configuration manual, 8.5 "Session state at disconnection", first letter).
_CAUSES = {
    "-": "the proxy answered",
    "C": "the client went away",
    "c": "the client was silent for too long",
    "S": "the node went away or refused",
    "s": "the node was silent for too long",
    "P": "the proxy refused the request",
    "L": "the proxy answered",
    "R": "the proxy ran out of resources",
    "I": "the proxy failed",
    "D": "the node was taken out of service",
    "K": "the proxy was told to end it",
    "?": "the proxy never told",
}

# Header blocks up to this size are remembered.
_REMEMBERED_BYTES = 2048


class EntryWriter:
    """Turns transactions into lines.

    Args:
        cluster: ``primary`` or ``shadow``.
        redacted: names, in lower case, of the headers whose values are kept out of the record.
    """

    def __init__(self, cluster: str, redacted: frozenset[str]) -> None:
        self._cluster = _quote(cluster)
        self._redacted = redacted
        # Clients and nodes repeat their header blocks: the text is made once for each. Bounded in number and size.
        self._remembered = functools.lru_cache(maxsize=2048)(self._fields_of)

    def line(self, transaction: Transaction) -> bytes:
        """The entry as one line of JSON, with its line end."""
        t = transaction
        timers = _timers(t.timers)
        send, connect, wait, receive = timings_us(t, timers)
        started = t.received_us - max(timers[0], 0) * 1000 if t.received_us else t.arrived_us
        return (
            f'{{"startedDateTime":"{_second(started // 1_000_000)}.{started % 1_000_000:06d}Z",'
            f'"time":{_ms(send + max(connect, 0) + wait + receive)},'
            f'"request":{self._request(t)},"response":{self._response(t)},"cache":{{}},'
            f'"timings":{{"blocked":-1,"dns":-1,"connect":{_ms(connect) if connect >= 0 else "-1"},"ssl":-1,'
            f'"send":{_ms(send)},"wait":{_ms(wait)},"receive":{_ms(receive)}}},'
            f'"serverIPAddress":"{_address(t.server_address)}","connection":"{t.client_port}",'
            f'"_id":{_text(t.capture_id)},"_cluster":{self._cluster},'
            f'"_client":"{_address(t.client)}","_node":{_text(t.server)}{_marks(t)}}}\n'
        ).encode()

    def _request(self, t: Transaction) -> str:
        block = t.request_headers
        headers, fields = (
            self._remembered(block) if len(block) <= _REMEMBERED_BYTES else self._fields_of(block)
        )
        target = t.url.decode("latin-1")
        url = target if target.startswith(("http://", "https://")) else f"http://{headers.host}{target}"
        body = _post_data(t, headers) if t.request_body else ""
        # "METHOD URL HTTP/1.1\r\n"; the block has the empty line. -1: not known (HAR 1.2, "request").
        size = len(t.method) + len(t.url) + 12 + len(block) if block else -1
        return (
            f'{{"method":{_text(t.method)},"url":{_quote(url)},"httpVersion":"{_version(t.request_version)}",'
            f'"cookies":[],"headers":{fields},"queryString":{_query(target) if "?" in target else "[]"},{body}'
            f'"headersSize":{size},"bodySize":{t.request_body_bytes}}}'
        )

    def _response(self, t: Transaction) -> str:
        block, wire = t.response_headers, t.response_body
        headers, fields = (
            self._remembered(block) if len(block) <= _REMEMBERED_BYTES else self._fields_of(block)
        )
        phrase = _phrase(t.status)
        # "HTTP/1.1 200 PHRASE\r\n"
        size = 15 + len(phrase) + len(block) if block else -1
        return (
            f'{{"status":{t.status},"statusText":"{phrase}","httpVersion":"{_version(t.response_version)}",'
            f'"cookies":[],"headers":{fields},"content":{_content(t, wire, headers)},'
            f'"redirectURL":{_quote(headers.location)},"headersSize":{size},"bodySize":{t.response_body_bytes}}}'
        )

    def _fields_of(self, block: bytes) -> tuple[Headers, str]:
        headers = parse_headers(block)
        shown = [
            f'{{"name":{_quote(name)},"value":{_quote(REDACTED if name in self._redacted else value)}}}'
            for name, value in headers.fields
        ]
        return headers, f"[{','.join(shown)}]"


def _post_data(t: Transaction, headers: Headers) -> str:
    body = read_body(t.request_body, headers.content_encoding if t.request_whole else "")
    text = f'"postData":{{"mimeType":{_quote(headers.content_type)},"text":{_quote(body.text)},"params":[]'
    if body.base64:
        text += ',"_encoding":"base64"'
    if body.decoded:
        text += f',"_size":{body.size}'
    return text + "},"


def _content(t: Transaction, wire: bytes, headers: Headers) -> str:
    mime_type = _quote(headers.content_type)
    if not wire:
        return f'{{"size":{0 if t.response_whole else t.response_body_bytes},"mimeType":{mime_type}}}'
    body = read_body(wire, headers.content_encoding if t.response_whole else "")
    text = f'{{"size":{body.size if t.response_whole else t.response_body_bytes},"mimeType":{mime_type},"text":{_quote(body.text)}'
    if body.decoded:
        text += f',"compression":{body.size - len(wire)}'
    if body.base64:
        text += ',"encoding":"base64"'
    return text + "}"


def timings_us(t: Transaction, timers: tuple[int, int, int, int, int]) -> tuple[int, int, int, int]:
    """HAR's send, connect, wait and receive in microseconds; connect is -1 when no connection was made.

    ``send`` is the client's time to send its request, from HAProxy's ``%TR`` and the wait for the body; ``connect`` is ``%Tc``;
    ``wait`` is the node's time until the answer's first byte, and ``receive`` what is left until the agent had the answer.
    """
    send = max(timers[0], 0) * 1000
    if t.received_us:
        send += max(t.arrived_us - t.received_us, 0)
    connect = timers[2] * 1000 if timers[2] >= 0 else -1
    if not t.answered_ns:
        # Nothing but HAProxy's total is known of what came after the request.
        return send, connect, max(timers[4] * 1000 - send - max(connect, 0), 0) if timers[4] >= 0 else 0, 0
    phase = (t.answered_ns - t.arrived_ns) // 1000
    connect = min(connect, phase)
    rest = phase - max(connect, 0)
    # %Tr is cut to whole milliseconds: a difference under 2 ms says nothing.
    receive = rest - timers[3] * 1000
    if timers[3] < 0 or receive < 2000:
        receive = 0
    return send, connect, rest - receive, receive


@functools.lru_cache(maxsize=4096)
def _timers(text: bytes) -> tuple[int, int, int, int, int]:
    """HAProxy's %TR/%Tw/%Tc/%Tr/%Ta in ms; -1 for what was not reached or not told."""
    try:
        values = [int(value) for value in text.split(b"/")]
    except ValueError:
        values = []
    values += [-1] * (5 - len(values))
    return values[0], values[1], values[2], values[3], values[4]


def _marks(t: Transaction) -> str:
    """The fields that are there only when there is something to say."""
    marks = ""
    if not t.request_whole or not t.response_whole:
        cut = [] if t.request_whole else ["request"]
        if t.answered_ns and not t.response_whole:
            cut.append("response")
        if cut:
            marks += f',"_truncated":{json.dumps(cut)}'
    if t.termination:
        state = t.termination.decode("latin-1")
        cause = "" if t.answered_ns else _CAUSES.get(state[0], "")
        marks += f',"_termination":{{"state":{_quote(state)},"cause":{_quote(cause)}}}'
        if t.bytes_to_client:
            marks += f',"_bytesToClient":{t.bytes_to_client}'
    if t.mirror is not None:
        marks += f',"_mirror":{_quote(t.mirror or "queued")}'
    return marks


def _query(target: str) -> str:
    query = target.partition("?")[2]
    pairs = urllib.parse.parse_qsl(query, keep_blank_values=True, encoding="utf-8", errors="replace")
    return json.dumps([{"name": name, "value": value} for name, value in pairs], ensure_ascii=False)


@functools.lru_cache(maxsize=8192)
def _ms(us: int) -> str:
    return str(us / 1000)


@functools.lru_cache(maxsize=64)
def _version(version: bytes) -> str:
    return f"HTTP/{version.decode('latin-1')}" if version else ""


def _text(value: bytes) -> str:
    return _quote(value.decode("latin-1"))


@functools.cache
def _phrase(status: int) -> str:
    """HAProxy does not tell the node's phrase, and nobody may rely on it (RFC 9112 4): the standard one."""
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return ""


@functools.lru_cache(maxsize=4096)
def _address(packed: bytes) -> str:
    if len(packed) == 4:
        return socket.inet_ntop(socket.AF_INET, packed)
    return socket.inet_ntop(socket.AF_INET6, packed) if len(packed) == 16 else ""


@functools.lru_cache(maxsize=16)
def _second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
