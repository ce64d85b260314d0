"""Finds the row of `agent.footprints.endpoint_table` that a request is of. No I/O."""

import itertools
from typing import Final

from agent.footprints.endpoint_table import ENDPOINTS

_INDEX: Final = b"{index}"
_TYPE: Final = b"{type}"

# Elasticsearch 6 has ``/_xpack/ml`` for ``/_ml`` and so on; 7 takes both.
_XPACK: Final = frozenset(
    ("_license", "_migration", "_ml", "_rollup", "_security", "_sql", "_ssl", "_watcher")
)


class Endpoint:
    """What a row says, and which of a path's segments are which of its placeholders."""

    __slots__ = ("id_at", "index_at", "kind", "pattern", "target_at")

    def __init__(self, kind: str, pattern: str) -> None:
        self.kind = kind
        self.pattern = pattern
        segments = pattern.split("/")[1:]
        self.index_at = _at(segments, "{index}")
        self.id_at = _at(segments, "{id}")
        self.target_at = _at(segments, "{target}")


def _at(segments: list[str], placeholder: str) -> int:
    return segments.index(placeholder) if placeholder in segments else -1


class _Node:
    """A place in the tree of all paths: what may follow, and the endpoints of the path that ends here, by method."""

    __slots__ = ("any_follows", "index_follows", "literals", "methods", "tail_methods", "type_follows")

    def __init__(self) -> None:
        self.literals: dict[bytes, _Node] = {}
        self.index_follows: _Node | None = None
        self.type_follows: _Node | None = None
        self.any_follows: _Node | None = None
        self.methods: dict[bytes, Endpoint] = {}
        self.tail_methods: dict[bytes, Endpoint] = {}

    def child(self, segment: bytes) -> "_Node":
        """The node for a pattern's next segment, made if there is none."""
        if segment == _INDEX:
            self.index_follows = self.index_follows or _Node()
            return self.index_follows
        if segment == _TYPE:
            self.type_follows = self.type_follows or _Node()
            return self.type_follows
        if segment.startswith(b"{"):
            self.any_follows = self.any_follows or _Node()
            return self.any_follows
        return self.literals.setdefault(segment, _Node())

    def find(self, segments: list[bytes], at: int, method: bytes) -> Endpoint | None:
        """The endpoint of the path from ``at`` on. Literal segments come first, then placeholders, then what ends in ``**``."""
        if at == len(segments):
            return self.methods.get(method) or self.tail_methods.get(method)
        segment = segments[at]
        following = self.literals.get(segment)
        found = None if following is None else following.find(segments, at + 1, method)
        if segment == b"_doc" and self.type_follows is not None:
            # It is a type, too. An endpoint's own name at the end counts more than a document's identifier (PathTrie.TrieMatchingMode).
            typed = self.type_follows.find(segments, at + 1, method)
            if typed is not None and (found is None or typed.pattern.encode().endswith(b"/" + segments[-1])):
                return typed
        if found is None and not segment.startswith(b"_"):
            if self.index_follows is not None:
                found = self.index_follows.find(segments, at + 1, method)
            if found is None and self.type_follows is not None:
                found = self.type_follows.find(segments, at + 1, method)
        if found is None and segment == b"_all" and self.index_follows is not None:
            found = self.index_follows.find(segments, at + 1, method)
        if found is None and self.any_follows is not None:
            found = self.any_follows.find(segments, at + 1, method)
        return found or self.tail_methods.get(method)


def _spellings(pattern: str) -> list[str]:
    if pattern.split("/")[1] in _XPACK:
        return [pattern, "/_xpack/" + pattern.removeprefix("/_")]
    return [pattern]


def _tree() -> _Node:
    root = _Node()
    for kind, methods, paths in ENDPOINTS:
        for pattern in itertools.chain.from_iterable(map(_spellings, paths.split())):
            node, tail = root, False
            for segment in pattern.encode().split(b"/")[1:]:
                if segment == b"**":
                    tail = True
                elif segment:
                    node = node.child(segment)
            endpoint = Endpoint(kind, pattern)
            for method in methods.encode().split():
                (node.tail_methods if tail else node.methods).setdefault(method, endpoint)
    return root


_TREE: Final = _tree()


def find(method: bytes, segments: list[bytes]) -> Endpoint | None:
    """The endpoint of a request, None for one that is not known.

    Args:
        method: as in the request.
        segments: the path's, still percent-encoded: Elasticsearch compares them so with its own (`PathTrie`).
    """
    if segments and segments[0] == b"_opendistro":
        segments = [b"_plugins", *segments[1:]]
    found = _TREE.find(segments, 0, method)
    return _TREE.find(segments, 0, b"GET") if found is None and method == b"HEAD" else found
