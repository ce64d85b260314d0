"""On the shadow: the primary's identifiers, as its mirror names them. No I/O.

HAProxy writes ``OWN/PRIMARY`` for a transaction's identifier (``unique-id-format`` in ``templates/haproxy.cfg.j2``). After the slash: the primary's identifier, if the
sender has the key, and after another slash `PERHAPS` if it says that it may have sent the request before; `UNTRUSTED`, if it has not; nothing for a
request that names none.
"""

import logging
from typing import Final

from record.transaction import Transaction
from service.rarely import is_rare

_LOG = logging.getLogger(__name__)

UNTRUSTED: Final = b"untrusted"
PERHAPS: Final = b"perhaps"

# Identifiers that are remembered at least. About 100 bytes each, and twice as many at most.
_REMEMBERED: Final = 65536


class PrimaryIds:
    """Names transactions by them, and remembers those that came."""

    def __init__(self) -> None:
        self._seen: set[bytes] = set()
        self._seen_before: set[bytes] = set()
        self.untrusted = 0
        """Requests that named an identifier without the key."""
        self.repeated = 0
        """Requests whose identifier had been seen before."""

    def name(self, transaction: Transaction) -> None:
        """Settle the ``_id`` of a new transaction's record."""
        own, _, named = transaction.id.partition(b"/")
        # "-": what HAProxy writes for nothing.
        if not named or named == b"-":
            transaction.capture_id = own
        elif named == UNTRUSTED:
            transaction.capture_id = own
            self.untrusted += 1
            if is_rare(self.untrusted):
                _LOG.warning(
                    "a request named an identifier without this proxy's key, and is recorded under one of its own (%d so far): "
                    "is it the mirror's? Then give both proxies the same CAPTURE_MIRROR_KEY",
                    self.untrusted,
                )
        else:
            identifier, _, said = named.partition(b"/")
            transaction.capture_id = identifier
            transaction.repeated = self._seen_again(identifier)
            transaction.perhaps_repeated = said == PERHAPS

    def _seen_again(self, identifier: bytes) -> bool:
        if identifier in self._seen or identifier in self._seen_before:
            self.repeated += 1
            return True
        self._seen.add(identifier)
        if len(self._seen) >= _REMEMBERED:
            self._seen_before, self._seen = self._seen, set()
        return False
