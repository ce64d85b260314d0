"""All documents of a cluster, and how those of two differ."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from elasticsearch import Elasticsearch, helpers

from tests.e2e.ordering.history import Json, Key
from tests.e2e.ordering.operations import is_ours
from tests.e2e.ordering.plan import content


@dataclass(frozen=True)
class Document:
    """What must be the same on both clusters."""

    version: int
    routing: str
    source: Json


@dataclass
class Dump:
    """``named``: those whose ids the clients made. Of the others only the content is the same on both: each cluster makes its own ids."""

    named: dict[Key, Document] = field(default_factory=dict)
    unnamed: Counter[tuple[str, str, str]] = field(default_factory=Counter)


def read_dump(client: Elasticsearch, indices: str) -> Dump:
    """Every document that there is."""
    client.indices.refresh(index=indices)
    return sort_hits(helpers.scan(client, index=indices, size=2000, version=True))


def sort_hits(found: Iterable[Mapping[str, Any]]) -> Dump:
    """The dump that hits of a search make."""
    dump = Dump()
    for hit in found:
        index, name, routing = hit["_index"], hit["_id"], hit.get("_routing", "")
        if is_ours(name):
            dump.named[Key(index, name)] = Document(hit["_version"], routing, hit["_source"])
        else:
            dump.unnamed[content(index, routing, hit["_source"])] += 1
    return dump


def differences(primary: Dump, shadow: Dump) -> list[str]:
    """One line for each document that is not the same on both."""
    lines = [
        f"{key}: {primary.named.get(key)}, on the shadow {shadow.named.get(key)}"
        for key in sorted(primary.named.keys() | shadow.named.keys())
        if primary.named.get(key) != shadow.named.get(key)
    ]
    only = ((primary.unnamed - shadow.unnamed, "primary"), (shadow.unnamed - primary.unnamed, "shadow"))
    return lines + [f"only on the {side}: {each}" for counts, side in only for each in counts.elements()]
