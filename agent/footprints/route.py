"""What a method and a target say about a request, before any body. No I/O."""

import re
from typing import Final

from agent.footprints.endpoints import Endpoint, find
from agent.footprints.footprint import NOTHING as TOUCHES_NOTHING
from agent.footprints.footprint import Footprint
from agent.footprints.index_names import is_plain, names_of
from agent.footprints.kinds import ALL, EVERYTHING, NOTHING
from agent.footprints.target import parse_target, unescaped
from record.remembered import Remembered

# Targets of single documents differ in the identifier alone. One that begins with "_" may be an endpoint.
_DOCUMENT: Final = re.compile(rb"(/[^/?]+/_(?:doc|create|update|source)/)([^/?%_][^/?%]*)(\?.*)?", re.DOTALL)
# Longer targets are worked out again each time, so the memory is bounded: at most about 4 MiB.
_REMEMBERED_BYTES: Final = 512
_REMEMBERED: Final = 4096

_READING_METHODS: Final = frozenset((b"GET", b"HEAD"))


class Route:
    """The endpoint and what the target names."""

    __slots__ = (
        "document_id",
        "filtered",
        "generation",
        "is_known",
        "kind",
        "names",
        "parameters",
        "reads",
        "single",
        "source",
        "target",
    )

    def __init__(self, method: bytes, url: bytes) -> None:
        target = parse_target(url)
        segments, parameters = target.segments, target.parameters
        endpoint = find(method, segments)
        self.is_known: bool = endpoint is not None
        self.kind: str = _kind(method, endpoint)
        # The query's parameters are the path's as well; where both name one, the path's counts (RestRequest, PathTrie).
        index = _segment(segments, -1 if endpoint is None else endpoint.index_at) or parameters.get(
            b"index", b""
        )
        self.names: tuple[bytes, ...] = names_of(index)
        """Of the index expression; empty: every index."""
        self.single: bytes = index if is_plain(index) else b""
        """The name, where it is only one."""
        self.document_id: bytes = _segment(segments, -1 if endpoint is None else endpoint.id_at)
        self.target: bytes = _segment(segments, -1 if endpoint is None else endpoint.target_at)
        self.parameters: dict[bytes, bytes] = parameters
        self.filtered: bool = b"filter_path" in parameters
        """The answer lacks fields, so nothing is learnt from it."""
        self.source: bytes = parameters.get(b"source", b"")
        """The body, where there is no other (RestRequest.contentOrSourceParam)."""
        self.generation: int = -1
        """Of the known indices, when ``reads`` was worked out."""
        self.reads: Footprint = TOUCHES_NOTHING
        """What it reads if its bodies name nothing else."""


def _kind(method: bytes, endpoint: Endpoint | None) -> str:
    if endpoint is not None:
        return endpoint.kind
    if method == b"OPTIONS":
        return NOTHING
    return ALL if method in _READING_METHODS else EVERYTHING


def _segment(segments: list[bytes], at: int) -> bytes:
    return unescaped(segments[at]) if 0 <= at < len(segments) else b""


class Routes:
    """Finds them; those that come again are remembered."""

    def __init__(self) -> None:
        self._remembered: Remembered[tuple[bytes, bytes], Route] = Remembered(_route, _REMEMBERED)

    def find(self, method: bytes, url: bytes) -> tuple[Route, bytes]:
        """The route, and the identifier of the document or cursor in its path."""
        if len(url) > _REMEMBERED_BYTES:
            route = Route(method, url)
            return route, route.document_id
        known = self._remembered.get((method, url))
        if known is not None:
            return known, known.document_id
        document = _DOCUMENT.fullmatch(url)
        if document is not None:
            before, document_id, query = document.group(1, 2, 3)
            return self._remembered[method, before + b"-" + (query or b"")], document_id
        route = self._remembered[method, url]
        return route, route.document_id


def _route(key: tuple[bytes, bytes]) -> Route:
    return Route(key[0], key[1])
