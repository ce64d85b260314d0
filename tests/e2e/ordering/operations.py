"""Writes of one document, as requests of their own or as items of a bulk. No I/O."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from tests.e2e.ordering.history import Json

_COUNT = {"script": {"source": "ctx._source.n += params.by", "params": {"by": 1}}}


@dataclass(frozen=True)
class Operation:
    """``action``: index, create, update (some fields), count (in a script), upsert or delete."""

    action: str
    index: str
    id: str | None
    """None: the cluster is to make one."""
    source: Json
    routing: str = ""
    version: int = 0
    """The client's own, of version type ``external``. 0: none."""

    @property
    def _metadata(self) -> Json:
        metadata: Json = {"routing": self.routing} if self.routing else {}
        if self.version:
            metadata |= {"version": self.version, "version_type": "external"}
        return metadata

    @property
    def _body(self) -> Json | None:
        bodies: dict[str, Json | None] = {
            "index": self.source,
            "create": self.source,
            "update": {"doc": self.source},
            "count": _COUNT,
            "upsert": {"doc": self.source, "doc_as_upsert": True},
            "delete": None,
        }
        return bodies[self.action]

    def request(self, name: str, refresh: str) -> tuple[str, str, bytes]:
        """Method, path and body; ``name``: the index, or an alias of it. Only with an id."""
        method, endpoint = {
            "index": ("PUT", "_doc"),
            "create": ("PUT", "_create"),
            "delete": ("DELETE", "_doc"),
        }.get(self.action, ("POST", "_update"))
        query = urlencode(self._metadata | ({"refresh": refresh} if refresh else {}))
        path = f"/{name}/{endpoint}/{self.id}" + (f"?{query}" if query else "")
        return method, path, b"" if self._body is None else json.dumps(self._body).encode()

    def lines(self, default_index: str) -> list[Json]:
        """Its lines in a bulk whose path names ``default_index``."""
        metadata = self._metadata
        if self.index != default_index:
            metadata["_index"] = self.index
        if self.id is not None:
            metadata["_id"] = self.id
        action = "update" if self.action in ("count", "upsert") else self.action
        body = self._body
        return [{action: metadata}] + ([] if body is None else [body])

    def apply(self, source: Json | None) -> tuple[int, Json | None]:
        """The status that it gets when the document is ``source`` (None: not there), and the document after it."""
        there = source is not None
        if self.action == "create" and there:
            return 409, source
        if self.action in ("update", "count", "delete") and not there:
            return 404, source
        if self.action == "delete":
            return 200, None
        old = source or {}
        if self.action == "count":
            return 200, old | {"n": old["n"] + 1}
        fields = old if self.action in ("update", "upsert") else {}
        return 200 if there else 201, fields | self.source


def bulk(operations: Sequence[Operation], default_index: str) -> bytes:
    """The body of a bulk."""
    lines = [line for operation in operations for line in operation.lines(default_index)]
    return "".join(f"{json.dumps(line)}\n" for line in lines).encode()


@dataclass(frozen=True)
class Outcome:
    """What became of an operation, as far as both clusters must say the same."""

    status: int
    result: str
    version: int | None
    id: str
    """Empty for one that the cluster made."""


def outcome(status: int, item: Any) -> Outcome:
    """Of the answer to an operation, or of the part of a bulk's answer."""
    error = item.get("error")
    result = error["type"] if isinstance(error, dict) else item.get("result", "")
    name = item.get("_id", "")
    return Outcome(status, result, item.get("_version"), name if is_ours(name) else "")


def is_ours(name: str) -> bool:
    """Whether the clients made an id; those of the clusters have no colon."""
    return ":" in name
