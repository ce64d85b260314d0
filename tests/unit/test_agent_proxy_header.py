"""The header with which HAProxy says whose request follows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.proxy_header import ProxyHeader, parse_proxy_header
from tests.unit.exchanges import LOCAL, proxy_header

# Captured from HAProxy 3.0: "send-proxy-v2 proxy-v2-options unique-id", a client on 127.0.0.1.
GOLDEN = bytes.fromhex(
    "0d0a0d0a000d0a515549540a"  # signature
    "21"  # version 2, PROXY
    "11"  # TCP over IPv4
    "0013"  # 19 bytes follow
    "7f0000017f000001c3502328"  # addresses, ports
    "050004"  # PP2_TYPE_UNIQUE_ID, 4 bytes
    "69642d31"
)


def test_golden_bytes() -> None:
    assert parse_proxy_header(GOLDEN + b"GET / HTTP/1.1\r\n") == ProxyHeader(35, b"id-1")


@given(
    st.binary(min_size=1, max_size=128),
    st.sampled_from((0x00, 0x11, 0x21, 0x31)),
    st.binary(max_size=20),
)
def test_the_identifier_is_found_behind_any_addresses_and_values(
    identifier: bytes, family: int, rest: bytes
) -> None:
    header = proxy_header(identifier, family=family)
    assert parse_proxy_header(header + rest) == ProxyHeader(len(header), identifier)


@pytest.mark.parametrize(
    "header", [proxy_header(b""), proxy_header(b"id", LOCAL), proxy_header(b"", LOCAL, 0)]
)
def test_a_health_check_has_no_identifier(header: bytes) -> None:
    assert parse_proxy_header(header) == ProxyHeader(len(header), b"")


@given(st.integers(0, len(GOLDEN) - 1))
def test_a_part_of_it_is_none(length: int) -> None:
    with pytest.raises(ValueError, match="PROXY header"):
        parse_proxy_header(GOLDEN[:length])


@pytest.mark.parametrize("data", [b"", b"GET / HTTP/1.1\r\n\r\n", b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n"])
def test_anything_else_is_none(data: bytes) -> None:
    with pytest.raises(ValueError, match="no PROXY header"):
        parse_proxy_header(data)


def test_a_value_that_is_longer_than_the_header_is_refused() -> None:
    damaged = GOLDEN[:29] + b"\x05" + GOLDEN[30:]
    with pytest.raises(ValueError, match="behind its"):
        parse_proxy_header(damaged + b"more than enough")
