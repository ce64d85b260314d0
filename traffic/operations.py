"""The requests of every operation, drawn from a source of random numbers: the same source, the same requests."""

import json
import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from traffic.documents import Documents, document_id, zipf
from traffic.searches import Searches

JSON = "application/json"
NDJSON = "application/x-ndjson"


@dataclass(frozen=True, slots=True)
class Request:
    """One request to a cluster."""

    method: str
    path: str
    """With the query, as it goes over the wire."""
    body: bytes = b""
    type: str = JSON
    absent_is_fine: bool = False
    """Whether 404 is an answer like any other: the document may be absent."""
    then: "Callable[[bytes], Request | None] | None" = None
    """The request that follows it at once, made of the answer's body; part of the same operation."""


# Of a hundred gets, how many ask for a document that was never there.
_ABSENT = 0.02
# The last of the seeded documents are those that are deleted; gets meet them, updates don't.
_DELETABLE = 0.1
# New documents take up so many ids times those that were seeded, and at least so many; then they replace the earlier ones, so that
# a load of days needs no more disk than one of an hour.
_RING = 10
_LEAST_RING = 10_000

_SCROLL_ID = re.compile(rb'"_scroll_id"\s*:\s*("[^"]*")')


class Operations:
    """Makes requests to one index, in which the first ``documents`` documents are."""

    def __init__(self, source: random.Random, index: str, documents: int, bulk_size: int) -> None:
        self._source = source
        self._index = index
        self._seeded = max(documents, 1)
        self._bulk_size = bulk_size
        self._documents = Documents()
        self._searches = Searches(source, documents)
        self._deletable = max(int(self._seeded * _DELETABLE), 1)
        self._ring = max(self._seeded * _RING, _LEAST_RING)
        self._written = 0

    def request(self, operation: str) -> Request:
        """The next request of an operation, one of `OPERATIONS`."""
        return OPERATIONS[operation](self)

    def search(self) -> Request:
        """A search of any kind."""
        return self._search(self._searches.any())

    def match(self) -> Request:
        """A full-text search."""
        return self._search(self._searches.match())

    def term(self) -> Request:
        """A search for keywords."""
        return self._search(self._searches.term())

    def range(self) -> Request:
        """A search in a range."""
        return self._search(self._searches.range())

    def aggregation(self) -> Request:
        """A search for figures."""
        return self._search(self._searches.aggregation())

    def sort(self) -> Request:
        """A sorted search."""
        return self._search(self._searches.sort())

    def count(self) -> Request:
        """How many documents match."""
        return Request("POST", f"/{self._index}/_count", _json({"query": self._searches.match()["query"]}))

    def msearch(self) -> Request:
        """Three searches in one request."""
        lines = "".join(f"{{}}\n{_text(self._searches.any())}\n" for _ in range(3))
        return Request("POST", f"/{self._index}/_msearch", lines.encode(), NDJSON)

    def scroll(self) -> Request:
        """Two pages of a scroll, and its end: three requests, one after the other."""
        body = {**self._searches.match(), "size": 50, "sort": ["_doc"]}
        return Request("POST", f"/{self._index}/_search?scroll=1m", _json(body), then=_next_page)

    def get(self) -> Request:
        """A document by its id, now and then one that is absent."""
        name = "absent" if self._source.random() < _ABSENT else document_id(self._popular(self._seeded))
        return Request("GET", f"/{self._index}/_doc/{name}", absent_is_fine=True)

    def mget(self) -> Request:
        """Ten documents by their ids."""
        ids = [document_id(self._popular(self._seeded)) for _ in range(10)]
        return Request("POST", f"/{self._index}/_mget", _json({"ids": ids}))

    def index(self) -> Request:
        """A new document, under an id of the client's choice."""
        document, number = self._next()
        body = self._documents.json(document).encode()
        return Request("PUT", f"/{self._index}/_doc/{document_id(number)}", body)

    def bulk(self) -> Request:
        """New documents, under ids of the client's choice."""
        lines = "".join(self._documents.bulk_lines(*self._next()) for _ in range(self._bulk_size))
        return Request("POST", f"/{self._index}/_bulk", lines.encode(), NDJSON)

    def update(self) -> Request:
        """A change to a document; it is made when it is absent."""
        number = self._popular(self._seeded - self._deletable)
        change = {"reviewed": self._source.random() < 0.5, "status": self._source.choice((200, 404, 500))}
        body = f'{{"doc":{_text(change)},"upsert":{self._documents.json(number)}}}'
        # Popular documents are changed by two requests at once.
        path = f"/{self._index}/_update/{document_id(number)}?retry_on_conflict=10"
        return Request("POST", path, body.encode())

    def delete(self) -> Request:
        """The end of a document, which may be gone already."""
        number = self._seeded - 1 - self._source.randrange(self._deletable)
        return Request("DELETE", f"/{self._index}/_doc/{document_id(number)}", absent_is_fine=True)

    def cat(self) -> Request:
        """A table for people."""
        path = self._source.choice(
            ("/_cat/indices?v=true", "/_cat/nodes?v=true", "/_cat/shards", "/_cat/health")
        )
        return Request("GET", path)

    def health(self) -> Request:
        """The cluster's state in brief."""
        return Request("GET", "/_cluster/health")

    def _search(self, body: dict[str, Any]) -> Request:
        return Request("POST", f"/{self._index}/_search", _json(body))

    def _popular(self, count: int) -> int:
        return zipf(self._source, max(count, 1))

    def _next(self) -> tuple[int, int]:
        document = self._seeded + self._written
        number = self._seeded + self._written % self._ring
        self._written += 1
        return document, number


def _next_page(answer: bytes) -> Request | None:
    return _scrolled("POST", answer, then=_end_of_scroll)


def _end_of_scroll(answer: bytes) -> Request | None:
    return _scrolled("DELETE", answer)


def _scrolled(
    method: str, answer: bytes, then: "Callable[[bytes], Request | None] | None" = None
) -> Request | None:
    found = _SCROLL_ID.search(answer)
    if found is None:
        return None
    scroll_id: str = json.loads(found[1])
    body: dict[str, Any] = {"scroll_id": scroll_id}
    if method == "POST":
        body["scroll"] = "1m"
    return Request(method, "/_search/scroll", _json(body), then=then)


def _text(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def _json(value: Any) -> bytes:
    return _text(value).encode()


OPERATIONS: dict[str, Callable[[Operations], Request]] = {
    "search": Operations.search,
    "match": Operations.match,
    "term": Operations.term,
    "range": Operations.range,
    "aggregation": Operations.aggregation,
    "sort": Operations.sort,
    "count": Operations.count,
    "msearch": Operations.msearch,
    "scroll": Operations.scroll,
    "get": Operations.get,
    "mget": Operations.mget,
    "index": Operations.index,
    "bulk": Operations.bulk,
    "update": Operations.update,
    "delete": Operations.delete,
    "cat": Operations.cat,
    "health": Operations.health,
}
"""What a mix can name."""
