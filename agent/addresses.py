"""Addresses as HAProxy writes them, packed. Clients' connections and nodes' addresses repeat themselves, so they are remembered."""

import functools
import ipaddress


@functools.lru_cache(maxsize=4096)
def pack_address(text: bytes) -> tuple[bytes, int]:
    """HAProxy's ``%ci:%cp`` as the 4 or 16 bytes of the address, and the port; (b"", 0) for what is no address."""
    host, _, port = text.rpartition(b":")
    packed = pack_ip(host)
    return (packed, int(port)) if packed and port.isdigit() else (b"", 0)


@functools.lru_cache(maxsize=4096)
def pack_ip(text: bytes) -> bytes:
    """The 4 or 16 bytes of an address; none for what is no address."""
    try:
        return ipaddress.ip_address(text.decode("latin-1")).packed
    except ValueError:
        return b""
