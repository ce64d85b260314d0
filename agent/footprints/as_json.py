"""Footprints as JSON keeps them, in the file of requests that wait for the next agent. No I/O."""

from typing import Any

from agent.footprints.footprint import EVERYTHING, Documents, Footprint

_FIELDS = (
    ("readsEverything", "reads_everything"),
    ("readsIndices", "reads_indices"),
    ("readsDocuments", "reads_documents"),
    ("writesEverything", "writes_everything"),
    ("writesIndices", "writes_indices"),
    ("writesDocuments", "writes_documents"),
    ("addsTo", "adds_to"),
)


def dump_footprint(footprint: Footprint) -> dict[str, Any]:
    """What is there of it. Names are bytes: each is the character of the same number (ISO 8859-1)."""
    return {key: _dumped(getattr(footprint, field)) for key, field in _FIELDS if getattr(footprint, field)}


def load_footprint(values: Any) -> Footprint:
    """The footprint of `dump_footprint`; of anything else everything, so that what can't be read keeps its order."""
    try:
        return Footprint(
            reads_everything=values.get("readsEverything", False) is True,
            reads_indices=_names(values.get("readsIndices", [])),
            reads_documents=_documents(values.get("readsDocuments", [])),
            writes_everything=values.get("writesEverything", False) is True,
            writes_indices=_names(values.get("writesIndices", [])),
            writes_documents=_documents(values.get("writesDocuments", [])),
            adds_to=_names(values.get("addsTo", [])),
        )
    except (AttributeError, TypeError, ValueError):
        return EVERYTHING


def _dumped(value: bool | tuple[bytes, ...] | tuple[Documents, ...]) -> Any:
    if isinstance(value, bool):
        return value
    return [
        item.decode("latin-1")
        if isinstance(item, bytes)
        else [item.index_name.decode("latin-1"), [one.decode("latin-1") for one in item.ids]]
        for item in value
    ]


def _names(values: Any) -> tuple[bytes, ...]:
    return tuple(name.encode("latin-1") for name in values)


def _documents(values: Any) -> tuple[Documents, ...]:
    return tuple(Documents(name.encode("latin-1"), _names(ids)) for name, ids in values)
