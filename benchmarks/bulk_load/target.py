"""A real cluster that is loaded, and asked what it has."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests

from benchmarks.containers import PURPOSE
from benchmarks.documents import INDEX
from capture.cluster import Cluster, ClusterSettings
from capture.engine import Engine
from capture.errors import UserError

_ACTIVE_S = 240
_ANSWER_S = 120
_PAGE = 10_000

_INDEX_BODY = {
    "settings": {"number_of_shards": 1, "number_of_replicas": 0},
    "mappings": {
        "properties": {
            "sequence": {"type": "long"},
            "@timestamp": {"type": "date"},
            "clientip": {"type": "ip"},
            "method": {"type": "keyword"},
            "path": {"type": "keyword"},
            "status": {"type": "short"},
            "bytes": {"type": "integer"},
            "agent": {"type": "text", "fields": {"keyword": {"type": "keyword"}}},
        }
    },
}

Document = tuple[str, dict[str, Any]]
"""``_id`` and ``_source``."""


class Target:
    """A cluster that is active."""

    def __init__(self, cluster: Cluster) -> None:
        self._session = requests.Session()
        # A proxy for the outside world is none for this machine.
        self._session.trust_env = False
        # Its own address on the engine's bridge, which this machine and containers on its network reach without a port forwarder.
        first = cluster.nodes[0].exec("hostname", "-i").output.split()[0]
        self.addresses = tuple(f"{first}:{port}" for port in cluster.settings.http_ports)
        """HOST:PORT of each node, as `benchmarks.subject.Node` says."""

    def create_index(self) -> None:
        """An empty index of one shard; one that is there is deleted."""
        self._ask("DELETE", f"{INDEX}?ignore_unavailable=true")
        self._ask("PUT", f"{INDEX}?wait_for_active_shards=1", _INDEX_BODY)

    def count(self) -> int:
        """The documents that the index has, now."""
        self._ask("POST", f"{INDEX}/_refresh")
        return int(self._ask("GET", f"{INDEX}/_count")["count"])

    def documents(self) -> Iterator[Document]:
        """All the documents, by their field ``sequence``."""
        self._ask("POST", f"{INDEX}/_refresh")
        query: dict[str, Any] = {"size": _PAGE, "sort": ["sequence"], "track_total_hits": False}
        path = f"{INDEX}/_search?filter_path=hits.hits._id,hits.hits._source,hits.hits.sort"
        while hits := self._ask("POST", path, query).get("hits", {}).get("hits", []):
            yield from ((hit["_id"], hit["_source"]) for hit in hits)
            query["search_after"] = hits[-1]["sort"]

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def _ask(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        url = f"http://{self.addresses[0]}/{path}"
        headers = {"Content-Type": "application/json"}
        data = None if body is None else json.dumps(body)
        try:
            answer = self._session.request(method, url, data=data, headers=headers, timeout=_ANSWER_S)
            answer.raise_for_status()
            found: dict[str, Any] = answer.json()
        except (requests.RequestException, ValueError) as error:
            raise UserError(
                f"{method} {url} failed: {error}", hint="docker logs of the node says more"
            ) from error
        return found


@contextmanager
def started(engine: Engine, name: str, image: str, nodes: int, heap: str) -> Iterator[Cluster]:
    """A cluster that was told to start, for the time of a ``with`` block."""
    cluster = Cluster(
        engine, ClusterSettings(name=name, image=image, purpose=PURPOSE, nodes=nodes, heap=heap)
    )
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.remove()


@contextmanager
def active(cluster: Cluster) -> Iterator[Target]:
    """The cluster once it is active."""
    cluster.wait_active(_ACTIVE_S)
    target = Target(cluster)
    try:
        yield target
    finally:
        target.close()
