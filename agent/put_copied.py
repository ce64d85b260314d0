"""A tee's copy put into its transaction, which HAProxy's line has told all about but the bodies (and what else did not fit it)."""

from agent.addresses import pack_ip
from agent.copied import Copied, CopiedMessage, Node
from agent.parts import Proxy, put_request, put_response
from record.transaction import Transaction

# A body up to this size is taken out of the copy at once.
_SHORT_BYTES = 64 * 1024

# Unless its framing is longer than that of so many chunks of one byte: the event loop has other things to do than to read chunk extensions.
_SHORT_FRAMED_BYTES = 1024 * 1024


def put_copied(t: Transaction, copied: Copied, proxy: Proxy) -> bool:
    """Put in what the copy has.

    Returns:
        Whether the transaction reads the copy from now on, so that the tee must keep it.

    Raises:
        OSError: the copy can't be read; the transaction is as it was.
    """
    # All reading first: of a copy that can't be read nothing may be left in the transaction.
    request_body, response_body = _short_body(copied.request), _short_body(copied.response)
    if copied.request is not None:
        _put_request(t, copied.request, request_body, proxy)
    if copied.response is not None:
        _put_response(t, copied.response, response_body, copied.node, proxy)
    return t.request_long is not None or t.response_long is not None or t.request_wire is not None


def _short_body(message: CopiedMessage | None) -> bytes | None:
    """None: it is not short."""
    if message is None:
        return None
    body = message.body
    if body.wire_bytes > _SHORT_BYTES or body.framed_bytes > _SHORT_FRAMED_BYTES:
        return None
    return b"".join(body.chunks())


def _put_request(t: Transaction, message: CopiedMessage, short: bytes | None, proxy: Proxy) -> None:
    method, _, rest = message.start_line.partition(b" ")
    t.method = t.method or method
    t.url = t.url or rest.rpartition(b" ")[0]
    put_request(t, t.request_headers or message.headers, b"", 0, proxy)
    body = message.body
    t.request_body_bytes = body.announced_bytes
    t.request_whole = body.whole
    if short is not None:
        t.request_body = short
    else:
        t.request_long = body
    if body.followed and short is None:
        # Where its own bytes end is not known exactly enough to send it on.
        t.request_whole = False
    elif body.whole and not body.followed and (short is None or body.trailers):
        t.request_wire = body


def _put_response(
    t: Transaction, message: CopiedMessage, short: bytes | None, node: Node | None, proxy: Proxy
) -> None:
    if node is not None and not node.answered:
        # HAProxy's inner section had no answer to pass on: as if the outer one had found out itself.
        t.answered_us = 0
        t.response_version = t.server = t.server_address = b""
        t.termination = node.termination
        t.timers = _without_a_connection(t.timers) if node.termination[1:] in (b"C", b"Q") else t.timers
        return
    if not t.status:
        # HAProxy's line was lost.
        t.status = message.status
        t.response_version = message.start_line[5:8]
    if node is not None:
        t.server = node.name
        t.server_address = pack_ip[node.address]
    put_response(t, message.headers, b"", 0, proxy)
    body = message.body
    t.response_body_bytes = body.announced_bytes
    t.response_whole = body.whole and t.termination[:1] not in (b"S", b"s")
    if short is not None:
        t.response_body = short
    else:
        t.response_long = body
    if t.response_whole and t.termination == b"--":
        # Beside the whole answer it says nothing.
        t.termination = b""
        t.bytes_to_client = 0


def _without_a_connection(timers: bytes) -> bytes:
    """HAProxy's %TR/%Tw/%Tc/%Tr/%Ta of a request that reached no node."""
    values = timers.split(b"/")
    return b"/".join((*values[:2], b"-1", b"-1", *values[4:])) if len(values) > 3 else timers
