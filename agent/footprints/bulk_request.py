"""The action lines of a _bulk, read as they stream by. No I/O."""

import re
from typing import Final

from agent.footprints.content import parsed
from agent.footprints.request_bodies import text_of

MOST_DOCUMENTS: Final = 10_000
"""With more in one request, it counts as its whole indices."""

# Of different indices in one request; with more, it counts as every index.
_MOST_INDICES: Final = 1_000
# An action line that is longer counts as broken.
_LONGEST_ACTION: Final = 64 * 1024

# About a millisecond's: what is read before others have their turn.
_LINES_AT_ONCE: Final = 1_000
_UNUSUAL_AT_ONCE: Final = 200

# Empty lines mean nothing where an action may be; they are left out together, or a body of nothing else would take long.
_BLANK: Final = re.compile(rb"[ \t\r\n]+")
# As clients write them; json reads what is written otherwise.
_USUAL: Final = re.compile(
    rb'\{ ?"(index|create|delete|update)": ?\{'
    rb'(?:,? ?"(?:_index": ?"([^"\\]+)|_id": ?"([^"\\]+)|(?:_type|_?routing|pipeline)": ?"[^"\\]*)"|, ?"retry_on_conflict": ?\d+){0,6}'
    rb" ?\} ?\}\r?\n"
)
_ACTIONS: Final = frozenset(("index", "create", "delete", "update"))


class BulkRequest:
    """Collects what the lines name. An empty index is the path's, an empty identifier is the cluster's to make."""

    def __init__(self) -> None:
        self.items: list[tuple[bytes, bytes]] = []
        """Index and identifier; the first `MOST_DOCUMENTS`."""
        self.updates = False
        """A document is read, too."""
        self.indices: dict[bytes, bool] = {}
        """All that were named."""
        self.count = 0
        self.without_id = False
        self.broken = False
        """It can't be read, or names too many indices."""
        self._rest = b""
        self._in_source = False

    @property
    def too_many(self) -> bool:
        """Whether there are more documents than are kept."""
        return self.count > MOST_DOCUMENTS

    def feed(self, data: bytes) -> bool:
        """Read the next bytes of the body, but only so many lines at once; True: some are left, go on with ``feed(b"")``."""
        if self._rest:
            data = self._rest + data
            self._rest = b""
        at, size, most = 0, len(data), self.count + _LINES_AT_ONCE
        unusual = 0
        while at < size and not self.broken:
            if self._in_source:
                end = data.find(b"\n", at)
                if end < 0:
                    return False
                self._in_source = False
                at = end + 1
                continue
            if self.count >= most or unusual >= _UNUSUAL_AT_ONCE:
                self._rest = data[at:]
                return True
            usual = _USUAL.match(data, at)
            if usual is not None:
                at = usual.end()
                action, index, document_id = usual.group(1, 2, 3)
                self._add(action != b"delete", action == b"update", index or b"", document_id or b"")
                continue
            blank = _BLANK.match(data, at)
            if blank is not None:
                at = blank.end()
                continue
            end = data.find(b"\n", at)
            if end < 0:
                self._rest = data[at:]
                self.broken = len(self._rest) > _LONGEST_ACTION
                return False
            self._unusual(data[at:end])
            unusual += 1
            at = end + 1
        return False

    def end(self) -> None:
        """The body has ended."""
        # An action line without its end, or without its source: the cluster refuses the whole.
        if self._rest.strip() or self._in_source:
            self.broken = True

    def _unusual(self, line: bytes) -> None:
        action = parsed(line) if len(line) <= _LONGEST_ACTION else None
        if not isinstance(action, dict) or len(action) != 1:
            self.broken = True
            return
        for name, fields in action.items():
            if name not in _ACTIONS or not isinstance(fields, dict):
                self.broken = True
                return
            self._add(
                name != "delete", name == "update", text_of(fields.get("_index")), text_of(fields.get("_id"))
            )

    def _add(self, has_source: bool, is_update: bool, index: bytes, document_id: bytes) -> None:
        self._in_source = has_source
        self.count += 1
        self.indices[index] = True
        if self.count <= MOST_DOCUMENTS:
            self.items.append((index, document_id))
            if not document_id:
                self.without_id = True
            if is_update:
                self.updates = True
        if len(self.indices) > _MOST_INDICES:
            self.broken = True
