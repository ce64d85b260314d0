"""A transaction as one line of the capture log: a HAR 1.2 entry, with our additions in fields that start with ``_``.

docs/capture-format.md describes every field.
"""

import http
import socket
import time
import urllib.parse
from collections.abc import Iterator
from typing import Final

from record.bodies import read_body
from record.headers import Headers, parse_headers
from record.json_string import quote as _quote
from record.long_body import LongBody
from record.long_text import Limits, LongText
from record.remembered import Remembered
from record.transaction import Transaction

REDACTED: Final = "[redacted]"
REPEATED: Final = "[repeated]"

BODY_BYTES = 16 * 1024 * 1024
PREFIX_BYTES = 64 * 1024

# Holds the place of a long body's text while the rest of its line is made: JSON shows this character as an escape.
_PLACE: Final = "\0"

# Why a transaction without a whole answer ended (configuration manual, 8.5 "Session state at disconnection", first letter).
_CAUSES: Final = {
    "-": "the proxy answered",
    "C": "the client went away",
    "c": "the client was silent for too long",
    "S": "the node went away or refused",
    "s": "the node was silent for too long",
    "P": "the proxy refused the request or the answer",
    "L": "the proxy answered",
    "R": "the proxy ran out of resources",
    "I": "the proxy failed",
    "D": "the node was taken out of service",
    "U": "a better node came back",
    "K": "the proxy was told to end it",
    "?": "the proxy never told",
}

# Stands in URLs for the host that a client did not name (HTTP/1.0); RFC 2606 keeps the name free.
_NO_HOST: Final = "unknown.invalid"

# What HAProxy tells of times is believed within these: 2^31 ms, and the year 9999.
_LATEST_MS: Final = 2**31
_LATEST_US: Final = 253_402_300_799_999_999

# A longer name, and a longer value with the same name, is shown once: in HTTP/2 a byte repeats 4 KB (RFC 7541 6.1), and 37 bytes made a line of
# 352 KB. The same value with another name has been sent again.
_SHOWN_AGAIN: Final = 128

# How long the query taken apart may be, in characters: so many, and so many for each of the target. Two characters of it can make 25.
_QUERY_TEXT: Final = 2048
_QUERY_TEXT_EACH: Final = 3
_EMPTY_PAIR: Final = '{"name":"","value":""}'

# Header blocks up to this size are remembered.
_REMEMBERED_BYTES: Final = 2048


class _Head:
    """What a request or an answer shows of everything but its body.

    Args:
        headers: its fields.
        begin: its JSON up to where the body's comes.
        end: behind the body's, up to the number of the body's bytes.
        mark: behind that number.
    """

    __slots__ = ("begin", "end", "headers", "mark", "mime_type")

    def __init__(self, headers: Headers, begin: str, end: str, mark: str = "") -> None:
        self.headers = headers
        self.begin = begin
        self.end = end
        self.mark = mark
        self.mime_type = _quote(headers.content_type)


class EntryWriter:
    """Turns transactions into lines.

    Args:
        cluster: ``primary`` or ``shadow``.
        redacted: names of the headers whose values are kept out of the record.
        body_bytes: a long body up to this is shown whole, and a compressed body is decoded when it does not grow beyond this.
        prefix_bytes: of a longer one so many of its first bytes are shown.
    """

    def __init__(
        self,
        cluster: str,
        redacted: frozenset[str],
        body_bytes: int = BODY_BYTES,
        prefix_bytes: int = PREFIX_BYTES,
    ) -> None:
        self._limits = Limits(body_bytes, prefix_bytes)
        self._cluster = _quote(cluster)
        self._redacted = frozenset(name.lower() for name in redacted)
        self._location_is_shown = "location" not in self._redacted
        # Clients and nodes repeat themselves: a text is made once for each. Bounded in number and size.
        self._remembered = Remembered(self._fields_of, 2048)
        self._request_heads = Remembered(self._request_head, 1024)
        self._response_heads = Remembered(self._response_head, 1024)

    def line(self, transaction: Transaction) -> bytes:
        """The entry of a transaction whose bodies are in memory as one line of JSON, with its line end."""
        t = transaction
        request, response = self._request(t, None), self._response(t, None)
        return self._line(t, request, response, _marks(t, t.request_whole, t.response_whole)).encode()

    def long_line(self, transaction: Transaction) -> Iterator[bytes]:
        """The same line in parts of some 100 KiB, for a transaction with a long body. Any thread may make it.

        Raises:
            OSError: a body can't be read (any more).
        """
        t = transaction
        request = self._long_text(t.request_long, t.request_headers, t.request_whole)
        response = self._long_text(t.response_long, t.response_headers, t.response_whole)
        marks = _marks(t, t.request_whole, t.response_whole) + _abridged(request, response)
        line = self._line(t, self._request(t, request), self._response(t, response), marks)
        pieces = line.split(_PLACE)
        yield pieces[0].encode()
        place = 0
        for text in (request, response):
            if text is not None:
                yield from text.parts()
                place += 1
                yield pieces[place].encode()

    def line_without_long(self, transaction: Transaction) -> bytes:
        """The line of a transaction whose long bodies can't be recorded: without these, and marked as truncated."""
        t = transaction
        request_whole = t.request_whole and not _is_long(t.request_long)
        response_whole = t.response_whole and not _is_long(t.response_long)
        marks = _marks(t, request_whole, response_whole)
        return self._line(t, self._request(t, None), self._response(t, None), marks).encode()

    def _line(self, t: Transaction, request: str, response: str, marks: str) -> str:
        timers = _timers[t.timers]
        send, connect, wait, receive = timings_us(t, timers)
        started = _started_us(t, timers)
        # Six digits; what is compiled formats no number as fast.
        fraction = str(1_000_000 + started % 1_000_000)[1:]
        connection = f'"connection":"{t.client_port}",' if t.client_port else ""
        return (
            f'{{"startedDateTime":"{_second[started // 1_000_000]}.{fraction}Z",'
            f'"time":{_ms[send + max(connect, 0) + wait + receive]},'
            f'"request":{request},"response":{response},"cache":{{}},'
            f'"timings":{{"blocked":-1,"dns":-1,"connect":{_ms[connect] if connect >= 0 else "-1"},"ssl":-1,'
            f'"send":{_ms[send]},"wait":{_ms[wait]},"receive":{_ms[receive]}}},'
            f'{_server[t.server_address]}{connection}"_id":{_text(t.capture_id)},"_cluster":{self._cluster},'
            f'"_client":"{_address[t.client]}","_node":{_node[t.server]}{marks}}}\n'
        )

    def _request(self, t: Transaction, long: LongText | None) -> str:
        shown = t.method, t.url, t.request_version, t.request_headers
        repeated = len(t.method) + len(t.request_headers) + len(t.url) <= _REMEMBERED_BYTES
        head = self._request_heads[shown] if repeated else self._request_head(shown)
        body = ""
        if t.request_body:
            body = _post_data(t, head, self._limits.body_bytes)
        elif long is not None:
            body = _long_post_data(long, head)
        return f"{head.begin}{body}{head.end}{t.request_body_bytes if t.request_headers else -1}{head.mark}}}"

    def _request_head(self, shown: tuple[bytes, bytes, bytes, bytes]) -> _Head:
        method, url, version, block = shown
        headers, fields = self._headers(block)
        target = url.decode("latin-1")
        if target.startswith("/"):
            absolute, mark = f"http://{headers.host or _NO_HOST}{target}", ""
        else:
            absolute, mark = _absolute(method, target, headers.host), f',"_target":{_quote(target)}'
        # "METHOD URL HTTP/1.1\r\n"; the block has the empty line. -1: not known (HAR 1.2, "request").
        size = len(method) + len(url) + 12 + len(block) if block else -1
        return _Head(
            headers,
            f'{{"method":{_text(method)},"url":{_quote(absolute)},"httpVersion":{_version[version]},'
            f'"cookies":[],"headers":{fields},"queryString":{_query(target) if "?" in target else "[]"},',
            f'"headersSize":{size},"bodySize":',
            mark,
        )

    def _response(self, t: Transaction, long: LongText | None) -> str:
        answered = t.answered_us != 0
        shown = t.status, t.response_version, t.response_headers, answered
        repeated = len(t.response_headers) <= _REMEMBERED_BYTES
        head = self._response_heads[shown] if repeated else self._response_head(shown)
        content = _content(t, head, self._limits.body_bytes) if long is None else _long_content(t, long, head)
        return f"{head.begin}{content}{head.end}{t.response_body_bytes if answered else -1}}}"

    def _response_head(self, shown: tuple[int, bytes, bytes, bool]) -> _Head:
        status, version, block, answered = shown
        headers, fields = self._headers(block)
        phrase = _phrase[status]
        # "HTTP/1.1 200 PHRASE\r\n"; -1: not known, for nobody showed the answer (HAR 1.2, "response").
        size = 15 + len(phrase) + len(block) if answered else -1
        location = headers.location if self._location_is_shown else ""
        return _Head(
            headers,
            f'{{"status":{status},"statusText":"{phrase}","httpVersion":{_version[version]},'
            f'"cookies":[],"headers":{fields},"content":',
            f',"redirectURL":{_quote(location)},"headersSize":{size},"bodySize":',
        )

    def _headers(self, block: bytes) -> tuple[Headers, str]:
        return self._remembered[block] if len(block) <= _REMEMBERED_BYTES else self._fields_of(block)

    def _long_text(self, body: LongBody | None, block: bytes, whole: bool) -> LongText | None:
        if body is None or not _is_long(body):
            return None
        return LongText(body, self._headers(block)[0].content_encoding, whole, self._limits)

    def _fields_of(self, block: bytes) -> tuple[Headers, str]:
        headers = parse_headers(block)
        shown: list[str] = []
        seen: set[str] = set()
        for name, value in headers.fields:
            shown_name, shown_value = name, value
            if name in self._redacted:
                shown_value = REDACTED
            elif len(value) > _SHOWN_AGAIN:
                shown_value = _once(value, f"{name}:{value}", seen)
            if len(name) > _SHOWN_AGAIN:
                shown_name = _once(name, name, seen)
            shown.append(f'{{"name":{_quote(shown_name)},"value":{_quote(shown_value)}}}')
        return headers, f"[{','.join(shown)}]"


def _once(text: str, key: str, seen: set[str]) -> str:
    """A long name or value whose key is not in ``seen`` yet; there it is then."""
    if key in seen:
        return REPEATED
    seen.add(key)
    return text


def _is_long(body: LongBody | None) -> bool:
    """An empty one is shown as any other empty one."""
    return body is not None and body.wire_bytes > 0


def _post_data(t: Transaction, head: _Head, max_bytes: int) -> str:
    body = read_body(t.request_body, head.headers.content_encoding if t.request_whole else "", max_bytes)
    text = f'"postData":{{"mimeType":{head.mime_type},"text":{_quote(body.text)},"params":[]'
    if body.base64:
        text += ',"_encoding":"base64"'
    if body.decoded:
        text += f',"_size":{body.size}'
    return text + "},"


def _long_post_data(body: LongText, head: _Head) -> str:
    text = f'"postData":{{"mimeType":{head.mime_type},"text":"{_PLACE}","params":[]'
    if body.base64:
        text += ',"_encoding":"base64"'
    if body.decoded or body.abridged:
        text += f',"_size":{body.size}'
    if body.abridged:
        text += f',"_sha256":"{body.sha256}"'
    return text + "},"


def _content(t: Transaction, head: _Head, max_bytes: int) -> str:
    wire = t.response_body
    if not wire:
        return f'{{"size":{t.response_body_bytes},"mimeType":{head.mime_type}}}'
    body = read_body(wire, head.headers.content_encoding if t.response_whole else "", max_bytes)
    text = f'{{"size":{body.size if t.response_whole else t.response_body_bytes},"mimeType":{head.mime_type},"text":{_quote(body.text)}'
    if body.decoded:
        text += f',"compression":{body.size - len(wire)}'
    if body.base64:
        text += ',"encoding":"base64"'
    return text + "}"


def _long_content(t: Transaction, body: LongText, head: _Head) -> str:
    size = body.size if t.response_whole else t.response_body_bytes
    text = f'{{"size":{size},"mimeType":{head.mime_type},"text":"{_PLACE}"'
    if body.decoded:
        text += f',"compression":{body.size - body.wire_bytes}'
    if body.base64:
        text += ',"encoding":"base64"'
    if body.abridged:
        text += f',"_sha256":"{body.sha256}"'
    return text + "}"


def _abridged(request: LongText | None, response: LongText | None) -> str:
    parts = []
    if request is not None and request.abridged:
        parts.append('"request"')
    if response is not None and response.abridged:
        parts.append('"response"')
    return f',"_abridged":[{",".join(parts)}]' if parts else ""


def timings_us(t: Transaction, timers: tuple[int, int, int, int, int]) -> tuple[int, int, int, int]:
    """HAR's send, connect, wait and receive in microseconds; connect is -1 when no connection was made.

    ``send`` is the client's time to send its request, HAProxy's ``%TR``; ``connect`` is ``%Tc``;
    ``wait`` is the node's time until the answer's first byte, and ``receive`` what is left until HAProxy had the answer, or
    until its ``%Ta`` when the answer went on after that.
    """
    # %TR counts the wait for the body too, but in whole milliseconds.
    send = max(timers[0] * 1000, t.arrived_us - t.received_us if t.received_us else 0, 0)
    connect = timers[2] * 1000 if timers[2] >= 0 else -1
    total = timers[4] * 1000
    if not t.answered_us:
        # Nothing but HAProxy's total is known of what came after the request, if anything did (%Tw).
        rest = max(total - send - max(connect, 0), 0)
        return (send + rest, connect, 0, 0) if timers[1] < 0 else (send, connect, rest, 0)
    phase = max(t.answered_us - t.arrived_us, 0)
    connect = min(connect, phase)
    rest = phase - max(connect, 0)
    # HAProxy's times are cut to whole milliseconds: a difference under 2 ms says nothing.
    receive = rest - timers[3] * 1000
    if timers[3] < 0 or receive < 2000:
        receive = 0
    after = total - send - phase
    return send, connect, rest - receive, receive + after if after >= 2000 else receive


def _started_us(t: Transaction, timers: tuple[int, int, int, int, int]) -> int:
    """When HAProxy had the request's first byte, in microseconds since 1970."""
    if 0 < t.received_us <= _LATEST_US:
        # %TR less the wait for the body, which came after ``received_us``.
        return t.received_us - max(timers[0] * 1000 - max(t.arrived_us - t.received_us, 0), 0)
    # Nothing but the end of it was told: that was when it "arrived".
    return t.arrived_us if t.request_headers else t.arrived_us - max(timers[4], 0) * 1000


def _timers_of(text: bytes) -> tuple[int, int, int, int, int]:
    """HAProxy's %TR/%Tw/%Tc/%Tr/%Ta in ms; -1 for what was not reached or not told."""
    try:
        values = [int(value) for value in text.split(b"/")]
    except ValueError:
        values = []
    if len(values) > 5 or any(value > _LATEST_MS for value in values):
        values = []
    values += [-1] * (5 - len(values))
    return values[0], values[1], values[2], values[3], values[4]


def _marks(t: Transaction, request_whole: bool, response_whole: bool) -> str:
    """The fields that are there only when there is something to say."""
    marks = ""
    if not request_whole or not response_whole:
        cut = [] if request_whole else ['"request"']
        if t.answered_us and not response_whole:
            cut.append('"response"')
        if cut:
            marks += f',"_truncated":[{",".join(cut)}]'
    if t.termination:
        state = t.termination.decode("latin-1")
        cause = "" if t.answered_us else _cause(state, t)
        marks += f',"_termination":{{"state":{_quote(state)},"cause":{_quote(cause)}}}'
        if t.bytes_to_client:
            marks += f',"_bytesToClient":{t.bytes_to_client}'
    if t.repeated:
        marks += ',"_repeated":true'
    elif t.perhaps_repeated:
        marks += ',"_repeated":"perhaps"'
    if t.mirror is not None:
        marks += f',"_mirror":{_quote(t.mirror or "queued")}'
    return marks


def _query(target: str) -> str:
    query = target.partition("?")[2]
    most = _QUERY_TEXT + _QUERY_TEXT_EACH * len(target)
    if (query.count("&") + 1) * len(_EMPTY_PAIR) > most:
        return "[]"
    pairs = urllib.parse.parse_qsl(query, keep_blank_values=True, encoding="utf-8", errors="replace")
    shown = ",".join([f'{{"name":{_quote(name)},"value":{_quote(value)}}}' for name, value in pairs])
    return f"[{shown}]" if len(shown) <= most else "[]"


def _cause(state: str, t: Transaction) -> str:
    if state[:1] == "-" and _timers[t.timers][3] >= 0:
        return "the node answered; the agent did not see the answer"
    return _CAUSES.get(state[:1], "")


def _ms_of(us: int) -> str:
    return str(us / 1000)


def _version_of(version: bytes) -> str:
    return _quote(f"HTTP/{version.decode('latin-1')}" if version else "")


def _absolute(method: bytes, target: str, host: str) -> str:
    """The URL that a request target other than a path stands for (RFC 9112 3.2 and 3.3)."""
    if target[:8].lower().startswith(("http://", "https://")):
        return target
    if method == b"CONNECT":
        return f"http://{target}"
    return f"http://{host or _NO_HOST}" if target == "*" else f"http://{host or _NO_HOST}/{target}"


def _text(value: bytes) -> str:
    return _quote(value.decode("latin-1"))


def _phrase_of(status: int) -> str:
    """HAProxy does not tell the node's phrase, and nobody may rely on it (RFC 9112 4): the standard one."""
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return ""


def _address_of(packed: bytes) -> str:
    if len(packed) == 4:
        return socket.inet_ntop(socket.AF_INET, packed)
    return socket.inet_ntop(socket.AF_INET6, packed) if len(packed) == 16 else ""


def _server_of(packed: bytes) -> str:
    """HAR wants these fields left out when they are not known."""
    address = _address[packed]
    return f'"serverIPAddress":"{address}",' if address else ""


def _second_of(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


# Transactions repeat themselves.
_timers: Final = Remembered(_timers_of, 4096)
_ms: Final = Remembered(_ms_of, 8192)
_second: Final = Remembered(_second_of, 16)
_version: Final = Remembered(_version_of, 64)
_phrase: Final = Remembered(_phrase_of, 1024)
_address: Final = Remembered(_address_of, 4096)
_server: Final = Remembered(_server_of, 1024)
_node: Final = Remembered(_text, 1024)
