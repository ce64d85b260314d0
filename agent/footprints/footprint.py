"""What a request reads and writes. No I/O.

A name of an index here is the name of a concrete index, never of an alias, a data stream or a pattern: those count as every index
(`NO_INDEX` where single documents are meant, else ``everything``).
"""

import re
from typing import Final, NamedTuple

NO_INDEX: Final = b""
"""Stands for the index of documents of which only a name is known that may be an alias: any index."""

CURSOR: Final = b"<cursor>"
"""Stands for an index of which scrolls, points in time, asynchronous searches and tasks are the documents. No index can be called so."""

CLUSTER: Final = b"<cluster>"
"""Stands for an index of which a document without identifier is what templates, settings and the like are: those that write everything
write it, nothing else does."""

# An identifier that Elasticsearch made: 15 bytes in base64 for URLs (TimeBasedUUIDGenerator), or 16 (RandomBasedUUIDGenerator).
_GENERATED: Final = re.compile(rb"[A-Za-z0-9_-]{20}(?:[A-Za-z0-9_-]{2})?")


class Documents(NamedTuple):
    """Single documents of one index."""

    index_name: bytes
    """`NO_INDEX`: not known."""
    ids: tuple[bytes, ...]


class Footprint(NamedTuple):
    """What a request reads and writes. A tuple without entries: nothing of that kind."""

    reads_everything: bool = False
    """All documents of all indices, and the cluster's own state; no cursors."""
    reads_indices: tuple[bytes, ...] = ()
    """Whole indices, as a search does."""
    reads_documents: tuple[Documents, ...] = ()
    writes_everything: bool = False
    writes_indices: tuple[bytes, ...] = ()
    """Whole indices: their documents, settings, mapping, whether they are there."""
    writes_documents: tuple[Documents, ...] = ()
    adds_to: tuple[bytes, ...] = ()
    """Indices (`NO_INDEX`: one that is not known) of which searches see something new, though no document that anybody can name is
    touched: new documents whose identifiers are not known, a refresh."""

    @property
    def writes(self) -> bool:
        """Whether it writes at all."""
        return bool(self.writes_everything or self.writes_indices or self.writes_documents or self.adds_to)


NOTHING: Final = Footprint()
READS_CLUSTER: Final = Footprint(reads_documents=(Documents(CLUSTER, (b"",)),))
READS_EVERYTHING: Final = Footprint(reads_everything=True)
EVERYTHING: Final = Footprint(reads_everything=True, writes_everything=True)


def is_generated(document_id: bytes) -> bool:
    """Whether the cluster may have made this identifier itself, so that it may be one of a request's that `Footprint.adds_to`."""
    return _GENERATED.fullmatch(document_id) is not None


def must_wait(later: Footprint, earlier: Footprint) -> bool:
    """Whether ``earlier`` writes something that ``later`` reads or writes.

    This is the definition. `agent.order` finds the same without comparing every request with every other one.
    """
    if later == NOTHING or not earlier.writes:
        return False
    if earlier.writes_everything:
        return True
    written = {*earlier.writes_indices, *earlier.adds_to, *(d.index_name for d in earlier.writes_documents)}
    if (later.reads_everything or later.writes_everything) and written != {CURSOR}:
        return True
    whole = {*later.reads_indices, *later.writes_indices}
    if any(_may_be_the_same(one, other) for one in whole for other in written):
        return True
    # Additions clash with what is done to the whole index, and with each other never.
    single = (*later.reads_documents, *later.writes_documents)
    inside = (*later.adds_to, *(documents.index_name for documents in single))
    if any(_may_be_the_same(one, other) for one in inside for other in earlier.writes_indices):
        return True
    return any(
        any(_share_documents(one, other) for other in earlier.writes_documents)
        or any(_may_be_added(one, index) for index in earlier.adds_to)
        for one in single
    )


def _may_be_the_same(index: bytes, other: bytes) -> bool:
    """Whether two names may mean the same index. One that is not known may be any, but never stands for the cursors."""
    return index == other or (NO_INDEX in (index, other) and CURSOR not in (index, other))


def _share_documents(one: Documents, other: Documents) -> bool:
    return _may_be_the_same(one.index_name, other.index_name) and not set(one.ids).isdisjoint(other.ids)


def _may_be_added(documents: Documents, index: bytes) -> bool:
    """Whether one of them may be among the documents that were added to ``index``."""
    return _may_be_the_same(documents.index_name, index) and any(map(is_generated, documents.ids))
