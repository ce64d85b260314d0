"""The header with which HAProxy says whose request follows (the PROXY protocol, version 2, section 2.2 of its specification)."""

from typing import NamedTuple

_SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
_FIXED_BYTES = 16
_PROXY = 0x21

# Bytes of the addresses by family: IPv4, IPv6, Unix; anything else has none that matter.
_ADDRESS_BYTES = {1: 12, 2: 36, 3: 216}

_UNIQUE_ID = 0x05


class ProxyHeader(NamedTuple):
    """``length`` bytes long, and the ``unique-id`` of HAProxy's transaction; a health check's is empty."""

    length: int
    identifier: bytes


def parse_proxy_header(data: bytes) -> ProxyHeader:
    """Read the header at the start of ``data``.

    Raises:
        ValueError: there is none, not all of it, or its lengths contradict each other.
    """
    if len(data) < _FIXED_BYTES or not data.startswith(_SIGNATURE):
        raise ValueError(f"no PROXY header: {data[:_FIXED_BYTES]!r}")
    length = _FIXED_BYTES + int.from_bytes(data[14:16])
    if len(data) < length:
        raise ValueError(f"{len(data)} of {length} bytes of a PROXY header")
    if data[12] != _PROXY:
        return ProxyHeader(length, b"")
    return ProxyHeader(length, _unique_id(data[_FIXED_BYTES + _ADDRESS_BYTES.get(data[13] >> 4, 0) : length]))


def _unique_id(values: bytes) -> bytes:
    start = 0
    while len(values) - start >= 3:
        kind, end = values[start], start + 3 + int.from_bytes(values[start + 1 : start + 3])
        if end > len(values):
            raise ValueError(f"a value of a PROXY header ends at {end}, behind its {len(values)} bytes")
        if kind == _UNIQUE_ID:
            return values[start + 3 : end]
        start = end
    return b""
