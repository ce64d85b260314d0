"""What the bodies of requests name, except of bulks. No I/O."""

import re
from typing import Any, Final, NamedTuple

from agent.footprints.content import parsed

_SCROLL_ID: Final = re.compile(rb'\s*\{\s*"scroll_id"\s*:\s*"([^"\\]+)"')

# More documents of one _mget count as whole indices.
MOST_DOCUMENTS: Final = 10_000
# More searches of one _msearch read everything.
MOST_SEARCHES: Final = 1_000


class Item(NamedTuple):
    """A document, as a body names it."""

    expression: bytes
    """Empty: that of the path."""
    document_id: bytes


def may_name_indices(body: bytes) -> bool:
    """Whether a search may read further indices: by a terms lookup, more_like_this, percolate, a shape that is in an index.

    All of them name the index in a field ``index`` or ``_index``, but for a shape, whose index has a default.
    """
    if body.find(b"index") < 0:
        return False
    if b'index"' in body or b"indexed_shape" in body:
        return True
    # CBOR, SMILE and YAML have no quotes around names.
    return body.lstrip()[:1] != b"{"


def text_of(value: object) -> bytes:
    """A JSON value where the cluster reads a string; empty for what can't be one."""
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    if isinstance(value, int) and not isinstance(value, bool):
        return b"%d" % value
    return b""


def texts_of(value: object) -> list[bytes]:
    """A string or a list of strings."""
    return [text_of(one) for one in value] if isinstance(value, list) else [text_of(value)]


def mget_items(body: bytes) -> list[Item] | None:
    """The documents that an _mget or _mtermvectors names; None: they can't be read."""
    request = parsed(body)
    if not isinstance(request, dict):
        return None
    items: list[Item] = []
    documents, ids = request.get("docs", []), request.get("ids", [])
    if (
        not isinstance(documents, list)
        or not isinstance(ids, list)
        or len(documents) + len(ids) > MOST_DOCUMENTS
    ):
        return None
    for document in documents:
        if not isinstance(document, dict):
            return None
        items.append(Item(text_of(document.get("_index", "")), text_of(document.get("_id"))))
    items.extend([Item(b"", text_of(document_id)) for document_id in ids])
    return items


def msearch_expressions(body: bytes) -> list[bytes] | None:
    """The index expressions of the headers; an empty one is the path's. None: they can't be read, or a search names further indices."""
    if body.count(b"\n") > 2 * MOST_SEARCHES:
        return None
    lines = body.split(b"\n")
    if lines[-1].strip() == b"":
        lines.pop()
    expressions: list[bytes] = []
    seen: dict[bytes, bytes] = {}
    for at in range(0, len(lines), 2):
        header = lines[at].strip()
        expression = seen.get(header)
        if expression is None:
            expression = _header_expression(header)
            if expression is None:
                return None
            seen[header] = expression
        expressions.append(expression)
        if at + 1 >= len(lines) or may_name_indices(lines[at + 1]):
            return None
    return list(dict.fromkeys(expressions))


def _header_expression(header: bytes) -> bytes | None:
    if header in {b"", b"{}"}:
        return b""
    fields = parsed(header)
    if not isinstance(fields, dict):
        return None
    return b",".join(texts_of(fields.get("index", fields.get("indices", ""))))


class Reindex(NamedTuple):
    """The index expressions of a _reindex."""

    source: bytes
    """Empty: on another cluster."""
    target: bytes
    names_more: bool
    """Its query may read further indices."""


def reindex_of(body: bytes) -> Reindex | None:
    """None: it can't be read."""
    request = parsed(body)
    if not isinstance(request, dict):
        return None
    source, target = request.get("source"), request.get("dest")
    if not isinstance(source, dict) or not isinstance(target, dict):
        return None
    remote = "remote" in source
    return Reindex(
        b"" if remote else b",".join(texts_of(source.get("index"))),
        text_of(target.get("index")),
        # Once in the source, once in the destination.
        not remote and (body.count(b'index"') > 2 or b"indexed_shape" in body),
    )


def scroll_ids(body: bytes) -> list[bytes]:
    """The cursors that a scroll or its end names."""
    found = _SCROLL_ID.match(body)
    if found is not None:
        return [found.group(1)]
    return _field(body, "scroll_id")


def pit_ids(body: bytes) -> list[bytes]:
    """The points in time whose end a body asks for: ``id`` in Elasticsearch, ``pit_id`` in OpenSearch."""
    return _field(body, "pit_id") + _field(body, "id")


def sql_cursor(body: bytes) -> bytes:
    """The cursor with which a query goes on; empty: it is a new one."""
    found = _field(body, "cursor") if b'"cursor"' in body else []
    return found[0] if found else b""


def searched_pit(body: bytes) -> bytes:
    """The point in time that a search is in; empty: none."""
    request: Any = parsed(body) if b'"pit"' in body else None
    point = request.get("pit") if isinstance(request, dict) else None
    return text_of(point.get("id")) if isinstance(point, dict) else b""


def _field(body: bytes, name: str) -> list[bytes]:
    request = parsed(body)
    value = request.get(name) if isinstance(request, dict) else None
    return [] if value is None else [text for text in texts_of(value) if text]
