"""Footprints of a small world, in which every kind of clash is likely."""

from hypothesis import strategies as st

from agent.footprints.footprint import (
    CURSOR,
    EVERYTHING,
    NO_INDEX,
    NOTHING,
    READS_EVERYTHING,
    Documents,
    Footprint,
    must_wait,
)

GENERATED = b"hZbXkZIBq0Xn4tmjJx3F"
INDICES = (b"a", b"b", CURSOR, NO_INDEX)
IDS = (b"1", b"2", GENERATED)

_DOCUMENTS = [
    *(Documents(index, (name,)) for index in INDICES for name in IDS),
    *(Documents(index, IDS) for index in INDICES),
    Documents(b"a", ()),
    Documents(b"b", (b"1", b"1")),
]
READS = [
    *(Footprint(reads_documents=(documents,)) for documents in _DOCUMENTS),
    *(Footprint(reads_indices=(index,)) for index in INDICES),
    READS_EVERYTHING,
]
WRITES = [
    *(Footprint(writes_documents=(documents,)) for documents in _DOCUMENTS),
    *(Footprint(writes_indices=(index,)) for index in INDICES),
    *(Footprint(adds_to=(index,)) for index in INDICES),
    Footprint(writes_everything=True),
    EVERYTHING,
]


def together(parts: list[Footprint]) -> Footprint:
    """What does all that these do."""
    return Footprint(
        any(part.reads_everything for part in parts),
        tuple(index for part in parts for index in part.reads_indices),
        tuple(documents for part in parts for documents in part.reads_documents),
        any(part.writes_everything for part in parts),
        tuple(index for part in parts for index in part.writes_indices),
        tuple(documents for part in parts for documents in part.writes_documents),
        tuple(index for part in parts for index in part.adds_to),
    )


footprints = st.one_of(
    st.sampled_from([*READS, NOTHING]),
    st.sampled_from(WRITES),
    st.lists(st.sampled_from([*READS, *WRITES]), min_size=2, max_size=4).map(together),
)


# What is beside this world tells a write to all its indices from one to all there are.
_BESIDE = [
    *(Footprint(reads_documents=(Documents(b"c", (name,)),)) for name in IDS),
    *(Footprint(reads_documents=(Documents(index, (b"3hZbXkZIBq0Xn4tmjJx0",)),)) for index in INDICES),
    Footprint(reads_indices=(b"c",)),
    Footprint(adds_to=(b"c",)),
]


def is_narrower(narrow: Footprint, wide: Footprint) -> bool:
    """Whether all that have to wait for the one have to wait for the other."""
    return all(must_wait(later, wide) for later in (*READS, *WRITES, *_BESIDE) if must_wait(later, narrow))
