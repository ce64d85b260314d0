"""What a request of the primary's reads and writes, as far as the order of the mirror asks for it (the setting ``order``)."""

from collections.abc import Iterator
from typing import Final

from agent.footprints.footprint import EVERYTHING, NOTHING, READS_EVERYTHING, Footprint
from agent.footprints.reading import Footprints
from record.transaction import Transaction

WRITE_SETS: Final = "write-sets"
WRITES: Final = "writes"
STRICT: Final = "strict"
NONE: Final = "none"

ORDERS: Final = (WRITE_SETS, WRITES, STRICT, NONE)


class Placing:
    """Gives footprints.

    Args:
        order: one of `ORDERS`.
    """

    def __init__(self, order: str) -> None:
        self._order = order
        self._footprints = Footprints()

    def without_bodies(self, transaction: Transaction) -> Footprint:
        """The widest that it may be, while bodies have not been read."""
        if self._order == STRICT:
            return EVERYTHING
        if self._order == NONE:
            return NOTHING
        widest = self._footprints.without_bodies(transaction)
        if self._order == WRITE_SETS:
            return widest
        return EVERYTHING if widest.writes else READS_EVERYTHING

    def needs_long_bodies(self, transaction: Transaction) -> bool:
        """Whether `reading` is needed: a body that matters is not in memory."""
        return self._order == WRITE_SETS and self._footprints.needs_long_bodies(transaction)

    def of(self, transaction: Transaction) -> Footprint:
        """The footprint, of bodies in memory."""
        if self._order == WRITE_SETS:
            return self._footprints.of(transaction)
        return self.without_bodies(transaction)

    def reading(self, transaction: Transaction) -> Iterator[Footprint | None]:
        """Read long bodies: None after each slice of the work, the footprint in the end."""
        return self._footprints.reading(transaction)
