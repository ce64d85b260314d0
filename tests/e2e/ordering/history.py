"""What a document, or the number of hits of a search, was after each step of the only client that changes it. No I/O."""

from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True, order=True)
class Key:
    """A document; or a marker in the documents of an index, whose hits are counted (``*``: of all indices)."""

    index: str
    id: str


@dataclass(frozen=True)
class State:
    """What is read of a key."""

    version: int | None
    source: Json | None
    """None: it is not there."""


ABSENT = State(None, None)


@dataclass(frozen=True)
class Hits(State):
    """What is read of a marker."""

    total: int


def hits(total: int) -> Hits:
    """A marker's state."""
    return Hits(None, None, total)


class History:
    """The states of keys by the step whose answer they came with."""

    def __init__(self) -> None:
        self._states: dict[Key, list[tuple[int, State]]] = {}

    def put(self, key: Key, step: int, state: State) -> None:
        """A step's answer said that it changed ``key`` to ``state``."""
        self._states.setdefault(key, []).append((step, state))

    def now(self, key: Key) -> State:
        """The last state."""
        states = self._states.get(key)
        return states[-1][1] if states else ABSENT

    def after(self, key: Key, step: int) -> list[tuple[int, State]]:
        """The states that later steps made."""
        return [(number, state) for number, state in self._states.get(key, ()) if number > step]

    def documents(self) -> dict[Key, State]:
        """The last state of every document that is there."""
        last = {key: states[-1][1] for key, states in self._states.items()}
        return {key: state for key, state in last.items() if state.version is not None}
