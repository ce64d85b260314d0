"""The requests of every operation: what they look like, that they vary, and that a seed decides them."""

import dataclasses
import itertools
import json
import random
from collections import Counter
from typing import Any

import pytest

from traffic.documents import FIRST_MS, INDEX_BODY, Documents, document_id, zipf
from traffic.mix import parse_mix
from traffic.operations import NDJSON, OPERATIONS, Operations, Request
from traffic.settings import TrafficSettings
from traffic.workload import Due, workload

PROPERTIES: dict[str, Any] = INDEX_BODY["mappings"]["properties"]
EVERYTHING = parse_mix(",".join(f"{name}=1" for name in OPERATIONS), OPERATIONS)


def operations(documents: int = 1000, bulk_size: int = 5, seed: str = "seed") -> Operations:
    return Operations(random.Random(seed), "logs", documents, bulk_size)


def several(name: str, count: int = 200, **settings: Any) -> list[Request]:
    source = operations(**settings)
    return [source.request(name) for _ in range(count)]


def field(document: Any, name: str) -> Any:
    for part in name.split("."):
        document = document.get("properties", document)[part]
    return document


@pytest.mark.parametrize(
    ("name", "method", "path"),
    [
        ("search", "POST", "/logs/_search"),
        ("match", "POST", "/logs/_search"),
        ("term", "POST", "/logs/_search"),
        ("range", "POST", "/logs/_search"),
        ("aggregation", "POST", "/logs/_search"),
        ("sort", "POST", "/logs/_search"),
        ("count", "POST", "/logs/_count"),
        ("msearch", "POST", "/logs/_msearch"),
        ("scroll", "POST", "/logs/_search?scroll=1m"),
        ("get", "GET", "/logs/_doc/"),
        ("mget", "POST", "/logs/_mget"),
        ("index", "PUT", "/logs/_doc/entry-"),
        ("bulk", "POST", "/logs/_bulk"),
        ("update", "POST", "/logs/_update/entry-"),
        ("delete", "DELETE", "/logs/_doc/entry-"),
        ("cat", "GET", "/_cat/"),
        ("health", "GET", "/_cluster/health"),
    ],
)
def test_an_operation(name: str, method: str, path: str) -> None:
    for request in several(name):
        assert request.method == method
        assert request.path.startswith(path)
        lines = request.body.splitlines() if request.type == NDJSON else filter(None, [request.body])
        assert all(isinstance(json.loads(line), dict) for line in lines)
        assert request.type != NDJSON or request.body.endswith(b"\n")


def test_all_operations_are_in_the_table_above() -> None:
    table: Any = next(mark for mark in test_an_operation.pytestmark if mark.name == "parametrize")  # type: ignore[attr-defined]
    assert [row[0] for row in table.args[1]] == list(OPERATIONS)


@pytest.mark.parametrize("name", [name for name in OPERATIONS if name != "health"])
def test_requests_of_an_operation_vary(name: str) -> None:
    assert len({(request.path, request.body) for request in several(name)}) > 2


def test_popular_words_and_documents_are_asked_for_more_often() -> None:
    gets = Counter(request.path for request in several("get", 5000))
    assert gets["/logs/_doc/entry-000000000"] > 10 * gets["/logs/_doc/entry-000000030"] > 0
    assert gets["/logs/_doc/absent"] == pytest.approx(100, rel=0.5)


def test_zipf() -> None:
    source = random.Random("zipf")
    drawn = Counter(zipf(source, 100) for _ in range(20_000))
    assert set(drawn) == set(range(100))
    assert drawn[0] / drawn[9] == pytest.approx(7.3, rel=0.25)
    assert {zipf(source, 1) for _ in range(100)} == {0}


def test_documents_have_the_fields_of_the_mapping() -> None:
    documents = [json.loads(Documents().json(number)) for number in (0, 1, 5000, 123_456_789)]
    for document in documents:
        assert set(document) | {"reviewed"} == set(PROPERTIES)
        assert set(document["user"]) == set(PROPERTIES["user"]["properties"])
        assert document["@timestamp"] == FIRST_MS + document["sequence"] * 250
    assert Documents().json(77) == Documents().json(77)
    assert len({document["message"] for document in documents}) == len(documents)


def test_searches_name_fields_of_the_mapping() -> None:
    def fields(body: Any) -> "set[str]":
        if isinstance(body, list):
            return set().union(*map(fields, body))
        if not isinstance(body, dict):
            return set()
        named = {
            name for kind in ("match", "match_phrase", "term", "range") for name in body.get(kind, {})
        } | ({body["field"]} if "field" in body else set())
        sorts = body["sort"] if isinstance(body.get("sort"), list) else []
        named |= {name for each in sorts if isinstance(each, dict) for name in each}
        return named | set().union(*map(fields, body.values()))

    found = set().union(*(fields(json.loads(request.body)) for request in several("search", 1000)))
    assert all(field({"properties": PROPERTIES}, name) for name in found)
    assert {"message", "path", "user.country", "@timestamp", "bytes", "duration_ms", "service"} <= found


def test_bulks_index_new_documents_under_ids_of_the_clients_choice() -> None:
    source = operations(documents=1000, bulk_size=3)
    bodies = [source.request("bulk").body, source.request("index").body, source.request("bulk").body]
    lines = [json.loads(line) for body in bodies[::2] for line in body.splitlines()]
    assert [line["index"]["_id"] for line in lines[::2]] == [
        document_id(number) for number in (1000, 1001, 1002, 1004, 1005, 1006)
    ]
    assert [line["sequence"] for line in lines[1::2]] == [1000, 1001, 1002, 1004, 1005, 1006]


def test_a_load_of_days_needs_no_more_documents() -> None:
    source = operations(documents=10, bulk_size=10_000)
    ids = [
        [json.loads(line)["index"]["_id"] for line in source.request("bulk").body.splitlines()[::2]]
        for _ in "ab"
    ]
    assert ids[0] == ids[1]
    assert len(set(ids[0])) == 10_000


def test_what_is_deleted_is_neither_updated_nor_new() -> None:
    def numbers(name: str) -> set[int]:
        return {int(request.path.partition("?")[0][-9:]) for request in several(name, 3000)}

    assert numbers("delete") == set(range(900, 1000))
    assert max(numbers("update")) < 900
    assert min(numbers("index")) == 1000


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("documents", [0, 1, 2])
def test_few_documents_are_enough(name: str, documents: int) -> None:
    assert len(several(name, 20, documents=documents, bulk_size=1)) == 20


def test_a_scroll_is_three_requests() -> None:
    first = operations().request("scroll")
    assert first.then is not None
    second = first.then(b'{"_scroll_id":"abc==","hits":{}}')
    assert second is not None
    assert second.then is not None
    third = second.then(b'{"_scroll_id" : "def==","hits":{}}')
    assert third is not None
    assert (second.method, second.path, json.loads(second.body)) == (
        "POST",
        "/_search/scroll",
        {"scroll_id": "abc==", "scroll": "1m"},
    )
    assert (third.method, third.path, json.loads(third.body)) == (
        "DELETE",
        "/_search/scroll",
        {"scroll_id": "def=="},
    )
    assert third.then is None
    assert first.then(b"{}") is None


def sequence(**changes: Any) -> list[Due]:
    settings = TrafficSettings(mix=EVERYTHING, rate=100, duration_s=3, bulk_size=3)
    return list(workload(dataclasses.replace(settings, **changes)))


def test_the_same_seed_means_the_same_sequence() -> None:
    assert sequence() == sequence()
    assert sequence() != sequence(seed=2)


def test_another_rate_or_other_arrivals_mean_the_same_requests() -> None:
    def requests(dues: list[Due]) -> list[Request]:
        return [due.request for due in dues]

    usual = sequence()
    assert requests(sequence(arrivals="poisson")) == requests(usual)
    assert requests(sequence(rate=300)[:300]) == requests(usual)
    assert [due.at_s for due in sequence(arrivals="poisson")] != [due.at_s for due in usual]


def test_a_longer_load_begins_as_a_shorter_one() -> None:
    longer = workload(TrafficSettings(mix=EVERYTHING, rate=100, duration_s=1e6, bulk_size=3))
    assert list(itertools.islice(longer, 300)) == sequence()
