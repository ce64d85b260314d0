"""Which documents of two clusters are the same."""

from typing import Any

import pytest

from tests.e2e.ordering.dump import Dump, differences, sort_hits
from tests.e2e.ordering.history import Json


def hit(name: str, version: int = 1, **more: Any) -> Json:
    return {"_index": "a", "_id": name, "_version": version, "_source": {"n": 1}} | more


@pytest.mark.parametrize(
    "other",
    [
        [],
        [hit("x:1", 2)],
        [hit("x:1", _routing="r1")],
        [hit("x:1", _source={"n": 2})],
        [hit("x:1", _index="b")],
        [hit("x:1"), hit("x:2")],
    ],
)
def test_documents_differ_by_version_routing_source_and_place(other: list[Json]) -> None:
    one = sort_hits([hit("x:1")])
    assert differences(one, sort_hits([hit("x:1")])) == []
    assert differences(one, sort_hits(other)) != []
    assert differences(sort_hits(other), one) != []


def test_documents_with_ids_of_the_clusters_are_compared_by_content_and_count() -> None:
    one = sort_hits([hit("AAA"), hit("BBB")])
    assert differences(one, sort_hits([hit("CCC"), hit("DDD")])) == []
    assert len(differences(one, sort_hits([hit("CCC")]))) == 1
    assert len(differences(one, sort_hits([hit("CCC"), hit("DDD", _routing="r1")]))) == 2
    assert differences(Dump(), Dump()) == []
