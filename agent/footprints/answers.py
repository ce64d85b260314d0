"""What the primary's answers name. No I/O.

Each pattern is anchored to the answer's start, and ends before anything that a client's document could contain: a document with fields called
``_index`` or ``hits`` teaches nothing. None of them takes more than linear time: what may repeat begins with a character that ends it.
"""

import re
from typing import Final

_NAME: Final = rb'"([^"\\]{1,255})"'
_START: Final = rb"\s*\{\s*"
_COMMA: Final = rb"\s*,\s*"

_DOCUMENT: Final = re.compile(
    _START
    + rb'"_index"\s*:\s*'
    + _NAME
    + _COMMA
    + rb'(?:"_type"\s*:\s*"[^"\\]*"\s*,\s*)?"_id"\s*:\s*"([^"\\]{1,4096})"'
)
_FIRST_HIT: Final = re.compile(
    _START
    + rb'(?:"(?:_scroll_id|pit_id)"\s*:\s*"[^"\\]*"\s*,\s*){0,2}'
    + rb'"took"\s*:\s*\d+\s*,\s*"timed_out"\s*:\s*\w+\s*,\s*'
    + rb'(?:"(?:terminated_early|num_reduce_phases)"\s*:\s*\w+\s*,\s*){0,2}'
    + rb'"_shards"\s*:\s*\{[^{}]*\}\s*,\s*(?:"_clusters"\s*:\s*\{[^{}]*\}\s*,\s*)?'
    + rb'"hits"\s*:\s*\{\s*(?:"total"\s*:\s*(?:\{[^{}]*\}|\d+)\s*,\s*)?(?:"max_score"\s*:\s*[^,\s"]+\s*,\s*)?'
    + rb'"hits"\s*:\s*\[\s*\{\s*(?:"_shard"\s*:\s*"[^"\\]*"\s*,\s*"_node"\s*:\s*"[^"\\]*"\s*,\s*)?"_index"\s*:\s*'
    + _NAME
)
_DESCRIBED: Final = re.compile(_START + _NAME + rb'\s*:\s*\{\s*(?:"(?:aliases|mappings|settings)"\s*:|\})')
_CREATED: Final = re.compile(
    _START
    + rb'"acknowledged"\s*:\s*true\s*,\s*"shards_acknowledged"\s*:\s*\w+\s*,\s*"index"\s*:\s*'
    + _NAME
    + rb"\s*\}\s*"
)
_TOKEN: Final = re.compile(_START + rb'"(?:_scroll_id|pit_id|id|task)"\s*:\s*"([^"\\]+)"')
_CURSOR: Final = re.compile(rb'"cursor"\s*:\s*"([^"\\]+)"')


def document_of(answer: bytes) -> tuple[bytes, bytes] | None:
    """Index and identifier, from the answer to a write or a get of a single document."""
    found = _DOCUMENT.match(answer)
    return None if found is None else (found.group(1), found.group(2))


def first_hit_index(answer: bytes) -> bytes | None:
    """The index of a search's first hit."""
    if answer.find(b'"_index"') < 0:
        return None
    found = _FIRST_HIT.match(answer)
    return None if found is None else found.group(1)


def described_index(answer: bytes) -> bytes | None:
    """The first index of a list of settings, mappings or aliases."""
    found = _DESCRIBED.match(answer)
    return None if found is None else found.group(1)


def created_index(answer: bytes) -> bytes | None:
    """The index that was created."""
    found = _CREATED.fullmatch(answer)
    return None if found is None else found.group(1)


def token_of(answer: bytes) -> bytes | None:
    """The cursor or task that an answer begins with."""
    found = _TOKEN.match(answer)
    return None if found is None else found.group(1)


def sql_cursor_of(answer: bytes) -> bytes | None:
    """The cursor of a page of SQL; it may come after the rows.

    A row's text can't contain it: its quotes are escaped. One that contains an object can, which costs that client the order of its own pages.
    """
    cursor = None
    for found in _CURSOR.finditer(answer):
        cursor = found.group(1)
    return cursor
