"""Addresses as HAProxy writes them, packed. Clients' connections and nodes' addresses repeat themselves, so they are remembered.

In HAProxy's lines they are hexadecimal, since that is what it writes soonest; elsewhere as people write them.
"""

import binascii
import ipaddress

from record.remembered import Remembered

# Of IPv4 and of IPv6.
_HEX_DIGITS = (8, 32)


def _pack_address(text: bytes) -> tuple[bytes, int]:
    host, _, port = text.rpartition(b":")
    packed = pack_ip[host]
    return (packed, int(port)) if packed and port.isdigit() else (b"", 0)


def _pack_ip(text: bytes) -> bytes:
    try:
        # As people write it an address has a dot or a colon.
        if len(text) in _HEX_DIGITS:
            return binascii.unhexlify(text)
    except ValueError:
        pass
    try:
        return ipaddress.ip_address(text.decode("latin-1")).packed
    except ValueError:
        return b""


pack_ip = Remembered(_pack_ip, 4096)
"""The 4 or 16 bytes of an address; none for what is no address."""

pack_address = Remembered(_pack_address, 4096)
"""ADDRESS:PORT as the 4 or 16 bytes of the address, and the port; (b"", 0) for what is no address."""
