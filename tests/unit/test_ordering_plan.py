"""The clients of the end-to-end test of the order, against a cluster that is a dictionary."""

import itertools
from typing import Any

import pytest

from tests.e2e.ordering.history import Json, Key
from tests.e2e.ordering.operations import Operation, bulk, is_ours
from tests.e2e.ordering.plan import CLIENTS, LEAST_REQUESTS, Names, Plan
from tests.e2e.ordering.steps import Step

NAMES = Names("order")
STEPS = 120
OLD = {"n": 3, "text": "old"}


class Dictionary:
    """Answers steps as Elasticsearch does, as far as plans look; ``blind``: to reads nothing is there."""

    def __init__(self, *, blind: bool = False) -> None:
        self._blind = blind
        self._documents: dict[Key, tuple[int, Json | None]] = {}
        self._made = itertools.count()

    def answer(self, step: Step) -> tuple[int, Any]:
        if step.kind == "bulk":
            return 200, {"items": [{"any": self._write(each)} for each in step.operations]}
        if step.kind == "write":
            item = self._write(step.operations[0])
            return item["status"], item
        if step.kind in ("get", "mget"):
            found = [self._read(read.key) for read in step.reads]
            return 200, found[0] if step.kind == "get" else {"docs": found}
        total = sum(self._marked(read.key) for read in step.reads)
        return 200, {"count": total, "hits": {"total": {"value": total}}}

    def _write(self, operation: Operation) -> Json:
        key = Key(operation.index, operation.id or f"made {next(self._made)}")
        version, old = self._documents.get(key, (0, None))
        if operation.version and operation.version <= version:
            return {"status": 409, "error": {"type": "conflict"}}
        status, source = operation.apply(old)
        if status >= 300:
            return {"status": status}
        self._documents[key] = operation.version or version + 1, source
        return {"status": status, "_version": operation.version or version + 1}

    def _read(self, key: Key) -> Json:
        version, source = self._documents.get(key, (0, None))
        if source is None or self._blind:
            return {"found": False}
        return {"found": True, "_version": version, "_source": source}

    def _marked(self, marker: Key) -> int:
        return sum(
            (source or {}).get("marker") == marker.id and marker.index in ("*", key.index)
            for key, (_, source) in self._documents.items()
            if not self._blind
        )


def plans() -> list[Plan]:
    versions = itertools.count(1)
    return [Plan(NAMES, client, CLIENTS, lambda: next(versions)) for client in range(CLIENTS)]


def play(plan: Plan, cluster: Dictionary, count: int = STEPS) -> list[Step]:
    steps = []
    for step in itertools.islice(plan.steps(), count):
        plan.answered(step, *cluster.answer(step))
        steps.append(step)
    return steps


def test_a_plan_knows_what_its_own_writes_have_come_to() -> None:
    cluster = Dictionary()
    for plan in plans():
        steps = play(plan, cluster)
        assert plan.problems == []
        assert sum(len(step.reads) for step in steps) > STEPS / 2


def test_a_cluster_that_does_not_show_what_was_written_is_found_out() -> None:
    [plan, *_] = plans()
    play(plan, Dictionary(blind=True))
    assert len(plan.problems) > STEPS / 10


def test_no_two_clients_write_the_same_document_but_the_contested_ones() -> None:
    writers: dict[Key, set[int]] = {}
    contested: dict[Key, set[int]] = {}
    versions: list[int] = []
    for client, plan in enumerate(plans()):
        for step in play(plan, Dictionary()):
            for operation in step.operations:
                if operation.id is not None:
                    which = contested if step.contested else writers
                    which.setdefault(Key(operation.index, operation.id), set()).add(client)
                    versions += [operation.version] if step.contested else []
    assert {len(clients) for clients in writers.values()} == {1}
    assert sum(key.id.startswith("shared:") for key in writers) == 100
    assert len(contested) == 20
    assert min(map(len, contested.values())) > 1
    assert not contested.keys() & writers.keys()
    assert len(versions) == len(set(versions))


def test_what_the_clients_send_at_least_has_every_kind_of_request_and_write() -> None:
    steps = [step for plan in plans() for step in play(plan, Dictionary(), LEAST_REQUESTS)]
    assert {step.kind for step in steps} == {
        "write", "bulk", "refresh", "get", "mget", "search", "count", "load"
    }  # fmt: skip
    operations = [operation for step in steps for operation in step.operations]
    assert {operation.action for operation in operations} == {
        "index", "create", "update", "count", "upsert", "delete"
    }  # fmt: skip
    assert any(operation.id is None for operation in operations)
    assert any(operation.routing for operation in operations)
    assert any(len({each.index for each in step.operations}) == 3 for step in steps)
    # Both ways: in one line of HAProxy's, and through the tee.
    assert min(len(step.body) for step in steps if step.kind == "bulk") < 12_000
    assert max(len(step.body) for step in steps if step.kind == "bulk") > 16_000


@pytest.mark.parametrize(
    ("action", "old", "expected"),
    [
        ("index", OLD, (200, {"n": 0})),
        ("index", None, (201, {"n": 0})),
        ("create", OLD, (409, OLD)),
        ("create", None, (201, {"n": 0})),
        ("update", OLD, (200, {"n": 0, "text": "old"})),
        ("update", None, (404, None)),
        ("count", OLD, (200, {"n": 4, "text": "old"})),
        ("count", None, (404, None)),
        ("upsert", OLD, (200, {"n": 0, "text": "old"})),
        ("upsert", None, (201, {"n": 0})),
        ("delete", OLD, (200, None)),
        ("delete", None, (404, None)),
    ],
)
def test_what_an_operation_makes_of_a_document(
    action: str, old: Json | None, expected: tuple[int, Json | None]
) -> None:
    assert Operation(action, "a", "x:1", {"n": 0}).apply(old) == expected


def test_a_bulk_names_the_index_where_its_path_does_not() -> None:
    operations = [
        Operation("index", "a", "x:1", {"n": 0}, "r1"),
        Operation("delete", "b", "x:2", {}),
        Operation("create", "a", None, {"n": 1}),
        Operation("index", "b", "x:3", {}, version=7),
    ]
    assert bulk(operations, "a").decode().splitlines() == [
        '{"index": {"routing": "r1", "_id": "x:1"}}',
        '{"n": 0}',
        '{"delete": {"_index": "b", "_id": "x:2"}}',
        '{"create": {}}',
        '{"n": 1}',
        '{"index": {"version": 7, "version_type": "external", "_index": "b", "_id": "x:3"}}',
        "{}",
    ]


def test_an_id_of_the_cluster_is_none_of_ours() -> None:
    assert [is_ours(name) for name in ("shared:1", "3:17:0", "lcJ2O3gBzTqN0pWf_-aX")] == [True, True, False]
