"""Stand-in until the reader is merged."""

from collections.abc import Iterator

from agent.footprints.footprint import EVERYTHING, Footprint
from record.transaction import Transaction


class Footprints:
    def without_bodies(self, t: Transaction) -> Footprint:
        return EVERYTHING

    def needs_long_bodies(self, t: Transaction) -> bool:
        return t.request_long is not None

    def of(self, t: Transaction) -> Footprint:
        return EVERYTHING

    def reading(self, t: Transaction) -> Iterator[Footprint | None]:
        yield None
        yield EVERYTHING
