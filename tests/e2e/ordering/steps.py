"""A request of a client, and what its answer says. No I/O."""

from dataclasses import dataclass, field
from typing import Any

from tests.e2e.ordering.history import Key, State, hits
from tests.e2e.ordering.operations import Operation, Outcome, outcome


@dataclass(frozen=True)
class Read:
    """What a step must read."""

    key: Key
    state: State
    newer_too: bool = False
    """Others write the document: a higher version is right too, whatever it holds."""

    def accepts(self, seen: State) -> bool:
        """Whether ``seen`` has what the client had written before."""
        if self.newer_too:
            return seen.version is not None and seen.version >= (self.state.version or 0)
        return seen == self.state


@dataclass(frozen=True)
class Step:
    """``number``: the client's requests are counted from 1. ``kind``: write, bulk, refresh, get, mget, search, count or load."""

    number: int
    kind: str
    method: str
    path: str
    body: bytes = field(default=b"", repr=False)
    operations: tuple[Operation, ...] = field(default=(), repr=False)
    contested: bool = False
    """Others write the same documents at the same time: what is answered depends on who was first."""
    reads: tuple[Read, ...] = field(default=(), repr=False)
    totals: tuple[tuple[Key, int], ...] = field(default=(), repr=False)
    """Hits of markers as they are once this step is answered."""


def outcomes(step: Step, status: int, answer: Any) -> list[Outcome]:
    """Of each operation, in their order."""
    if step.kind != "bulk":
        return [outcome(status, answer)] if step.operations else []
    items = [item for each in answer.get("items", ()) for item in each.values()]
    return [outcome(item["status"], item) for item in items]


def seen(step: Step, answer: Any) -> list[State]:
    """What each of the reads saw; what can't be understood is a state that nothing else is equal to."""
    try:
        if step.kind == "search":
            return [hits(answer["hits"]["total"]["value"])]
        if step.kind == "count":
            return [hits(answer["count"])]
        return [_document(each) for each in (answer["docs"] if step.kind == "mget" else [answer])]
    except (KeyError, TypeError):
        return [State(None, {"answer": answer})] * len(step.reads)


def _document(answer: Any) -> State:
    return State(answer["_version"], answer["_source"]) if answer["found"] else State(None, None)
