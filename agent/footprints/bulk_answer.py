"""Which documents the answer to a _bulk names. No I/O."""

import re
from typing import Final

from agent.footprints.content import parsed
from agent.footprints.request_bodies import text_of

_START: Final = re.compile(
    rb'\s*\{\s*(?:"(?:took|ingest_took)"\s*:\s*\d+\s*,\s*){0,2}"errors"\s*:\s*\w+\s*,\s*(?:"ingest_took"\s*:\s*\d+\s*,\s*)?"items"\s*:\s*\['
)
# An item of a write that succeeded: it ends before anything of a client's could come. Where the answer is indented, json reads it.
_ITEM: Final = re.compile(
    rb'\s*\{"(?:index|create|delete|update)":\{"_index":"([^"\\]{1,255})",(?:"_type":"[^"\\]*",)?"_id":"([^"\\]{1,4096})",'
    rb'"_version":\d+,"result":"\w+",(?:"forced_refresh":\w+,)?"_shards":\{[^{}]*\},"_seq_no":\d+,"_primary_term":\d+,"status":\d+'
    rb"\}\}([,\]])"
)
# What the cluster writes instead of an identifier for a document that its pipeline dropped.
_DROPPED: Final = b"auto-generated"

# Answers with errors among their items are read as a whole, which takes a time: up to this.
_MOST_WITH_ERRORS: Final = 1024 * 1024


def first_index(answer: bytes) -> bytes | None:
    """The index of the first document, if it was written."""
    start = _START.match(answer)
    item = None if start is None else _ITEM.match(answer, start.end())
    return None if item is None else item.group(1)


class BulkAnswer:
    """Reads an answer in steps."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        start = _START.match(answer)
        self._at = -1 if start is None else start.end()
        self.items: list[tuple[bytes, bytes]] | None = None if start is None else []
        """Index and identifier, for each document of the request in its order; None: they can't be read."""
        self.is_done = start is None

    def step(self, items: int) -> None:
        """Read about so many further items."""
        found = self.items
        if found is None:
            return
        at, answer = self._at, self._answer
        for _ in range(items):
            item = _ITEM.match(answer, at)
            if item is None:
                self._whole()
                return
            found.append((item.group(1), item.group(2)))
            at = item.end()
            if item.group(3) == b"]":
                self.is_done = True
                break
        self._at = at

    def _whole(self) -> None:
        self.is_done = True
        self.items = None
        answer = parsed(self._answer, _MOST_WITH_ERRORS)
        listed = answer.get("items") if isinstance(answer, dict) else None
        if not isinstance(listed, list):
            return
        items: list[tuple[bytes, bytes]] = []
        for entry in listed:
            fields = next(iter(entry.values()), None) if isinstance(entry, dict) else None
            if not isinstance(fields, dict):
                return
            index, document_id = text_of(fields.get("_index")), text_of(fields.get("_id"))
            # The index of an item that failed is the one that was asked for, perhaps an alias.
            items.append(
                (b"" if "error" in fields else index, b"" if document_id == _DROPPED else document_id)
            )
        self.items = items
