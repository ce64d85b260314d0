"""The documents that the traffic is about: lines of a shop's access log, the same ones in every run."""

import json
import random
from typing import Any

MADE_BY = "cluster-traffic-capture"
"""What the mapping of an index says that this made."""

WORDS = (  # noqa: SIM905 - a list of them would be a page long
    "request order cart payment session user timeout checkout product cache retry upstream connection database query response "
    "token address delivery invoice search stock price discount refund gateway queue worker thread memory index shard replica node "
    "cluster snapshot backup disk network packet socket handshake certificate expired declined accepted rejected delayed cancelled "
    "completed started stopped failed recovered slow fast large small missing duplicate unknown invalid unexpected partial stale fresh "
    "locked released opened closed created updated deleted moved copied merged split loaded stored parsed rendered compressed signed "
    "verified scheduled triggered ignored limited throttled balanced mirrored captured compared replayed"
).split()
"""Words of the messages, the most frequent ones first."""
METHODS = ("GET", "GET", "GET", "GET", "GET", "GET", "POST", "POST", "PUT", "DELETE")
PATHS = (
    "/", "/search", "/product/lamp", "/product/chair", "/cart", "/checkout", "/login", "/account/orders", "/static/app.js",
    "/static/logo.svg", "/api/v2/orders", "/api/v2/stock", "/robots.txt",
)  # fmt: skip
SERVICES = ("web", "search", "cart", "payment", "stock", "mail")
STATUSES = (200, 200, 200, 200, 200, 200, 201, 204, 304, 400, 404, 500, 503)
LEVELS = ("info", "info", "info", "info", "warning", "error")
COUNTRIES = ("DE", "US", "FR", "GB", "JP", "BR", "IN", "PL", "NL", "SE")

FIRST_MS = 1_764_000_000_000
"""``@timestamp`` of the document 0, in ms since the epoch."""
STEP_MS = 250
"""From a document's ``@timestamp`` to the next one's."""

_KEYWORD = {"type": "keyword"}
INDEX_BODY: dict[str, Any] = {
    "settings": {"number_of_shards": 2, "number_of_replicas": 1},
    "mappings": {
        # A field that is not here is a mistake in this module.
        "dynamic": "strict",
        "_meta": {"made_by": MADE_BY},
        "properties": {
            "@timestamp": {"type": "date", "format": "epoch_millis"},
            "sequence": {"type": "long"},
            "message": {"type": "text"},
            "level": _KEYWORD,
            "service": _KEYWORD,
            "host": _KEYWORD,
            "client_ip": {"type": "ip"},
            "user": {"properties": {"id": _KEYWORD, "country": _KEYWORD}},
            "method": _KEYWORD,
            "path": _KEYWORD,
            "status": {"type": "short"},
            "bytes": {"type": "long"},
            "duration_ms": {"type": "float"},
            "reviewed": {"type": "boolean"},
        },
    },
}
"""What an index is created with."""

# Making a document takes some 20 us. A bulk of thousands would hold up all other requests, so the rest of a document is one of these.
_VARIETY = 4096


def document_id(number: int) -> str:
    """The ``_id`` of the document ``number``, chosen by the client."""
    return f"entry-{number:09}"


def zipf(source: random.Random, count: int) -> int:
    """A rank from 0 to ``count`` - 1, of which the k-th is drawn about 1/k as often as the first (Zipf's law, exponent 1)."""
    return min(int((count + 1) ** source.random()) - 1, count - 1)


def word(source: random.Random) -> str:
    """A word as messages have them, a few of them very often."""
    return WORDS[zipf(source, len(WORDS))]


class Documents:
    """The documents, by number from 0."""

    def __init__(self) -> None:
        source = random.Random("documents")  # noqa: S311 - no secrets
        self._rests = [_rest(source) for _ in range(_VARIETY)]

    def json(self, number: int) -> str:
        """The document as JSON, 300 to 450 bytes of ASCII."""
        rest = self._rests[number % _VARIETY]
        return f'{{"@timestamp":{FIRST_MS + number * STEP_MS},"sequence":{number},{rest}'

    def bulk_lines(self, document: int, number: int) -> str:
        """The lines of a ``_bulk`` request that index the document under the id of ``number``."""
        return f'{{"index":{{"_id":"{document_id(number)}"}}}}\n{self.json(document)}\n'


def _rest(source: random.Random) -> str:
    service = source.choice(SERVICES)
    fields = {
        "message": " ".join(word(source) for _ in range(source.randint(6, 18))),
        "level": source.choice(LEVELS),
        "service": service,
        "host": f"{service}-{source.randint(1, 8)}.shop.example",
        "client_ip": f"10.{source.randrange(256)}.{source.randrange(256)}.{source.randrange(1, 255)}",
        "user": {"id": f"u{zipf(source, 50_000):05}", "country": COUNTRIES[zipf(source, len(COUNTRIES))]},
        "method": source.choice(METHODS),
        "path": PATHS[zipf(source, len(PATHS))],
        "status": source.choice(STATUSES),
        "bytes": int(source.lognormvariate(8, 1.5)),
        "duration_ms": round(source.lognormvariate(3, 1), 2),
    }
    return json.dumps(fields, separators=(",", ":"))[1:]
