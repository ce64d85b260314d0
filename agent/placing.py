"""What a request of the primary's reads and writes, as far as the order of the mirror asks for it (the setting ``order``)."""

from collections.abc import Iterator

from agent.footprints.footprint import NOTHING, Footprint
from agent.footprints.reading import Footprints
from agent.order_mode import NONE, ORDER_MODES, STRICT, WRITE_SETS
from record.transaction import Transaction


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

    def without_bodies(self, transaction: Transaction) -> Footprint:
        """The widest that it may be, while bodies have not been read."""
        if self._alike:
            return self._mode(NOTHING)
        return self._mode(self._footprints.without_bodies(transaction))

    def needs_long_bodies(self, transaction: Transaction) -> bool:
        """Whether `reading` is needed: a body that matters is not in memory."""
        return self._reads_bodies and self._footprints.needs_long_bodies(transaction)

    def of(self, transaction: Transaction) -> Footprint:
        """The footprint, of bodies in memory."""
        if self._reads_bodies:
            return self._footprints.of(transaction)
        return self.without_bodies(transaction)

    def reading(self, transaction: Transaction) -> Iterator[Footprint | None]:
        """Read long bodies: None after each slice of the work, the footprint in the end."""
        return self._footprints.reading(transaction)
