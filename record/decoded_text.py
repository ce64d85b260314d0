"""How much of the record the text of a decoded body may take: a multiple of what was sent, or a few kilobytes would fill the capture log.

docs/decisions/0020-what-a-few-bytes-may-write.md has the measurements.
"""

from collections.abc import Iterator
from typing import Final

from record.json_string import escaped_bytes

RATIO: Final = 200
"""Bytes of text for each byte that was sent."""

# JSON shows a control character as \u0000.
_WORST_ESCAPE: Final = 6


def most_decoded_bytes(wire_bytes: int, most_bytes: int) -> int:
    """What a body of ``wire_bytes`` may grow to: more can't be shown in any form. ``most_bytes``: the bound of all bodies."""
    return min(most_bytes, RATIO * wire_bytes)


def may_be_shown(parts: Iterator[bytes], wire_bytes: int, decoded_bytes: int, base64: bool) -> bool:
    """Whether the text of a decoded body is not too long, as JSON shows it.

    Args:
        parts: the body, decoded; it is read only where its size does not decide.
        wire_bytes: its size as it was sent.
        decoded_bytes: its size decoded.
        base64: whether it is shown in base64.
    """
    most = RATIO * wire_bytes
    if base64:
        return (decoded_bytes + 2) // 3 * 4 <= most
    if decoded_bytes * _WORST_ESCAPE <= most:
        return True
    shown = 0
    for part in parts:
        shown += escaped_bytes(part)
        if shown > most:
            return False
    return True
