"""An exchange that the tee has handed over, read as the request and the answer that it is."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from agent.copied_body import Chunks, CopiedBody
from agent.copied_heads import CopiedHeads, UnboundedError
from agent.proxy_header import parse_proxy_header
from record.headers import Headers, parse_headers
from tee.handover import Exchange, Stream

NODE_HEADER: Final = b"x-cluster-traffic-capture-node"
"""Said by HAProxy's inner section (``templates/haproxy.cfg.j2``): the node, its address, the termination state."""

_NODE_FIELD = NODE_HEADER + b":"
_CLOSE = b"connection: close"
_BODILESS = frozenset((204, 304))
_SWITCHED = 101
_ANSWERED = b"--"


@dataclass(frozen=True, slots=True)
class CopiedMessage:
    """A request or an answer."""

    start_line: bytes
    headers: bytes
    """As HAProxy shows them: names in lower case, each line ended by CRLF, an empty one last."""
    body: CopiedBody

    @property
    def status(self) -> int:
        """Of an answer (RFC 9112 4); 0: there is none."""
        return _status(self.start_line)


@dataclass(frozen=True, slots=True)
class Node:
    """Who answered, as the inner section knows it."""

    name: bytes
    address: bytes
    """As HAProxy writes it."""
    termination: bytes
    """``--``: the node's own answer; otherwise why HAProxy made one."""

    @property
    def answered(self) -> bool:
        """The answer is the node's."""
        return self.termination == _ANSWERED


@dataclass(frozen=True, slots=True)
class Copied:
    """One exchange."""

    id: bytes
    """HAProxy's ``unique-id`` of the transaction; empty: a health check, or nothing of the request was copied."""
    request: CopiedMessage | None
    """None: not even its head is there."""
    response: CopiedMessage | None
    node: Node | None
    last_us: int
    """When the last byte passed, microseconds since 1970."""
    unbounded: bool = False
    """There are more heads, or longer ones, than `agent.copied_heads` reads: what is behind them is not known."""


def read_copied(exchange: Exchange, chunks_of: Callable[[Stream], Chunks]) -> Copied:
    """Read the heads, and the frames of chunked bodies.

    Raises:
        ValueError: the exchange is none of HAProxy's.
        OSError: the copy can't be read.
    """
    last_us = max(exchange.request.last_us, exchange.response.last_us)
    if not exchange.request.copied_bytes:
        # There was no room: whose it is nobody knows.
        return Copied(b"", None, None, None, last_us)
    chunks = chunks_of(exchange.request)
    parts = chunks()
    first = next(parts, b"")
    proxy_header = parse_proxy_header(first)
    if not proxy_header.identifier:
        return Copied(b"", None, None, None, last_us)
    request = response = node = None
    unbounded = False
    try:
        heads = CopiedHeads(itertools.chain((first,), parts), proxy_header.length)
        if (head := heads.next()) is not None:
            request = _message(head, heads.end, chunks, exchange.request, response_to=None)
        method = request.start_line.partition(b" ")[0] if request is not None else b""
        response = _response(chunks_of(exchange.response), exchange.response, method)
    except UnboundedError:
        unbounded = True
    if response is not None:
        response, node = _take_node(response)
    return Copied(proxy_header.identifier, request, response, node, last_us, unbounded)


def _response(chunks: Chunks, stream: Stream, method: bytes) -> CopiedMessage | None:
    """The answer behind interim ones (RFC 9110 15.2), which have no body, whatever they say (RFC 9112 6.3)."""
    heads = CopiedHeads(chunks(), 0)
    while (head := heads.next()) is not None:
        status = _status(head[: head.find(b"\r\n")])
        if not 100 <= status < 200 or status == _SWITCHED:
            return _message(head, heads.end, chunks, stream, response_to=method)
    return None


def _message(
    head: bytes, begin: int, chunks: Chunks, stream: Stream, *, response_to: bytes | None
) -> CopiedMessage:
    start_line, _, block = head.partition(b"\r\n")
    headers = parse_headers(block)
    length = stream.copied_bytes - begin
    if response_to is None:
        body = _request_body(chunks, begin, length, headers)
    else:
        body = _response_body(chunks, begin, length, headers, start_line, response_to, stream)
    return CopiedMessage(start_line, _without_close(block), body)


def _request_body(chunks: Chunks, begin: int, length: int, headers: Headers) -> CopiedBody:
    announced = None if headers.chunked else headers.content_length or 0
    return CopiedBody(chunks, begin, length, announced, chunked=headers.chunked, ended=False)


def _response_body(
    chunks: Chunks,
    begin: int,
    length: int,
    headers: Headers,
    start_line: bytes,
    method: bytes,
    stream: Stream,
) -> CopiedBody:
    if method == b"HEAD" or _status(start_line) in _BODILESS:
        return CopiedBody(chunks, begin, 0, 0, chunked=False, ended=True)
    return CopiedBody(
        chunks,
        begin,
        length,
        headers.content_length,
        chunked=headers.chunked,
        ended=stream.ending == "end" and not stream.incomplete,
    )


def _take_node(response: CopiedMessage) -> tuple[CopiedMessage, Node | None]:
    lines = response.headers.split(b"\r\n")
    said = [line for line in lines if line.startswith(_NODE_FIELD)]
    if not said:
        return response, None
    block = b"\r\n".join(line for line in lines if not line.startswith(_NODE_FIELD))
    words = said[-1].partition(b":")[2].split()
    name, address, termination = list(itertools.islice(itertools.chain(words, itertools.repeat(b"")), 3))
    return CopiedMessage(response.start_line, block, response.body), Node(name, address, termination)


def _without_close(block: bytes) -> bytes:
    """A header block without what HAProxy adds where a connection has one exchange only."""
    lines = block.split(b"\r\n")
    return b"\r\n".join(line for line in lines if line != _CLOSE) if _CLOSE in lines else block


def _status(start_line: bytes) -> int:
    digits = start_line[9:12]
    return int(digits) if digits.isdigit() else 0
