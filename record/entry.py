"""A transaction as one line of the capture log: a HAR 1.2 entry, with our additions in fields that start with ``_``.

docs/capture-format.md describes every field.
"""

import functools
import http
import json.encoder
import socket
import time
import urllib.parse

from record.bodies import read_body
from record.headers import Headers, parse_headers
from record.transaction import Transaction

REDACTED = "[redacted]"

# The C function behind json.dumps(..., ensure_ascii=False): a string with its quotes.
_quote = json.encoder.encode_basestring

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

_NO_HEADERS = parse_headers(b"")


class EntryWriter:
    """Turns transactions into lines.

    Args:
        cluster: ``primary`` or ``shadow``.
        redacted: names, in lower case, of the headers whose values are kept out of the record.
    """

    def __init__(self, cluster: str, redacted: frozenset[str]) -> None:
        self._cluster = _quote(cluster)
        self._redacted = redacted
        self._block = functools.lru_cache(maxsize=2048)(self._block_text)

    def line(self, transaction: Transaction) -> bytes:
        """The entry as one line of JSON, with its line end."""
        t = transaction
        send, connect, wait, receive = timings_ms(t)
        total = send + max(connect, 0) + wait + receive
        connect_text = "-1" if connect < 0 else f"{connect:.3f}"
        return (
            f'{{"startedDateTime":"{_instant(started_us(t))}","time":{total:.3f},'
            f'"request":{self._request(t)},"response":{self._response(t)},"cache":{{}},'
            f'"timings":{{"blocked":-1,"dns":-1,"connect":{connect_text},"ssl":-1,'
            f'"send":{send:.3f},"wait":{wait:.3f},"receive":{receive:.3f}}},'
            f'"serverIPAddress":"{_address(t.server_address)}","connection":"{t.client_port}",'
            f'"_id":{_quote(t.id.decode("latin-1"))},"_cluster":{self._cluster},'
            f'"_client":"{_address(t.client)}","_node":{_quote(t.server.decode("latin-1"))}{_marks(t)}}}\n'
        ).encode()

    def _request(self, t: Transaction) -> str:
        headers = _headers(t.request_headers)
        target = t.url.decode("latin-1")
        url = target if target.startswith(("http://", "https://")) else f"http://{headers.host}{target}"
        body = ""
        if t.request_body:
            shown = read_body(t.request_body, headers.content_encoding if t.request_whole else "")
            body = f'"postData":{{"mimeType":{_quote(headers.content_type)},"text":{_quote(shown.text)},"params":[]'
            if shown.base64:
                body += ',"_encoding":"base64"'
            if shown.decoded:
                body += f',"_size":{shown.size}'
            body += "},"
        return (
            f'{{"method":{_quote(t.method.decode("latin-1"))},"url":{_quote(url)},"httpVersion":"{_version(t.request_version)}",'
            f'"cookies":[],"headers":{self._fields(t.request_headers)},"queryString":{_query(target)},{body}'
            f'"headersSize":{_head_bytes(t.method, t.url, t.request_headers)},"bodySize":{t.request_body_bytes}}}'
        )

    def _response(self, t: Transaction) -> str:
        headers = _headers(t.response_headers)
        wire = t.response_body
        shown = read_body(wire, headers.content_encoding if t.response_whole else "")
        content = f'{{"size":{shown.size if t.response_whole else t.response_body_bytes},"mimeType":{_quote(headers.content_type)}'
        if shown.decoded:
            content += f',"compression":{shown.size - len(wire)}'
        if wire:
            content += f',"text":{_quote(shown.text)}'
        if shown.base64:
            content += ',"encoding":"base64"'
        headers_size = len(t.response_headers) + _status_line_bytes(t.status) if t.response_headers else -1
        return (
            f'{{"status":{t.status},"statusText":"{_phrase(t.status)}","httpVersion":"{_version(t.response_version)}",'
            f'"cookies":[],"headers":{self._fields(t.response_headers)},"content":{content}}},'
            f'"redirectURL":{_quote(headers.location)},"headersSize":{headers_size},"bodySize":{t.response_body_bytes}}}'
        )

    def _fields(self, block: bytes) -> str:
        return self._block(block) if len(block) <= 2048 else self._block_text(block)

    def _block_text(self, block: bytes) -> str:
        shown = (
            f'{{"name":{_quote(name)},"value":{_quote(REDACTED if name in self._redacted else value)}}}'
            for name, value in _headers(block).fields
        )
        return f"[{','.join(shown)}]"


def timings_ms(t: Transaction) -> tuple[float, float, float, float]:
    """HAR's send, connect, wait and receive in milliseconds; connect is -1 when no connection was made or needed.

    ``send`` is the client's time to send its request, from HAProxy's ``%TR`` and the wait for the body; ``connect`` is ``%Tc``;
    ``wait`` is the node's time until the answer's first byte, and ``receive`` what is left until the agent had the answer.
    """
    timers = _timers(t.timers)
    send = float(max(timers[0], 0))
    if t.received_us:
        send += max(t.arrived_us - t.received_us, 0) / 1000
    if not t.answered_ns:
        # Nothing but HAProxy's total is known of what came after the request.
        after = max(timers[4] - send, 0.0) if timers[4] >= 0 else 0.0
        return send, float(timers[2]), after, 0.0
    phase = (t.answered_ns - t.arrived_ns) / 1e6
    connect = min(float(timers[2]), phase)
    rest = phase - max(connect, 0.0)
    # %Tr is cut to whole milliseconds: a difference under 2 ms says nothing.
    receive = rest - timers[3] if timers[3] >= 0 and rest - timers[3] >= 2 else 0.0
    return send, connect, rest - receive, receive


def started_us(t: Transaction) -> int:
    """When the request's first byte arrived, in microseconds since 1970."""
    if not t.received_us:
        return t.arrived_us
    return t.received_us - max(_timers(t.timers)[0], 0) * 1000


def _timers(text: bytes) -> tuple[int, int, int, int, int]:
    try:
        values = [int(value) for value in text.split(b"/")]
    except ValueError:
        values = []
    values += [-1] * (5 - len(values))
    return values[0], values[1], values[2], values[3], values[4]


def _marks(t: Transaction) -> str:
    """The fields that are there only when there is something to say."""
    marks = ""
    cut = [side for side, whole in (("request", t.request_whole), ("response", t.response_whole)) if not whole]
    if t.status == 0 or not t.answered_ns:
        cut = [side for side in cut if side == "request"]
    if cut:
        marks += f',"_truncated":{json.dumps(cut)}'
    if t.termination:
        state = t.termination.decode("latin-1")
        cause = _CAUSES.get(state[0], "") if not t.response_whole else ""
        marks += f',"_termination":{{"state":{_quote(state)},"cause":{_quote(cause)}}}'
        if t.bytes_to_client:
            marks += f',"_bytesToClient":{t.bytes_to_client}'
    if t.mirror is not None:
        marks += f',"_mirror":{_quote(t.mirror or "queued")}'
    return marks


def _headers(block: bytes) -> Headers:
    return parse_headers(block) if block else _NO_HEADERS


def _query(target: str) -> str:
    _, mark, query = target.partition("?")
    if not mark:
        return "[]"
    pairs = urllib.parse.parse_qsl(query, keep_blank_values=True, encoding="utf-8", errors="replace")
    return json.dumps([{"name": name, "value": value} for name, value in pairs], ensure_ascii=False)


def _version(version: bytes) -> str:
    return f"HTTP/{version.decode('latin-1')}" if version else ""


def _head_bytes(method: bytes, url: bytes, block: bytes) -> int:
    # "METHOD URL HTTP/1.1\r\n"; the block has the empty line. -1: not known (HAR 1.2, "request").
    return len(method) + len(url) + 12 + len(block) if block else -1


@functools.cache
def _phrase(status: int) -> str:
    """HAProxy does not tell the node's phrase, and nobody may rely on it (RFC 9112 4): the standard one."""
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return ""


def _status_line_bytes(status: int) -> int:
    return 15 + len(_phrase(status))


@functools.lru_cache(maxsize=4096)
def _address(packed: bytes) -> str:
    if len(packed) == 4:
        return socket.inet_ntop(socket.AF_INET, packed)
    return socket.inet_ntop(socket.AF_INET6, packed) if len(packed) == 16 else ""


def _instant(us: int) -> str:
    return f"{_second(us // 1_000_000)}.{us % 1_000_000:06d}Z"


@functools.lru_cache(maxsize=16)
def _second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
