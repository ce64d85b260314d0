"""What a request of the primary's reads and writes, as far as the order of the mirror asks for it (the setting ``order``).

A defect, if there is one, makes a footprint wider. It must not cost a record, nor make others wait for ever for a request that nobody sends.
"""

import logging
from collections.abc import Iterator

from agent.footprints.footprint import EVERYTHING, NOTHING, Footprint
from agent.footprints.reading import Footprints
from agent.order_mode import NONE, ORDER_MODES, STRICT, WRITE_SETS
from record.transaction import Transaction
from service.rarely import is_rare

_LOG = logging.getLogger(__name__)


class Placing:
    """Gives footprints.

    Args:
        order: a name in `agent.order_mode.ORDER_MODES`.
    """

    def __init__(self, order: str) -> None:
        self._mode = ORDER_MODES[order]
        # With these it makes no difference what a request is.
        self._alike = order in (STRICT, NONE)
        self._reads_bodies = order == WRITE_SETS
        self._footprints = Footprints()
        self.failed = 0
        """Footprints that a defect has made wider."""

    def without_bodies(self, transaction: Transaction) -> Footprint:
        """The widest that it may be, while bodies have not been read."""
        if self._alike:
            return self._mode(NOTHING)
        try:
            footprint = self._footprints.without_bodies(transaction)
        except Exception:  # noqa: BLE001 - see above
            self._count(transaction)
            footprint = EVERYTHING
        return self._mode(footprint)

    def needs_long_bodies(self, transaction: Transaction) -> bool:
        """Whether `reading` is needed: a body that matters is not in memory."""
        try:
            return self._reads_bodies and self._footprints.needs_long_bodies(transaction)
        except Exception:  # noqa: BLE001 - see above
            self._count(transaction)
            return False

    def of(self, transaction: Transaction) -> Footprint:
        """The footprint, of bodies in memory."""
        if self._reads_bodies:
            try:
                return self._footprints.of(transaction)
            except Exception:  # noqa: BLE001 - see above
                self._count(transaction)
        return self.without_bodies(transaction)

    def reading(self, transaction: Transaction) -> Iterator[Footprint | None]:
        """Read long bodies: None after each slice of the work, the footprint in the end."""
        return self._footprints.reading(transaction)

    def read_on(self, slices: Iterator[Footprint | None], transaction: Transaction) -> Footprint | None:
        """The next slice of a `reading`."""
        try:
            return next(slices)
        except Exception:  # noqa: BLE001 - see above
            self._count(transaction)
            return self.without_bodies(transaction)

    def _count(self, transaction: Transaction) -> None:
        """An exception was caught."""
        self.failed += 1
        if is_rare(self.failed):
            _LOG.exception(
                "transaction %s: a defect in reading it, it counts as the most that it may read and write (%d times until now)",
                transaction.id.decode("latin-1"),
                self.failed,
            )
