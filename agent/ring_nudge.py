"""Makes HAProxy connect its ring anew, through its runtime API (management guide 9.3, "show sess" and "shutdown session").

HAProxy 3.0 does not notice that the agent at the other end of its ring has ended, and would feed the old connection for ever. What it has not
fed is kept: it goes on where it was.
"""

import asyncio
import re
from pathlib import Path

_FORWARDING = re.compile(rb"^(0x[0-9a-f]+): (?:(?!^0x).)*? frontend=ends ", re.MULTILINE | re.DOTALL)

_TIMEOUT_S = 2.0


def forwarding_sessions(answer: bytes) -> list[bytes]:
    """The sessions that feed the ring, in an answer to "show sess all"."""
    return _FORWARDING.findall(answer)


async def nudge(socket: Path) -> None:
    """End HAProxy's old connections of the ring, so that it makes a new one.

    Raises:
        OSError: HAProxy does not answer, or not within 2 s.
    """
    for session in forwarding_sessions(await _ask(socket, b"show sess all")):
        await _ask(socket, b"shutdown session " + session)


async def _ask(socket: Path, command: bytes) -> bytes:
    async with asyncio.timeout(_TIMEOUT_S):
        reader, writer = await asyncio.open_unix_connection(socket)
        try:
            writer.write(command + b"\n")
            return await reader.read(-1)
        finally:
            writer.close()
