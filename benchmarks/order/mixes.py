"""What the loads consist of: which requests, when, and how long the primary's node takes for each. No I/O."""

import itertools
import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from benchmarks.documents import source
from traffic.schedule import due_times

INDICES = tuple(f"shop-{number}" for number in range(1, 6))
"""The concrete indices that are read and written."""

HUNG_AT_S = 5.0
"""When the request that hangs is sent."""
HUNG_MOST_S = 60.0

_FAST_MS, _SLOW_MS = 5, 1000
# One in so many reads is slow. Exactly one of each block, at a place by chance: then every part of a load is as heavy as any other.
_BLOCK = 20

_BULK_MS = (100, 500)
_DOCUMENTS, _MANY_DOCUMENTS = 18, 370
# One in so many bulks is long.
_LONG_EVERY = 25
# One in so many bulks names its documents itself, each document once.
_NAMED_EVERY = 3


@dataclass(frozen=True)
class Mix:
    """What is sent at the same time."""

    reads: bool = False
    """Searches by an open loop: each is sent when it is due, whatever became of those before."""
    writers: int = 0
    """Clients that send bulks, each the next one when it has its answer."""
    hung: bool = False
    """One more search takes as long as the load itself, `HUNG_MOST_S` at most."""

    def hung_s(self, seconds: float) -> float:
        """How long the primary's node takes for the request that hangs; 0: there is none."""
        return min(seconds, HUNG_MOST_S) if self.hung else 0.0

    def load_s(self, seconds: float) -> float:
        """How long the load lasts where the others last ``seconds``.

        The shadow gets a request when the primary has answered it. So the load goes on for half as long again after that.
        """
        return HUNG_AT_S + self.hung_s(seconds) + seconds / 2 if self.hung else seconds


MIXES: Mapping[str, Mix] = {
    "reads": Mix(reads=True),
    "bulks": Mix(writers=8),
    "both": Mix(reads=True, writers=8),
    "one-hung": Mix(reads=True, hung=True),
}
"""By their names in options and tables."""


@dataclass(frozen=True)
class Ask:
    """A request, and how long the primary's node takes for it."""

    takes_ms: int
    path: str
    body: bytes


@dataclass(frozen=True)
class Due:
    """A request of the open loop."""

    at_s: float
    """When it is sent, in seconds from the start."""
    ask: Ask


def reads(rate: float, seconds: float, seed: int) -> Iterator[Due]:
    """The searches of a load in the order of their times; Poisson arrivals, one in 20 slow."""
    source_of_chance = random.Random(seed)
    slow = 0
    for number, at_s in enumerate(due_times("poisson", rate, seconds, random.Random(seed + 1))):
        if number % _BLOCK == 0:
            slow = number + source_of_chance.randrange(_BLOCK)
        takes_ms = _SLOW_MS if number == slow else _FAST_MS
        yield Due(at_s, search(source_of_chance.choice(INDICES), takes_ms))


def search(index: str, takes_ms: int) -> Ask:
    """A search in one index."""
    return Ask(takes_ms, f"/{index}/_search", b'{"query":{"match":{"path":"checkout"}},"size":3}')


def bulks(writer: int, seed: int) -> Iterator[Ask]:
    """The bulks of one writer, without end: some 5 KB, a few of 100 KB, each of new documents for one index.

    Some have documents with ids of the client's. Some name the index in the path, the others in each line.
    """
    chance = random.Random(seed * 1000 + writer)
    for number in itertools.count():
        index = INDICES[(writer + number) % len(INDICES)]
        named = number % _NAMED_EVERY == writer % _NAMED_EVERY
        in_path = number % 2 == 0
        count = _MANY_DOCUMENTS if number % _LONG_EVERY == _LONG_EVERY - 1 else _DOCUMENTS
        yield Ask(
            chance.randint(*_BULK_MS),
            f"/{index}/_bulk" if in_path else "/_bulk",
            b"".join(
                _bulk_lines(
                    "" if in_path else index,
                    f"writer-{writer}-{number}-{place}" if named else "",
                    number * _MANY_DOCUMENTS + place,
                )
                for place in range(count)
            ),
        )


def _bulk_lines(index: str, identifier: str, number: int) -> bytes:
    names = {"_index": index, "_id": identifier}
    action = {"index": {name: value for name, value in names.items() if value}}
    return f"{json.dumps(action)}\n{json.dumps(source(number), separators=(',', ':'))}\n".encode()
