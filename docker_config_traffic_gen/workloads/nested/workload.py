"""The queries of this workload that are other ones each time, as OpenSearch Benchmark loads them."""

import random
from typing import Any

from traffic_gen import as_written
from traffic_gen.corpora.nested import TAGS


class _Random:
    """A source of operations; each client gets one of its own (`partition`), and the same seed gives the same operations."""

    infinite = True

    def __init__(self, _workload: Any, params: dict[str, Any], client: int = 0, **_: Any) -> None:
        self._params = params
        self._rng = random.Random(f"{params['seed']} {client}")  # noqa: S311 - nothing secret

    def partition(self, client: int, _clients: int) -> "_Random":
        return type(self)(None, self._params, client)

    def params(self) -> dict[str, Any]:
        return {"index": self._params["index"], "body": self.body(self._rng)}

    def body(self, rng: random.Random) -> dict[str, Any]:
        raise NotImplementedError


class NestedQueries(_Random):
    """A tag, and answers until some day."""

    def body(self, rng: random.Random) -> dict[str, Any]:
        day = f"{rng.randint(2009, 2016)}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}"
        answers: dict[str, Any] = {
            "path": "answers",
            "query": {"range": {"answers.date": {"lte": day}}},
        }
        if "inner-hits" in self._params:
            answers["inner_hits"] = {"size": self._params["inner-hits"]}
        return {"query": {"bool": {"must": [{"match": {"tag": rng.choice(TAGS)}}, {"nested": answers}]}}}


class TermQueries(_Random):
    """A tag, sorted by the last answer where that is asked for."""

    def body(self, rng: random.Random) -> dict[str, Any]:
        query: dict[str, Any] = {"query": {"term": {"tag": rng.choice(TAGS)}}}
        if "sort" in self._params:
            query["sort"] = [
                {self._params["sort"]: {"order": "desc", "mode": "max", "nested": {"path": "answers"}}}
            ]
        return query


def register(registry: Any) -> None:
    """Called by OpenSearch Benchmark."""
    as_written.register(registry)
    registry.register_param_source("nested-queries", NestedQueries)
    registry.register_param_source("term-queries", TermQueries)
