"""The client's request as the shadow gets it."""

import pytest

from agent.mirrored import mirrored_request
from record.transaction import Transaction


def transaction(method: bytes, url: bytes, headers: bytes, body: bytes = b"") -> Transaction:
    made = Transaction(b"id-1")
    made.method, made.url, made.request_headers, made.request_body = method, url, headers, body
    return made


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (
            transaction(b"GET", b"/_cat/nodes?v", b"host: a:9200\r\naccept: */*\r\n\r\n"),
            b"GET /_cat/nodes?v HTTP/1.1\r\nhost: a:9200\r\naccept: */*\r\nx-capture-id: id-1\r\n\r\n",
        ),
        (
            transaction(b"DELETE", b"/%2F//x?a=b?c", b"host: a\r\ncontent-length: 2\r\n\r\n", b"{}"),
            b"DELETE /%2F//x?a=b?c HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\nx-capture-id: id-1\r\n\r\n{}",
        ),
        # Chunked as the client sent it; the chunks themselves are the proxy's affair.
        (
            transaction(b"POST", b"/", b"host: a\r\ntransfer-encoding: chunked\r\n\r\n", b"x" * 300),
            b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\nx-capture-id: id-1\r\n\r\n"
            b"12c\r\n" + b"x" * 300 + b"\r\n0\r\n\r\n",
        ),
        (
            transaction(b"POST", b"/", b"host: a\r\ntransfer-encoding: chunked\r\n\r\n"),
            b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\nx-capture-id: id-1\r\n\r\n0\r\n\r\n",
        ),
        # HTTP/2: neither a length nor chunks.
        (
            transaction(b"POST", b"/", b"host: a\r\n\r\n", b"{}"),
            b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\nx-capture-id: id-1\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        ),
        # What is of the hop. What else Connection names the primary got too: HAProxy passes it.
        (
            transaction(
                b"GET",
                b"/",
                b"host: a\r\nconnection: close, X-Drop\r\nx-drop: 1\r\nkeep-alive: 5\r\nte: trailers\r\nupgrade: h2c\r\n"
                b"proxy-connection: close\r\nexpect: 100-continue\r\nx-keep: 1\r\n\r\n",
            ),
            b"GET / HTTP/1.1\r\nhost: a\r\nx-drop: 1\r\nx-keep: 1\r\nx-capture-id: id-1\r\n\r\n",
        ),
        # A client's own identifier would be taken for ours.
        (
            transaction(b"GET", b"/", b"x-capture-id: forged\r\nhost: a\r\nx-capture-key: guessed\r\n\r\n"),
            b"GET / HTTP/1.1\r\nhost: a\r\nx-capture-id: id-1\r\n\r\n",
        ),
        # Repeated fields, empty values and bytes beyond ASCII stay as they are; large blocks are not remembered.
        (
            transaction(
                b"GET", b"/", b"a: 1\r\nb: \r\na: 2\r\nc: \xe4\r\nlong: " + b"x" * 5000 + b"\r\n\r\n"
            ),
            b"GET / HTTP/1.1\r\na: 1\r\nb: \r\na: 2\r\nc: \xe4\r\nlong: "
            + b"x" * 5000
            + b"\r\nx-capture-id: id-1\r\n\r\n",
        ),
    ],
)
def test_the_message(given: Transaction, expected: bytes) -> None:
    assert mirrored_request(given) == expected
