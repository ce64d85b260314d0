"""Whose requests HAProxy is still working on, from its runtime API ("show sess", management guide 9.3).

HAProxy says nothing at all when a node closes a reused connection before the first byte of an answer: it closes the client's too, so
that the client sends the request again, and logs no end.
"""

import asyncio
import re
from pathlib import Path

from agent.events import pack_address

Client = tuple[bytes, int]
"""Address (4 or 16 bytes) and port."""

_CLIENT = re.compile(rb"\bsrc=(\S+) fe=clients\b")

_TIMEOUT_S = 2.0


def read_sessions(answer: bytes) -> set[Client]:
    """The clients in an answer to "show sess"."""
    return {pack_address(text) for text in _CLIENT.findall(answer)}


async def live_clients(socket: Path) -> set[Client]:
    """Ask HAProxy.

    Raises:
        OSError: it does not answer, or not within 2 s.
    """
    async with asyncio.timeout(_TIMEOUT_S):
        reader, writer = await asyncio.open_unix_connection(socket)
        try:
            writer.write(b"show sess\n")
            return read_sessions(await reader.read(-1))
        finally:
            writer.close()
