"""What ``CAPTURE_ORDER`` chooses: how much of what a request reads and writes the order takes into account. No I/O."""

from collections.abc import Callable
from typing import Final

from agent.footprints.footprint import EVERYTHING, NOTHING, READS_EVERYTHING, Footprint

WRITE_SETS: Final = "write-sets"
WRITES: Final = "writes"
STRICT: Final = "strict"
NONE: Final = "none"

OrderMode = Callable[[Footprint], Footprint]


def _write_sets(footprint: Footprint) -> Footprint:
    """A request waits for the writes to what it reads or writes."""
    return footprint


def _writes(footprint: Footprint) -> Footprint:
    """A request waits for all writes."""
    if footprint.writes:
        return EVERYTHING
    return NOTHING if footprint == NOTHING else READS_EVERYTHING


def _strict(_footprint: Footprint) -> Footprint:
    """A request waits for all requests."""
    return EVERYTHING


def _none(_footprint: Footprint) -> Footprint:
    """Nobody waits."""
    return NOTHING


ORDER_MODES: Final[dict[str, OrderMode]] = {
    WRITE_SETS: _write_sets,
    WRITES: _writes,
    STRICT: _strict,
    NONE: _none,
}
