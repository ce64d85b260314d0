"""Addresses as HAProxy writes them."""

import socket

import pytest

from agent.addresses import pack_address, pack_ip

V6 = "2001:db8::1"


@pytest.mark.parametrize(
    ("text", "packed"),
    [
        (b"7F000001", b"\x7f\0\0\x01"),
        (b"20010DB8000000000000000000000001", socket.inet_pton(socket.AF_INET6, V6)),
        (b"127.0.0.1", b"\x7f\0\0\x01"),
        # As long as an IPv4 address in hexadecimal.
        (b"10.0.0.1", b"\x0a\0\0\x01"),
        (b"::1:2345", socket.inet_pton(socket.AF_INET6, "::1:2345")),
        (V6.encode(), socket.inet_pton(socket.AF_INET6, V6)),
        (b"-", b""),
        (b"", b""),
        (b"nonsense", b""),
    ],
)
def test_an_address_in_any_form_is_packed(text: bytes, packed: bytes) -> None:
    assert pack_ip[text] == packed
    assert pack_address[text + b":65535"] == ((packed, 65535) if packed else (b"", 0))


@pytest.mark.parametrize("text", [b"7F000001", b"7F000001:", b"7F000001:x", b"unix:1", b"-:-", b":0"])
def test_what_is_no_address_and_port_is_nothing(text: bytes) -> None:
    assert pack_address[text] == (b"", 0)
