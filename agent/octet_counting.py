"""Lines framed by their length: "LENGTH SP LINE" (RFC 6587 3.4.1, and "log-proto octet-count" of HAProxy's rings)."""

from typing import Final

from agent.unfinished import Unfinished

# HAProxy's longest line has 65,535 bytes.
_MAX_DIGITS: Final = 5


class FramingError(Exception):
    """The stream is not octet-counted."""


class OctetCounting:
    """Cuts a stream into lines. No I/O."""

    def __init__(self) -> None:
        self._unfinished = Unfinished()

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that are whole now; of the next one at most its 65,535 bytes are kept.

        Raises:
            FramingError: what should be a length is none.
        """
        data = self._unfinished.with_next(data)
        lines: list[bytes] = []
        position, available, missing = 0, len(data), 1
        while position < available:
            space = data.find(b" ", position, position + _MAX_DIGITS + 1)
            length = data[position : space if space >= 0 else position + _MAX_DIGITS + 1]
            if not length.isdigit() or (space < 0 and len(length) > _MAX_DIGITS):
                raise FramingError(f"no length: {length!r}")
            if space < 0:
                break
            end = space + 1 + int(length)
            if end > available:
                missing = end - available
                break
            lines.append(data[space + 1 : end])
            position = end
        if position < available:
            self._unfinished.keep(data[position:], missing)
        return lines
