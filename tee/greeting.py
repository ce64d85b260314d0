"""How HAProxy begins a connection (server option "socks4"): a SOCKS4 CONNECT request, and not a byte more before the answer. No I/O.

"SOCKS: A protocol for TCP proxy across firewalls", Ying-Da Lee: version 4, command 1, port (2 bytes), address (4 bytes), user, NUL.
Port and address mean nothing to a Unix socket.
"""

_CONNECT = bytes((4, 1))

# Version, command, port, address.
_FIXED_BYTES = 8

GREETING_BYTES = _FIXED_BYTES + 255 + 1
"""The longest one: the user's name has 255 bytes at most here, HAProxy's has 7."""

GRANTED = bytes((0, 90)) + bytes(6)
"""The answer: go on."""


class GreetingError(ValueError):
    """It is no SOCKS4 CONNECT request, or one that is too long."""


def greeting_length(data: bytes) -> int | None:
    """How many of the first bytes of ``data`` are the request; None: it is not whole yet.

    Args:
        data: all that came until now, or its first `GREETING_BYTES`.

    Raises:
        GreetingError: whatever may follow, it will not be one.
    """
    if not _CONNECT.startswith(data[: len(_CONNECT)]):
        raise GreetingError(f"no SOCKS4 CONNECT request: {data[:16]!r}")
    end = data.find(0, _FIXED_BYTES, GREETING_BYTES)
    if end >= 0:
        return end + 1
    if len(data) >= GREETING_BYTES:
        raise GreetingError(f"a SOCKS4 request without an end: {data[:16]!r}...")
    return None
