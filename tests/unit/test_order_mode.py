"""What the order waits for in each of its modes."""

import pytest

from agent.footprints.footprint import EVERYTHING, NOTHING, READS_EVERYTHING, Documents, Footprint, must_wait
from agent.order_mode import ORDER_MODES

UPDATE = Footprint(writes_documents=(Documents(b"a", (b"1",)),))
OTHER_UPDATE = Footprint(writes_documents=(Documents(b"a", (b"2",)),))
ADDITION = Footprint(adds_to=(b"a",))
SEARCH = Footprint(reads_indices=(b"a",))
OTHER_SEARCH = Footprint(reads_indices=(b"b",))


def test_the_modes_have_these_names() -> None:
    assert list(ORDER_MODES) == ["write-sets", "writes", "strict", "none"]


@pytest.mark.parametrize(
    ("mode", "later", "earlier", "waits"),
    [
        ("write-sets", UPDATE, UPDATE, True),
        ("write-sets", UPDATE, OTHER_UPDATE, False),
        ("write-sets", SEARCH, UPDATE, True),
        ("write-sets", OTHER_SEARCH, UPDATE, False),
        ("write-sets", UPDATE, SEARCH, False),
        ("write-sets", NOTHING, EVERYTHING, False),
        ("writes", UPDATE, OTHER_UPDATE, True),
        ("writes", ADDITION, ADDITION, True),
        ("writes", OTHER_SEARCH, UPDATE, True),
        ("writes", UPDATE, SEARCH, False),
        ("writes", SEARCH, READS_EVERYTHING, False),
        ("writes", NOTHING, UPDATE, False),
        ("strict", UPDATE, OTHER_UPDATE, True),
        ("strict", UPDATE, SEARCH, True),
        ("strict", SEARCH, SEARCH, True),
        ("strict", NOTHING, SEARCH, True),
        ("strict", SEARCH, NOTHING, True),
        ("none", UPDATE, UPDATE, False),
        ("none", EVERYTHING, EVERYTHING, False),
    ],
)
def test_who_waits_for_whom(mode: str, later: Footprint, earlier: Footprint, *, waits: bool) -> None:
    narrowed = ORDER_MODES[mode]
    assert must_wait(narrowed(later), narrowed(earlier)) is waits
