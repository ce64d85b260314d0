"""Bodies of searches as applications send them: words and ranges that differ from one to the next, most of them popular ones."""

import random
from typing import Any

from traffic.documents import COUNTRIES, FIRST_MS, PATHS, SERVICES, STEP_MS, word, zipf

Body = dict[str, Any]


class Searches:
    """Makes bodies over the first ``documents`` documents."""

    def __init__(self, source: random.Random, documents: int) -> None:
        self._source = source
        self._documents = max(documents, 1)

    def match(self) -> Body:
        """Words in the text, one or several."""
        source = self._source
        words = " ".join(word(source) for _ in range(source.randint(1, 3)))
        kind = source.choice(("match", "match", "match", "match_phrase"))
        return {"query": {kind: {"message": words}}, "size": 10}

    def term(self) -> Body:
        """A keyword, with a filter."""
        source = self._source
        return {
            "query": {
                "bool": {
                    "must": [{"term": {"path": PATHS[zipf(source, len(PATHS))]}}],
                    "filter": [{"term": {"user.country": COUNTRIES[zipf(source, len(COUNTRIES))]}}],
                }
            },
            "size": 10,
        }

    def range(self) -> Body:
        """A span of time, now and then of another number."""
        if self._source.random() < 0.2:
            least = self._source.randrange(50_000)
            return {"query": {"range": {"bytes": {"gte": least, "lt": least * 2 + 1000}}}, "size": 10}
        return {"query": self._span(), "size": 10}

    def aggregation(self) -> Body:
        """What a dashboard shows: documents of a span in buckets, with a figure of each."""
        source = self._source
        buckets = source.choice(
            (
                {
                    "terms": {
                        "field": source.choice(("service", "status", "path", "user.country")),
                        "size": 10,
                    }
                },
                {"date_histogram": {"field": "@timestamp", "fixed_interval": "5m"}},
            )
        )
        figure = source.choice(
            (
                {"avg": {"field": "duration_ms"}},
                {"percentiles": {"field": "duration_ms", "percents": [50, 95, 99]}},
                {"cardinality": {"field": "user.id"}},
                {"sum": {"field": "bytes"}},
            )
        )
        return {
            "size": 0,
            "query": self._span(),
            "aggs": {"buckets": {**buckets, "aggs": {"figure": figure}}},
        }

    def sort(self) -> Body:
        """The newest or the largest first, on some page."""
        source = self._source
        field = source.choice(("@timestamp", "@timestamp", "bytes", "duration_ms"))
        return {
            "query": {"term": {"service": source.choice(SERVICES)}},
            "sort": [{field: "desc"}, {"sequence": "asc"}],
            "from": 10 * zipf(source, 20),
            "size": 10,
        }

    def any(self) -> Body:
        """One of these."""
        return self._source.choice(
            (self.match, self.match, self.term, self.range, self.aggregation, self.sort)
        )()

    def _span(self) -> Body:
        width = self._source.randint(self._documents // 100, self._documents // 10)
        first = self._source.randrange(self._documents)
        return {
            "range": {
                "@timestamp": {
                    "gte": FIRST_MS + first * STEP_MS,
                    "lt": FIRST_MS + (first + width + 1) * STEP_MS,
                    "format": "epoch_millis",
                }
            }
        }
