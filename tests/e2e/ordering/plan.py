"""What one client of `tests.e2e.test_order` sends, and what it must read after that. No I/O.

A client knows what each of its documents holds, since nobody else writes them. The contested ones are written by all clients, each
time under a version that nobody else uses.
"""

import json
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tests.e2e.ordering.history import History, Json, Key, State, hits
from tests.e2e.ordering.operations import Operation, bulk
from tests.e2e.ordering.steps import Read, Step, outcomes, seen

CLIENTS = 16
LEAST_REQUESTS = 20
"""Of each client. Clusters that were started just now do few in the seconds that a load is to last."""
SHARED_DOCUMENTS = 100
CONTESTED_DOCUMENTS = 20
_ACTIONS = ("index", "create", "update", "count", "upsert", "delete")
_PROBLEM_CHARS = 2000
_WORDS = ("king", "maker", "haven", "silmaril", "swan", "ship", "son", "star")


@dataclass(frozen=True)
class Names:
    """Indices, and other names of them."""

    prefix: str

    @property
    def indices(self) -> tuple[str, ...]:
        return tuple(f"{self.prefix}-{letter}" for letter in "abc")

    @property
    def alias(self) -> str:
        """Of the first index alone, so that it can be written through."""
        return f"{self.prefix}-now"

    @property
    def alias_of_all(self) -> str:
        return f"{self.prefix}-all"

    @property
    def everywhere(self) -> tuple[str, ...]:
        """What finds the documents of all indices."""
        return self.alias_of_all, f"{self.prefix}-*", ",".join(self.indices)


def content(index: str, routing: str, source: Json) -> tuple[str, str, str]:
    """A document without its id."""
    return index, routing, json.dumps(source, sort_keys=True)


class Plan:
    """One of ``clients`` clients. ``next_version`` gives each call another number, a later call a larger one."""

    def __init__(self, names: Names, client: int, clients: int, next_version: Callable[[], int]) -> None:
        self.history = History()
        self.unnamed: Counter[tuple[str, str, str]] = Counter()
        """`content` of the documents that got their ids from the cluster."""
        self.problems: list[str] = []
        """Answers of the primary that are not what they must be."""
        self._names = names
        self._client = client
        self._next_version = next_version
        self._random = random.Random(client)
        self._number = 0
        numbers = range(client, SHARED_DOCUMENTS, clients)
        self._own = [Key(names.indices[number % 2], f"shared:{number}") for number in numbers]
        self._routing = {
            key: f"r{number}" for key, number in zip(self._own, numbers, strict=True) if number % 3 == 0
        }

    def steps(self) -> Iterator[Step]:
        """One after the other, without end. `answered` has to be told of each before the next one is asked for."""
        episodes = (self._one_document, self._batch, self._contested, self._load)
        while True:
            [episode] = self._random.choices(episodes, weights=(55, 15, 20, 10))
            yield from episode()

    def routing(self, key: Key) -> str:
        """A document's; empty where it has none."""
        return self._routing.get(key, "")

    def answered(self, step: Step, status: int, answer: Any) -> None:
        """The primary's answer to a step."""
        allowed = (200, 201, 404, 409) if step.operations or step.reads else (200,)
        right = status in allowed
        if not step.contested:
            got = outcomes(step, status, answer)
            right = right and len(got) == len(step.operations)
            for operation, outcome in zip(step.operations, got, strict=False):
                right = self._apply(step, operation, outcome.status, outcome.version) and right
        for key, total in step.totals:
            self.history.put(key, step.number, hits(total))
        if step.reads:
            found = seen(step, answer)
            right = right and len(found) == len(step.reads)
            right = right and all(map(Read.accepts, step.reads, found))
        if not right:
            wanted = [(read.key, read.state) for read in step.reads]
            self.problems.append(
                f"client {self._client}, {step}: wanted {wanted}, got {status} {answer}"[:_PROBLEM_CHARS]
            )

    def _apply(self, step: Step, operation: Operation, status: int, version: int | None) -> bool:
        if operation.id is None:
            self.unnamed[content(operation.index, operation.routing, operation.source)] += 1
            return status == 201
        key = Key(operation.index, operation.id)
        expected, source = operation.apply(self.history.now(key).source)
        if status == expected and status < 300:
            self.history.put(key, step.number, State(None if source is None else version, source))
        return status == expected

    def _one_document(self) -> Iterator[Step]:
        """Some writes of a shared document, one after the other, and what they came to is read."""
        key = self._random.choice(self._own)
        [writes] = self._random.choices((1, 2, 3, 5), weights=(5, 3, 2, 1))
        for _ in range(writes):
            operation = self._operation(key, 0)
            refresh = "true" if self._random.random() < 0.05 else ""
            method, path, body = operation.request(self._name(key.index), refresh)
            yield self._step("write", method, path, body, operations=(operation,))
        chance = self._random.random()
        if chance < 0.6:
            yield self._get(key)
        elif chance < 0.85:
            yield self._mget([key, *self._random.sample(self._own, 3)])

    def _batch(self) -> Iterator[Step]:
        """A bulk whose new documents are found by their marker, and by their ids; then some of them are deleted."""
        marker = f"mark-{self._client}-{self._number + 1}"
        [size] = self._random.choices((4, 12, 30, 120), weights=(4, 4, 2, 1))
        fresh = [self._fresh(marker, item) for item in range(size)]
        others = [
            self._operation(key, size + item) for item, key in enumerate(self._random.choices(self._own, k=3))
        ]
        operations = fresh + others
        self._random.shuffle(operations)
        [refresh] = self._random.choices(("", "true", "wait_for"), weights=(4, 4, 1))
        totals = self._totals(marker, fresh)
        yield self._bulk(operations, refresh, totals if refresh else ())
        if not refresh:
            if self._random.random() < 0.3:
                yield self._get(self._random.choice(self._own))
            path = f"/{self._random.choice(self._names.everywhere)}/_refresh"
            yield self._step("refresh", "POST", path, totals=totals)
        yield self._hits(marker)
        named = [operation for operation in fresh if operation.id is not None]
        keys = [Key(operation.index, operation.id or "") for operation in named]
        if len(keys) < 2:
            return
        yield self._mget([*self._random.sample(keys, min(5, len(keys))), self._random.choice(self._own)])
        if self._random.random() < 0.5:
            gone = self._random.sample(named, len(named) // 2)
            deletions = [Operation("delete", each.index, each.id, {}, each.routing) for each in gone]
            left = self._totals(marker, [each for each in fresh if each not in gone])
            yield self._bulk(deletions, "true", left)
            yield self._hits(marker)
            yield self._get(Key(gone[0].index, gone[0].id or ""))

    def _contested(self) -> Iterator[Step]:
        """A document that the other clients write too; every other one is never deleted."""
        number = self._random.randrange(CONTESTED_DOCUMENTS)
        version = self._next_version()
        action = "delete" if number % 2 == 0 and self._random.random() < 0.3 else "index"
        source = self._source("", 0) | {"n": version}
        key = Key(self._names.indices[number % 2], f"contested:{number}")
        operation = Operation(action, key.index, key.id, {} if action == "delete" else source, "", version)
        if self._random.random() < 0.3:
            body = bulk([operation], "")
            yield self._step("bulk", "POST", "/_bulk", body, operations=(operation,), contested=True)
        else:
            method, path, body = operation.request(self._name(key.index), "")
            yield self._step("write", method, path, body, operations=(operation,), contested=True)
        if number % 2:
            yield self._get(key, Read(key, State(version, None), newer_too=True))

    def _load(self) -> Iterator[Step]:
        """A search whose hits nobody can foretell."""
        body = {
            "query": {"match": {"text": self._random.choice(_WORDS)}},
            "aggs": {"clients": {"terms": {"field": "client"}, "aggs": {"n": {"avg": {"field": "n"}}}}},
        }
        path = f"/{self._random.choice(self._names.everywhere)}/_search"
        yield self._step("load", "POST", path, json.dumps(body).encode())

    def _operation(self, key: Key, item: int) -> Operation:
        action = self._random.choice(_ACTIONS)
        source = self._source("", item)
        if action == "update":
            del source["n"]
        elif action in ("count", "delete"):
            source = {}
        return Operation(action, key.index, key.id, source, self._routing.get(key, ""))

    def _fresh(self, marker: str, item: int) -> Operation:
        index = self._random.choice(self._names.indices)
        named = index != self._names.indices[2] and self._random.random() < 0.6
        name = f"{self._client}:{self._number + 1}:{item}" if named else None
        routing = f"r{item}" if item % 4 == 0 else ""
        if name is not None and routing:
            self._routing[Key(index, name)] = routing
        action = self._random.choice(("index", "create"))
        return Operation(action, index, name, self._source(marker, item), routing)

    def _source(self, marker: str, item: int) -> Json:
        """One that no other step writes."""
        text = " ".join(self._random.choices(_WORDS, k=12))
        source: Json = {"client": self._client, "step": self._number + 1, "item": item, "n": 0, "text": text}
        return source | ({"marker": marker} if marker else {})

    def _totals(self, marker: str, there: Sequence[Operation]) -> tuple[tuple[Key, int], ...]:
        counts = Counter(operation.index for operation in there)
        each = [(Key(index, marker), counts[index]) for index in self._names.indices]
        return (*each, (Key("*", marker), len(there)))

    def _bulk(
        self, operations: Sequence[Operation], refresh: str, totals: tuple[tuple[Key, int], ...]
    ) -> Step:
        default = self._random.choice(("", *self._names.indices))
        path = (f"/{default}" if default else "") + "/_bulk" + (f"?refresh={refresh}" if refresh else "")
        body = bulk(operations, default)
        return self._step("bulk", "POST", path, body, operations=tuple(operations), totals=totals)

    def _get(self, key: Key, read: Read | None = None) -> Step:
        routing = self._routing.get(key)
        path = f"/{self._name(key.index)}/_doc/{key.id}" + (f"?routing={routing}" if routing else "")
        return self._step("get", "GET", path, reads=(read or self._read(key),))

    def _mget(self, keys: Sequence[Key]) -> Step:
        documents = [
            {"_index": self._name(key.index), "_id": key.id}
            | ({"routing": self._routing[key]} if key in self._routing else {})
            for key in keys
        ]
        body = json.dumps({"docs": documents}).encode()
        return self._step("mget", "POST", "/_mget", body, reads=tuple(map(self._read, keys)))

    def _hits(self, marker: str) -> Step:
        """The documents with a marker, in one index or in all."""
        index = self._random.choice(("*", *self._names.indices))
        name = self._random.choice(self._names.everywhere) if index == "*" else self._name(index)
        query: Json = {"query": {"term": {"marker": marker}}}
        reads = (self._read(Key(index, marker)),)
        if self._random.random() < 0.25:
            return self._step("count", "POST", f"/{name}/_count", json.dumps(query).encode(), reads=reads)
        body = json.dumps(query | {"size": 2, "track_total_hits": True}).encode()
        return self._step("search", "POST", f"/{name}/_search", body, reads=reads)

    def _read(self, key: Key) -> Read:
        return Read(key, self.history.now(key))

    def _name(self, index: str) -> str:
        """The index, or its alias if it has one of its own."""
        aliased = index == self._names.indices[0] and self._random.random() < 0.4
        return self._names.alias if aliased else index

    def _step(self, kind: str, method: str, path: str, body: bytes = b"", **more: Any) -> Step:
        self._number += 1
        return Step(self._number, kind, method, path, body, **more)
