"""A request's body as it passed, with its transfer coding: what is sent on instead of a body that was taken apart."""

from collections.abc import Iterator
from typing import Protocol


class WireBody(Protocol):
    """Can be read again and again."""

    @property
    def chunked(self) -> bool:
        """In chunks, trailers included (RFC 9112 7.1); else by its length."""

    @property
    def framed_bytes(self) -> int:
        """Length of all that `framed` gives."""

    def framed(self) -> Iterator[bytes]:
        """The bytes, in parts of at most 1 MiB.

        Raises:
            OSError: it can't be read.
        """
