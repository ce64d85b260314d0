"""No credential reaches the record: whichever field it is in, however often, and whichever way the line is made."""

import pytest

from agent.parts import Proxy
from agent.put_copied import put_copied
from haproxy_config.nodes import parse_nodes
from haproxy_config.settings import ProxySettings
from record.entry import REDACTED, EntryWriter
from record.transaction import Transaction
from tests.har import fields, read_line
from tests.unit.exchanges import Kept, chunked, proxy_header
from tests.unit.long_bodies import HeldBody
from tests.unit.test_record_entry import transaction

SECRET = b"c2VjcmV0"

# HTTP's own, those of AWS, and those of Elasticsearch's and OpenSearch's documentation and clients.
CREDENTIALS = (
    "authorization",
    "proxy-authorization",
    "cookie",
    "set-cookie",
    "x-api-key",
    "x-amz-security-token",
    "es-secondary-authorization",
    "es-client-authentication",
    "x-client-authentication",
    "es-secondary-x-client-authentication",
)


@pytest.fixture
def writer() -> EntryWriter:
    return EntryWriter("primary", frozenset(ProxySettings("primary", parse_nodes(["a:1"])).redact_headers))


@pytest.mark.parametrize("name", CREDENTIALS)
@pytest.mark.parametrize("size", [10, 5000])
def test_every_line_of_a_credentials_field_is_redacted(writer: EntryWriter, name: str, size: int) -> None:
    # A header block beyond what is remembered too.
    filling = f"x-filling: {'x' * size}\r\n"
    shapes = (
        f"{name}: SharedSecret %s",
        f"{name.upper()}:%s",
        f"{name.title()}:\t %s \t",
        f"{name}: a=%s; b=1",
    )
    lines = "".join(f"{shape % SECRET.decode()}\r\n" for shape in shapes)
    block = f"{filling}{lines}content-length: 2\r\n\r\n".encode()
    both = {
        "request_headers": block,
        "response_headers": block,
        "request_body_bytes": 2,
        "response_body_bytes": 2,
    }
    made = transaction(**both, request_body=b"{}", response_body=b"{}")
    long = transaction(
        **both,
        request_body=b"",
        response_body=b"",
        request_long=HeldBody(b"{}"),
        response_long=HeldBody(b"{}"),
    )
    for line in (writer.line(made), b"".join(writer.long_line(long)), writer.line_without_long(long)):
        assert SECRET not in line
        for part in ("request", "response"):
            assert [value for key, value in fields(read_line(line)[part]) if key == name] == [REDACTED] * 4


@pytest.mark.parametrize("size", [20, 100_000])
def test_trailers_are_not_recorded(writer: EntryWriter, size: int) -> None:
    trailers = [b"authorization: Basic " + SECRET, b"x-sum: " + SECRET]
    body = chunked(b"x" * size, (7000,), trailers=trailers)
    head = b"transfer-encoding: chunked\r\ntrailer: authorization, x-sum\r\n\r\n"
    kept = Kept(
        proxy_header(b"id-1") + b"POST /i HTTP/1.1\r\nhost: a\r\n" + head + body,
        b"HTTP/1.1 103 Early Hints\r\nset-cookie: " + SECRET + b"\r\n\r\nHTTP/1.1 200 OK\r\n" + head + body,
    )
    made = Transaction(b"id-1")
    assert put_copied(made, kept.read(), Proxy(65536, mirrored=False))
    line = b"".join(writer.long_line(made)) if made.has_long_body else writer.line(made)
    assert SECRET not in line
    assert read_line(line)["request"]["postData"]["text"] == "x" * size
